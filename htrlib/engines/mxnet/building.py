"""Build networks by name, as Gluon blocks."""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping

from htrlib.engines.mxnet.folding import FoldedLabeler
from htrlib.engines.mxnet.labeler import PageLabeler
from htrlib.engines.mxnet.recognizer import LineRecognizer
from htrlib.engines.mxnet.ssd import WordDetector
from htrlib.engines.network_shapes import LabelerConfig, RecognizerConfig
from htrlib.engines.port import HANDWRITTEN_LINES, LINES, PARAGRAPHS, RECOGNIZER, WORDS
from htrlib.engines.word_anchors import SsdConfig
from htrlib.errors import ConfigError


def build(name: str, config: Mapping[str, Any]) -> Any:
    """Build an uninitialized network.

    Args:
        name: name in a bundle's configuration.
        config: configuration of the network.
    Returns:
        A `gluon.HybridBlock` whose parameters have no values yet.
    Raises:
        ConfigError: the network does not exist, or its configuration is incomplete.
    """

    builders: Dict[str, Callable[[], Any]] = {
        PARAGRAPHS: lambda: PageLabeler(LabelerConfig.from_dict(config)),
        LINES: lambda: PageLabeler(LabelerConfig.from_dict(config)),
        HANDWRITTEN_LINES: lambda: PageLabeler(LabelerConfig.from_dict(config)),
        WORDS: lambda: WordDetector(SsdConfig.from_dict(config)),
        RECOGNIZER: lambda: LineRecognizer(RecognizerConfig.from_dict(config)),
    }
    if name not in builders:
        raise ConfigError(f"unknown network {name!r}; choose {', '.join(sorted(builders))}")
    try:
        return builders[name]()
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"network {name!r}: missing or invalid configuration: {error}") from error


def for_inference(network: Any) -> Any:
    """Build an equivalent of a network with its parameters, faster where possible."""

    return FoldedLabeler(network) if isinstance(network, PageLabeler) else network
