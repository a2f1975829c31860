"""Set the parameters of networks and run them, one thread at a time.

MXNet is not thread-safe, so every call made by reading holds `lock`. A fork waits for the lock, so
that a child never inherits MXNet in the middle of a call; MXNet itself stops its threads before a
fork and starts new ones on both sides.
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
    """Return the MXNet context of a device; None means the first GPU, or else the CPU.

    Raises:
        DeviceError: the name is invalid, or the device does not exist.
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
            f"device {device!r} does not exist: MXNet finds {gpus} GPUs; use device 'cpu', or "
            "install an MXNet build for CUDA"
        )
    return mx.gpu(wanted[1])


def set_parameters(
    block: Any, arrays: Mapping[str, NDArray[Any]], device: Optional[str] = None
) -> None:
    """Place a network for inference on a device and set its parameters, as float32.

    Raises:
        BundleMismatchError: a parameter is missing, unexpected, or of another shape.
        DeviceError: see `context`.
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
    """Return a network's parameters by structural name, as `set_parameters` takes them."""
    with lock:
        return {
            name: parameter.data(parameter.list_ctx()[0]).asnumpy()
            for name, parameter in block._collect_params_with_prefix().items()
        }


def run(block: Any, array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Run a network with one output."""
    (output,) = run_all(block, array)
    return output


def run_all(block: Any, array: NDArray[np.float32]) -> Tuple[NDArray[np.float32], ...]:
    """Run a network and return its outputs.

    Args:
        block: hybrid block with parameters, all on one device.
        array: input, batch first.
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
            "the parameters do not match the network",
            f"{len(names)} parameters",
            f"{len(arrays)}: {len(missing)} missing {missing[:3]}, {len(surplus)} unexpected "
            f"{surplus[:3]}",
        )
    for name, shape in expected.items():
        found = arrays[name].shape
        # Gluon infers sizes of 0 from the first input
        if len(found) != len(shape) or any(s not in (0, f) for s, f in zip(shape, found)):
            raise BundleMismatchError(f"shape of the parameter {name!r}", shape, found)
