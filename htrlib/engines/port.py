"""The port behind which the networks run; nothing above it knows which framework does."""

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
"""A line labeler that knows handwriting alone; the best for it, where a bundle has one."""

NETWORKS = (RECOGNIZER, LINES, WORDS, PARAGRAPHS)
"""The networks that a bundle can hold, each trained by the task of its name."""

LINE_HEIGHT = 64  # pixels: of lines, where there is no recognizer to ask

Ink = NDArray[np.uint8]


class Networks(Protocol):
    """The networks of a bundle, as engines ask for them."""

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
        name: of the engine, "mxnet" for one.
        device: "cpu" or "gpu:N".
        parallel: "threads" where several threads compute at once, "processes" where each core
            wants a process of its own.
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
            for each line (T, C) float32 logits, T = ceil(W / frame width), the blank last.
        """
        ...


EngineLike = Union[str, Engine, None]


class EngineFactory(Protocol):
    """Makes an engine of a bundle's networks.

    Raises:
        DeviceError: the device, or the framework, is not there.
    """

    def __call__(self, networks: Networks, device: Optional[str]) -> Engine: ...
