"""Networks by name, as Gluon blocks."""

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
    """An untrained network.

    Args:
        name: its name in a bundle's configuration.
        config: what the bundle's configuration says of it.
    Returns:
        a `gluon.HybridBlock` whose parameters hold no values yet.
    Raises:
        ConfigError: there is no network of that name, or a number that it needs is missing.
    """

    builders: Dict[str, Callable[[], Any]] = {
        PARAGRAPHS: lambda: PageLabeler(LabelerConfig.from_dict(config)),
        LINES: lambda: PageLabeler(LabelerConfig.from_dict(config)),
        HANDWRITTEN_LINES: lambda: PageLabeler(LabelerConfig.from_dict(config)),
        WORDS: lambda: WordDetector(SsdConfig.from_dict(config)),
        RECOGNIZER: lambda: LineRecognizer(RecognizerConfig.from_dict(config)),
    }
    if name not in builders:
        raise ConfigError(f"no network {name!r}; there are {', '.join(sorted(builders))}")
    try:
        return builders[name]()
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"network {name!r}: the configuration lacks or spoils {error}") from error


def for_inference(network: Any) -> Any:
    """Build an equivalent of a network with its parameters, faster where possible."""

    return FoldedLabeler(network) if isinstance(network, PageLabeler) else network
