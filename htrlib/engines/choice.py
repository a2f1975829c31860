"""Engines by name, and which one runs where none is named."""

from __future__ import annotations

import os
from typing import Optional

from htrlib.engines.port import Engine, EngineFactory, Networks
from htrlib.errors import ConfigError
from htrlib.registry import Registry

ENVIRONMENT_VARIABLE = "HTRLIB_ENGINE"

ENGINES: Registry[EngineFactory] = Registry(
    "htrlib.engines", {"mxnet": "htrlib.engines.mxnet.engine:MxnetEngine"}
)


def make_engine(networks: Networks, name: Optional[str], device: Optional[str]) -> Engine:
    """An engine for a bundle's networks.

    Args:
        name: one of `ENGINES`; None is what HTRLIB_ENGINE says, or else the fastest that is there.
        device: "cpu", "gpu" or "gpu:N"; None is the first GPU, or the CPU where there is none.
    Raises:
        ConfigError: there is no engine of that name.
        DeviceError: the device, or the engine's framework, is not there.
    """
    wanted = name or os.environ.get(ENVIRONMENT_VARIABLE) or "mxnet"
    if wanted not in ENGINES:
        raise ConfigError(f"no engine {wanted!r}; there are {', '.join(ENGINES)}")
    return ENGINES[wanted](networks, device)
