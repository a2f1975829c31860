"""Architectures of the networks, from a bundle's configuration, independent of frameworks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Tuple

Strides = Tuple[int, int]


@dataclass(frozen=True)
class RecognizerConfig:
    """The shape of the line recognizer.

    Attributes:
        num_classes: symbols and the blank, which comes last.
        stem: channels of the first convolution, which halves both sides.
        blocks: channels and (vertical, horizontal) strides of the residual blocks.
        hidden: cells of each LSTM in each direction.
        layers: bidirectional LSTMs, one upon the other.
        dropout: share of features dropped in training, before each LSTM and the head.
    """

    num_classes: int
    stem: int = 24
    blocks: Tuple[Tuple[int, Strides], ...] = (
        (40, (2, 2)),
        (80, (2, 1)),
        (128, (2, 1)),
        (160, (2, 1)),
        (160, (1, 1)),
    )
    hidden: int = 192
    dropout: float = 0.1
    layers: int = 2

    @classmethod
    def from_dict(cls, config: Mapping[str, Any]) -> RecognizerConfig:
        """The shape as a bundle's configuration gives it."""
        return cls(
            num_classes=int(config["num_classes"]),
            stem=int(config["stem"]),
            blocks=tuple((int(c), (int(s[0]), int(s[1]))) for c, s in config["blocks"]),
            hidden=int(config["hidden"]),
            dropout=float(config["dropout"]),
            layers=int(config.get("layers", 2)),  # older bundles do not say
        )

    @property
    def lstms(self) -> Tuple[str, ...]:
        """Names of the LSTMs, the first one first."""
        return tuple(f"rnn{number + 1}" for number in range(self.layers))

    @property
    def frame_width(self) -> int:
        """Input columns per frame."""
        width = 2
        for _, (_, horizontal) in self.blocks:
            width *= horizontal
        return width

    def rows(self, height: int) -> int:
        """Rows of the last convolution's features, for pictures of this height."""
        for vertical in (2, *(strides[0] for _, strides in self.blocks)):
            height = -(-height // vertical)
        return height

    @property
    def reach(self) -> int:
        """Reach of the convolutions to each side in input columns, rounded up to whole frames."""
        reach, width = 1, 2
        for _, (_, horizontal) in self.blocks:
            reach += width
            width *= horizontal
            reach += width
        return -(-reach // width) * width


@dataclass(frozen=True)
class LabelerConfig:
    """Architecture of a page labeler.

    Attributes:
        num_labels: output channels; labels are not mutually exclusive.
        channels: channels of the features at 1/2, 1/4, 1/8, ... of the input's sides.
    """

    num_labels: int
    channels: Tuple[int, ...] = (16, 32, 64, 96)

    @classmethod
    def from_dict(cls, config: Mapping[str, Any]) -> LabelerConfig:
        """The shape as a bundle's configuration gives it."""
        return cls(int(config["num_labels"]), tuple(int(c) for c in config["channels"]))

    @property
    def multiple(self) -> int:
        """Divisor of both sides of the input."""
        return int(2 ** len(self.channels))
