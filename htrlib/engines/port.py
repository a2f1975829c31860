"""The engine port. Code above it does not depend on a framework."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Protocol, Sequence, Tuple, Union

import numpy as np
from numpy.typing import NDArray

from htrlib.document.charset import Charset

RECOGNIZER = "line-recognition"
PARAGRAPHS = "paragraph"
LINES = "line-segmentation"
WORDS = "line-segmentation-ssd"
HANDWRITTEN_LINES = "line-segmentation-handwriting"
"""A labeler of handwritten lines only; preferred for handwriting, if a bundle has it."""

RECURRENCE = "line-recognition-recurrence"
"""The part of an 8-bit recognizer from its LSTMs on, in a graph of its own."""

NETWORKS = (RECOGNIZER, LINES, WORDS, PARAGRAPHS)
"""The networks that a bundle can hold, each trained by the task of its name."""

LINE_HEIGHT = 64  # pixels: default height of lines without a recognizer

Ink = NDArray[np.uint8]


class Networks(Protocol):
    """The networks of a bundle, as engines see them."""

    @property
    def directory(self) -> Path: ...

    @property
    def charset(self) -> Charset: ...

    def network_config(self, name: str) -> Mapping[str, Any]: ...

    def parameters(self, name: str) -> Dict[str, NDArray[np.float32]]: ...

    def file(self, name: str) -> Path: ...

    def int8_graph(self, network: str) -> Optional[Path]: ...


class Engine(Protocol):
    """Runs the networks of one bundle on one device. Threads may share it.

    Attributes:
        name: name of the engine, such as "mxnet".
        device: "cpu" or "gpu:N".
        parallel: "threads" if several threads can compute at once, "processes" if each core needs
            its own process.
    """

    name: str
    device: str
    parallel: str

    def label_pixels(self, network: str, ink: Ink) -> NDArray[np.float32]:
        """Run a page labeler on a picture.

        Args:
            network: `PARAGRAPHS`, `LINES` or `HANDWRITTEN_LINES`.
            ink: (H, W) uint8, 0 is paper; both sides are multiples of 64.
        Returns:
            (labels, H / 2, W / 2) float32 logits.
        """
        ...

    def find_words(self, ink: Ink) -> Tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Run the word detector on a picture.

        Args:
            ink: (H, W) uint8, 0 is paper; both sides are multiples of 64.
        Returns:
            (A, 2) float32 logits of paper and word, and (A, 4) float32 offsets from the anchors.
        """
        ...

    def read_lines(self, lines: Sequence[Ink]) -> Tuple[NDArray[np.float32], ...]:
        """Run the recognizer on lines, each independently of the others.

        Args:
            lines: (H, W) uint8 each, 0 is paper, all of the recognizer's height.
        Returns:
            For each line, (T, C) float32 logits, T = ceil(W / frame width), the blank last.
        """
        ...


EngineLike = Union[str, Engine, None]


class EngineFactory(Protocol):
    """Creates an engine for a bundle's networks.

    Raises:
        DeviceError: the device or the framework is missing.
    """

    def __call__(self, networks: Networks, device: Optional[str]) -> Engine: ...
