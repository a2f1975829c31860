"""Sizes, boxes, polygons and line strips: the only box arithmetic of the project.

Coordinates are float pixels of the page as :func:`htrlib.load_image` gives it: origin top left,
y down, right and bottom exclusive. NumPy is imported where it is needed: the Lambda functions of
examples/sagemaker carry this module and have none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterable, Sequence, Tuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Point = Tuple[float, float]


@dataclass(frozen=True)
class Size:
    """Width and height in pixels."""

    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width <= 0 or self.height <= 0:
            raise ValueError(f"a size is positive, found {self.width} x {self.height}")


@dataclass(frozen=True)
class Box:
    """An axis-parallel rectangle, right and bottom exclusive.

    >>> Box(0, 0, 4, 2).iou(Box(2, 0, 6, 2))
    0.3333333333333333
    """

    left: float
    top: float
    right: float
    bottom: float

    def __post_init__(self) -> None:
        edges = (self.left, self.top, self.right, self.bottom)
        if not all(math.isfinite(edge) for edge in edges):
            raise ValueError(f"a box has finite edges, found {edges}")
        if self.right <= self.left or self.bottom <= self.top:
            raise ValueError(f"a box has left < right and top < bottom, found {edges}")

    @classmethod
    def from_xywh(cls, x: float, y: float, width: float, height: float) -> Box:
        """The box of a left top corner and a size."""
        return cls(x, y, x + width, y + height)

    @classmethod
    def from_normalized(cls, box: Sequence[float], size: Size) -> Box:
        """The box of (left, top, right, bottom) as fractions of a page's size."""
        left, top, right, bottom = box
        return cls(left * size.width, top * size.height, right * size.width, bottom * size.height)

    @classmethod
    def around(cls, points: Iterable[Point]) -> Box:
        """The smallest box that holds all points."""
        xs, ys = zip(*points)
        return cls(float(min(xs)), float(min(ys)), float(max(xs)), float(max(ys)))

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def area(self) -> float:
        return self.width * self.height

    @property
    def center(self) -> Point:
        return ((self.left + self.right) / 2, (self.top + self.bottom) / 2)

    def as_tuple(self) -> Tuple[float, float, float, float]:
        """(left, top, right, bottom)."""
        return (self.left, self.top, self.right, self.bottom)

    def expanded(self, x: float, y: float) -> Box:
        """The box with x pixels more on the left and right, y more above and below."""
        return Box(self.left - x, self.top - y, self.right + x, self.bottom + y)

    def clipped(self, size: Size) -> Box:
        """The part of the box on a page of that size.

        Raises:
            ValueError: nothing of the box lies on the page.
        """
        return Box(
            max(self.left, 0.0),
            max(self.top, 0.0),
            min(self.right, float(size.width)),
            min(self.bottom, float(size.height)),
        )

    def scaled(self, x: float, y: float) -> Box:
        """The box with its x coordinates times x and its y coordinates times y."""
        return Box(self.left * x, self.top * y, self.right * x, self.bottom * y)

    def shifted(self, x: float, y: float) -> Box:
        """The box moved right by x and down by y."""
        return Box(self.left + x, self.top + y, self.right + x, self.bottom + y)

    def union(self, other: Box) -> Box:
        """The smallest box that holds both."""
        return Box(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )

    def intersection_area(self, other: Box) -> float:
        """Pixels that both boxes cover."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return width * height if width > 0 and height > 0 else 0.0

    def iou(self, other: Box) -> float:
        """Intersection over union, between 0 and 1."""
        intersection = self.intersection_area(other)
        return intersection / (self.area + other.area - intersection)


def union_of(boxes: Iterable[Box]) -> Box:
    """The smallest box that holds all boxes.

    Raises:
        ValueError: there are none.
    """
    remaining = iter(boxes)
    try:
        result = next(remaining)
    except StopIteration:
        raise ValueError("the union of no boxes is not a box") from None
    for box in remaining:
        result = result.union(box)
    return result


def boxes_to_array(boxes: Sequence[Box]) -> NDArray[np.float32]:
    """(N, 4) float32 array, columns left, top, right, bottom."""
    import numpy as np

    return np.array([box.as_tuple() for box in boxes], dtype=np.float32).reshape(-1, 4)


@dataclass(frozen=True)
class Polygon:
    """A closed outline; the last point joins the first."""

    points: Tuple[Point, ...]

    def __post_init__(self) -> None:
        if len(self.points) < 3:
            raise ValueError(f"a polygon has at least 3 points, found {len(self.points)}")

    @property
    def box(self) -> Box:
        return Box.around(self.points)


@dataclass(frozen=True)
class LineStrip:
    """Where a text line lies: its top and bottom at evenly spaced columns, left to right.

    A strip follows a sloped or curved line with vertical columns, so a fraction of the strip's
    length is a fraction of its horizontal extent. It is how a frame of a recognizer finds its
    place on the page.
    """

    left: float
    right: float
    tops: Tuple[float, ...]
    bottoms: Tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.left < self.right:
            raise ValueError(f"a strip has left < right, found {self.left}, {self.right}")
        if len(self.tops) != len(self.bottoms) or len(self.tops) < 2:
            raise ValueError(
                "a strip has as many tops as bottoms, at least two; found "
                f"{len(self.tops)} and {len(self.bottoms)}"
            )

    @classmethod
    def from_box(cls, box: Box) -> LineStrip:
        """The straight strip that fills a box."""
        return cls(box.left, box.right, (box.top, box.top), (box.bottom, box.bottom))

    @property
    def height(self) -> float:
        """Mean height in pixels."""
        return sum(b - t for t, b in zip(self.tops, self.bottoms)) / len(self.tops)

    def box(self, start: float = 0.0, end: float = 1.0) -> Box:
        """The page box of the part from fraction `start` to fraction `end` of the length."""
        import numpy as np

        columns = np.linspace(0.0, 1.0, len(self.tops))
        at = np.concatenate(([start], columns[(columns > start) & (columns < end)], [end]))
        tops = np.interp(at, columns, self.tops)
        bottoms = np.interp(at, columns, self.bottoms)
        width = self.right - self.left
        return Box(
            self.left + start * width,
            float(tops.min()),
            self.left + end * width,
            float(bottoms.max()),
        )
