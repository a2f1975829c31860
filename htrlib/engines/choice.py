"""Engines by name, and which one runs where none is named."""

from __future__ import annotations

import importlib.util
import os
from typing import Optional

from htrlib.engines.port import Engine, EngineFactory, Networks
from htrlib.errors import ConfigError, DeviceError
from htrlib.registry import Registry

ENVIRONMENT_VARIABLE = "HTRLIB_ENGINE"

ENGINES: Registry[EngineFactory] = Registry(
    "htrlib.engines",
    {
        "onnx": "htrlib.engines.onnx.engine:OnnxEngine",
        "onnx-float32": "htrlib.engines.onnx.engine:float32_engine",
        "onnx-float16": "htrlib.engines.onnx.engine:float16_engine",
        "mxnet": "htrlib.engines.mxnet.engine:MxnetEngine",
    },
)

FASTEST_FIRST = {"onnx": "onnxruntime", "mxnet": "mxnet"}
"""The engines that are taken where none is named -> the package that they need."""


def make_engine(networks: Networks, name: Optional[str], device: Optional[str]) -> Engine:
    """An engine for a bundle's networks.

    Args:
        name: one of `ENGINES`; None is what HTRLIB_ENGINE says, or else the fastest that is there.
        device: "cpu", "gpu" or "gpu:N"; None is the first GPU, or the CPU where there is none.
    Raises:
        ConfigError: there is no engine of that name.
        DeviceError: the device, or the engine's framework, is not there.
    """
    wanted = name or os.environ.get(ENVIRONMENT_VARIABLE) or default_engine()
    if wanted not in ENGINES:
        raise ConfigError(f"no engine {wanted!r}; there are {', '.join(ENGINES)}")
    return ENGINES[wanted](networks, device)


def default_engine() -> str:
    """The name of the fastest engine whose package is installed.

    Raises:
        DeviceError: there is none.
    """
    for name, package in FASTEST_FIRST.items():
        if importlib.util.find_spec(package) is not None:
            return name
    raise DeviceError(
        "nothing is installed that runs networks; install it: pip install onnxruntime"
    )
