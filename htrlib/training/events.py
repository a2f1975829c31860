"""Write TensorBoard event files without TensorFlow or protobuf.

The format is defined by `tensorflow/core/lib/io/record_writer.h` and
`tensorflow/core/util/event.proto`.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from pathlib import Path
from typing import List, Mapping

_POLYNOMIAL = 0x82F63B78  # CRC-32C (Castagnoli), reversed


class EventFile:
    """A new event file in a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{time.time_ns() // 1000}.{socket.gethostname()}.{os.getpid()}"
        self._file = (folder / name).open("ab")
        self._write(_event(_field(3, b"brain.Event:2")))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Append the scalar values of a step."""
        entries = b"".join(
            _field(1, _field(1, name.encode()) + struct.pack("<Bf", 0x15, value))
            for name, value in values.items()
        )
        self._write(_event(b"\x10" + _varint(step) + _field(5, entries)))

    def close(self) -> None:
        self._file.close()

    def _write(self, data: bytes) -> None:
        length = struct.pack("<Q", len(data))
        self._file.write(length + _masked(length) + data + _masked(data))
        self._file.flush()


def crc32c(data: bytes) -> int:
    """Compute the CRC-32C checksum (Castagnoli et al. 1993).

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def _table() -> List[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (_POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _table()


def _masked(data: bytes) -> bytes:
    """Return a record's masked checksum, as TensorFlow stores it."""
    crc = crc32c(data)
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(number: int, content: bytes) -> bytes:
    """Encode a length-delimited field: bytes, a string or a message."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _event(content: bytes) -> bytes:
    return struct.pack("<Bd", 0x09, time.time()) + content
