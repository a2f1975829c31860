"""Compare a bundle's int8 networks with float32 on rendered pages and lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterator, List, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from htrlib.engines.onnx.calibration import CalibrationInks, Ink, calibration_inks
from htrlib.engines.onnx.engine import FLOAT32, INT8, OnnxEngine
from htrlib.engines.port import LINE_HEIGHT, RECOGNIZER, WORDS, Networks

LEAST_AGREEMENT = 0.97  # maximum fraction of different characters on the best path
MOST_FLIPPED = 0.01  # maximum fraction of different labels on a page
LINES = 24


@dataclass(frozen=True)
class Comparison:
    """Comparison of a network in int8 and float32.

    Attributes:
        network: name of the network in the bundle.
        close_enough: whether int8 may replace float32.
        text: description of the result.
    """

    network: str
    close_enough: bool
    text: str


def compare_precisions(networks: Networks, names: Sequence[str]) -> Iterator[Comparison]:
    """Run a bundle's networks in both precisions, or in float32 only if int8 is missing.

    Raises:
        BundleMismatchError: parameters do not match their network.
    """
    config = networks.network_config(RECOGNIZER) if RECOGNIZER in names else {}
    inks = calibration_inks((), int(config.get("height", LINE_HEIGHT)))
    exact, quantized = (OnnxEngine(networks, "cpu", one) for one in (FLOAT32, INT8))
    for name in names:
        stored = networks.int8_graph(name) is not None
        yield _compare(name, inks, [exact, quantized] if stored else [exact])


def _compare(name: str, inks: CalibrationInks, engines: List[OnnxEngine]) -> Comparison:
    if name == WORDS:
        for engine in engines:
            engine.find_words(inks.pages[0])
    elif name == RECOGNIZER:
        paths = [_best_paths(engine, inks.lines[:LINES]) for engine in engines]
        if len(engines) == 2:
            edits = sum(Levenshtein.distance(*both) for both in zip(*paths))
            agreement = 1.0 - edits / max(1, sum(map(len, paths[0])))
            text = f"int8 writes {agreement:.2%} of the characters of float32"
            return Comparison(name, agreement >= LEAST_AGREEMENT, text)
    else:
        labels = [[e.label_pixels(name, page) > 0 for page in inks.pages] for e in engines]
        if len(engines) == 2:
            flipped = float(np.mean([np.mean(one != two) for one, two in zip(*labels)]))
            text = f"int8 labels {flipped:.2%} of the pixels otherwise than float32"
            return Comparison(name, flipped <= MOST_FLIPPED, text)
    return Comparison(name, True, "float32 alone; it runs")


def _best_paths(engine: OnnxEngine, lines: Sequence[Ink]) -> List[Tuple[int, ...]]:
    return [_best_path(logits) for logits in engine.read_lines(lines)]


def _best_path(logits: NDArray[Any]) -> Tuple[int, ...]:
    classes = logits.argmax(axis=1)
    first = np.r_[True, classes[1:] != classes[:-1]]
    return tuple(classes[first & (classes != logits.shape[1] - 1)].tolist())
