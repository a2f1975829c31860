"""Engines by name, and the default engine."""

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
"""Engines that can be the default -> the package that they need."""


def make_engine(networks: Networks, name: Optional[str], device: Optional[str]) -> Engine:
    """Create an engine for a bundle's networks.

    Args:
        name: one of `ENGINES`; None means the one named by HTRLIB_ENGINE, or else the fastest one.
        device: "cpu", "gpu" or "gpu:N"; None means the first GPU, or the CPU if there is none.
    Raises:
        ConfigError: the engine is unknown.
        DeviceError: the device or the engine's framework is missing.
    """
    wanted = name or os.environ.get(ENVIRONMENT_VARIABLE) or default_engine()
    if wanted not in ENGINES:
        raise ConfigError(f"no engine {wanted!r}; there are {', '.join(ENGINES)}")
    return ENGINES[wanted](networks, device)


def default_engine() -> str:
    """Return the name of the fastest engine whose package is installed.

    Raises:
        DeviceError: no engine is installed.
    """
    for name, package in FASTEST_FIRST.items():
        if importlib.util.find_spec(package) is not None:
            return name
    raise DeviceError("no engine is installed; run: pip install onnxruntime")
