"""The neural networks, as Gluon blocks; MXNet enters the library here and nowhere else."""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, Mapping

import numpy

from htrlib.errors import ConfigError, DeviceError

# Pages come in all sizes, and oneDNN plans each layer for each shape that it sees; without a bound
# the plans of a thousand pages fill the memory. Larger bounds took 100 MB more and were a fiftieth
# faster. Layers run one after the other and need one piece of scratch memory; of several, each
# grows to the size that the largest page wants. Read once, when MXNet is imported.
os.environ.setdefault("MXNET_MKLDNN_CACHE_NUM", "4")
os.environ.setdefault("DNNL_PRIMITIVE_CACHE_CAPACITY", "64")
os.environ.setdefault("MXNET_CPU_TEMP_COPY", "1")

# MXNet 1.9 reads numpy.bool, which NumPy 1.24 took away.
vars(numpy).setdefault("bool", numpy.bool_)

try:
    import mxnet as mx
    from mxnet import gluon
except (ImportError, OSError) as error:  # OSError: a shared library that MXNet wants is missing
    raise DeviceError(
        f"MXNet cannot be imported ({error}); it has builds for Linux only: on Windows use WSL2 or "
        "Docker, on Linux install it with pip, and libgomp1 and libquadmath0 with the system"
    ) from error

__all__ = ["build", "for_inference", "gluon", "mx"]


def build(name: str, config: Mapping[str, Any]) -> Any:
    """An untrained network.

    Args:
        name: its name in a bundle's configuration.
        config: what the bundle's configuration says of it.
    Returns:
        a `gluon.HybridBlock` whose parameters hold no values yet.
    Raises:
        ConfigError: there is no network of that name, or a number that it needs is missing.
    """
    from htrlib.networks.labeler import LabelerConfig, PageLabeler
    from htrlib.networks.recognizer import LineRecognizer, RecognizerConfig
    from htrlib.networks.ssd import SsdConfig, WordDetector

    builders: Dict[str, Callable[[], Any]] = {
        "paragraph": lambda: PageLabeler(LabelerConfig.from_dict(config)),
        "line-segmentation": lambda: PageLabeler(LabelerConfig.from_dict(config)),
        "line-segmentation-ssd": lambda: WordDetector(SsdConfig.from_dict(config)),
        "line-recognition": lambda: LineRecognizer(RecognizerConfig.from_dict(config)),
    }
    if name not in builders:
        raise ConfigError(f"no network {name!r}; there are {', '.join(sorted(builders))}")
    try:
        return builders[name]()
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"network {name!r}: the configuration lacks or spoils {error}") from error


def for_inference(network: Any) -> Any:
    """What computes the same as a network with its parameters, and faster where there is a way."""
    from htrlib.networks.folding import FoldedLabeler
    from htrlib.networks.labeler import PageLabeler

    return FoldedLabeler(network) if isinstance(network, PageLabeler) else network
