"""Write ONNX models without the `onnx` package.

ONNX files are Protocol Buffers messages (https://onnx.ai/onnx/repo-docs/IR.html): each field is a
number, a wire type and a value. These hundred lines write the few messages that are needed, so that
reading does not depend on the `onnx` package, which is ten times the size of the graphs.
"""

from __future__ import annotations

import struct
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np
from numpy.typing import NDArray

OPSET = 17
_IR_VERSION = 8  # version of the file format that goes with the operator set

Attribute = Union[int, float, str, Sequence[int], Sequence[str]]
Shape = Tuple[Union[int, str], ...]
"""Sizes; one that varies has a name."""

ELEMENT_TYPES: Dict[str, int] = {
    "float32": 1,
    "uint8": 2,
    "int32": 6,
    "int64": 7,
    "float16": 10,
}


class Graph:
    """A graph under construction; its methods return the names of values."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: List[bytes] = []
        self._constants: List[bytes] = []
        self._inputs: List[bytes] = []
        self._outputs: List[bytes] = []
        self._count = 0

    def input(self, name: str, dtype: str, shape: Shape) -> str:
        """Declare an input."""
        self._inputs.append(_value(name, dtype, shape))
        return name

    def output(self, name: str, dtype: str, shape: Shape) -> None:
        """Declare that a value is an output."""
        self._outputs.append(_value(name, dtype, shape))

    def constant(self, array: NDArray[Any]) -> str:
        """Add a constant array."""
        name = self._fresh("constant")
        dims = b"".join(_integer(1, size) for size in array.shape)
        self._constants.append(
            dims
            + _integer(2, ELEMENT_TYPES[array.dtype.name])
            + _text(8, name)
            + _bytes(9, np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes())
        )
        return name

    def node(
        self, operator: str, *inputs: str, output: Optional[str] = None, **attributes: Attribute
    ) -> str:
        """Add an ONNX operator with one output; "" stands for an omitted input."""
        output = output or self._fresh(operator.lower())
        self._nodes.append(
            b"".join(_text(1, name) for name in inputs)
            + _text(2, output)
            + _text(3, output)
            + _text(4, operator)
            + b"".join(_bytes(5, _attribute(*item)) for item in attributes.items())
        )
        return output

    def model(self) -> bytes:
        """Return the content of an ONNX file."""
        graph = (
            b"".join(_bytes(1, node) for node in self._nodes)
            + _text(2, self._name)
            + b"".join(_bytes(5, constant) for constant in self._constants)
            + b"".join(_bytes(11, value) for value in self._inputs)
            + b"".join(_bytes(12, value) for value in self._outputs)
        )
        return (
            _integer(1, _IR_VERSION)
            + _text(2, "htrlib")
            + _bytes(7, graph)
            + _bytes(8, _text(1, "") + _integer(2, OPSET))
        )

    def _fresh(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._count}"


def _value(name: str, dtype: str, shape: Shape) -> bytes:
    sizes = (_text(2, size) if isinstance(size, str) else _integer(1, size) for size in shape)
    dims = b"".join(_bytes(1, size) for size in sizes)
    tensor = _integer(1, ELEMENT_TYPES[dtype]) + _bytes(2, dims)
    return _text(1, name) + _bytes(2, _bytes(1, tensor))


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, int):
        kind, content = 2, _integer(3, value)
    elif isinstance(value, float):
        kind, content = 1, _key(2, 5) + struct.pack("<f", value)
    elif isinstance(value, str):
        kind, content = 3, _text(4, value)
    elif isinstance(value[0], str):
        kind, content = 8, b"".join(_text(9, str(text)) for text in value)
    else:
        kind, content = 7, b"".join(_integer(8, int(number)) for number in value)
    return _text(1, name) + content + _integer(20, kind)


def _key(number: int, wire_type: int) -> bytes:
    return _varint(number << 3 | wire_type)


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1  # negative numbers are in two's complement
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    groups.append(value)
    return bytes(groups)


def _integer(number: int, value: int) -> bytes:
    return _key(number, 0) + _varint(value)


def _bytes(number: int, content: bytes) -> bytes:
    return _key(number, 2) + _varint(len(content)) + content


def _text(number: int, text: str) -> bytes:
    return _bytes(number, text.encode("utf-8"))
