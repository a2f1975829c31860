"""Networks and arrays: set a network's parameters, run it, on one thread at a time.

MXNet is not safe to call from several threads, so every call of it that transcription makes holds
`lock`. A fork waits for the lock, so that a child never inherits MXNet in the middle of a call;
MXNet itself stops its threads before a fork and starts new ones on both sides.
"""

from __future__ import annotations

import os
import threading
from typing import Any, Dict, Mapping, Optional, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.engines.device import parse_device
from htrlib.engines.mxnet.framework import mx
from htrlib.errors import BundleMismatchError, DeviceError

lock = threading.RLock()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release
    )


def context(device: Optional[str] = None) -> Any:
    """The MXNet context of a device; None is the first GPU, or the CPU where there is none.

    Raises:
        DeviceError: this is no name of a device, or the device is not there.
    """
    wanted = parse_device(device)
    if wanted == ("cpu", 0):
        return mx.cpu()
    with lock:
        gpus = mx.context.num_gpus()
    if wanted is None:
        return mx.gpu(0) if gpus else mx.cpu()
    if wanted[1] >= gpus:
        raise DeviceError(
            f"device {device!r} is not there, MXNet finds {gpus} GPUs; use device 'cpu', or "
            "install an MXNet build for CUDA"
        )
    return mx.gpu(wanted[1])


def set_parameters(
    block: Any, arrays: Mapping[str, NDArray[Any]], device: Optional[str] = None
) -> None:
    """Put a network that only infers on a device and give it its parameters, as float32.

    Raises:
        BundleMismatchError: a parameter is missing, surplus, or of another shape.
        DeviceError: as for `context`.
    """
    target = context(device)
    with lock:
        parameters = block._collect_params_with_prefix()
        _check_shapes({name: p.shape for name, p in parameters.items()}, arrays)
        for name, parameter in parameters.items():
            parameter.grad_req = "null"
            parameter.shape = arrays[name].shape
            parameter.initialize(mx.init.Zero(), ctx=target, force_reinit=True)
            parameter.set_data(mx.nd.array(arrays[name], ctx=target, dtype="float32"))


def get_parameters(block: Any) -> Dict[str, NDArray[np.float32]]:
    """The parameters of a network by structural name, as `set_parameters` takes them."""
    with lock:
        return {
            name: parameter.data(parameter.list_ctx()[0]).asnumpy()
            for name, parameter in block._collect_params_with_prefix().items()
        }


def run(block: Any, array: NDArray[np.float32]) -> NDArray[np.float32]:
    """The output of a network that has one."""
    (output,) = run_all(block, array)
    return output


def run_all(block: Any, array: NDArray[np.float32]) -> Tuple[NDArray[np.float32], ...]:
    """The outputs of a network.

    Args:
        block: a hybrid block with parameters, all on one device.
        array: its input, batch first.
    """
    with lock:
        parameter = next(iter(block.collect_params().values()))
        outputs = block(mx.nd.array(array, ctx=parameter.list_ctx()[0]))
        if not isinstance(outputs, (list, tuple)):
            outputs = (outputs,)
        return tuple(output.asnumpy() for output in outputs)


def _check_shapes(
    expected: Mapping[str, Tuple[int, ...]], arrays: Mapping[str, NDArray[Any]]
) -> None:
    names = sorted(expected)
    if names != sorted(arrays):
        missing = sorted(set(expected) - set(arrays))
        surplus = sorted(set(arrays) - set(expected))
        raise BundleMismatchError(
            "the parameters do not fit the network",
            f"{len(names)} parameters",
            f"{len(arrays)}, of them {len(missing)} missing {missing[:3]} and {len(surplus)} "
            f"surplus {surplus[:3]}",
        )
    for name, shape in expected.items():
        found = arrays[name].shape
        # a size of 0 is one that Gluon would infer from the first input
        if len(found) != len(shape) or any(s not in (0, f) for s, f in zip(shape, found)):
            raise BundleMismatchError(f"shape of the parameter {name!r}", shape, found)
