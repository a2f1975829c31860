"""Sizes, boxes, polygons and line strips. All box arithmetic of the project is here.

Coordinates are float pixels of the page as :func:`htrlib.load_image` returns it: origin top left,
y down, right and bottom exclusive. NumPy is imported only where it is needed: the Lambda functions
of examples/sagemaker use this module without it.
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
            raise ValueError(f"a size must be positive, found {self.width} x {self.height}")


@dataclass(frozen=True)
class Box:
    """An axis-aligned rectangle, right and bottom exclusive.

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
            raise ValueError(f"the edges of a box must be finite, found {edges}")
        if self.right <= self.left or self.bottom <= self.top:
            raise ValueError(f"a box needs left < right and top < bottom, found {edges}")

    @classmethod
    def from_xywh(cls, x: float, y: float, width: float, height: float) -> Box:
        """Create a box from its top left corner and size."""
        return cls(x, y, x + width, y + height)

    @classmethod
    def from_normalized(cls, box: Sequence[float], size: Size) -> Box:
        """Create a box from (left, top, right, bottom) as fractions of a page's size."""
        left, top, right, bottom = box
        return cls(left * size.width, top * size.height, right * size.width, bottom * size.height)

    @classmethod
    def around(cls, points: Iterable[Point]) -> Box:
        """Create the smallest box that contains all points."""
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
        """Return the box grown by x pixels to the left and right and y above and below."""
        return Box(self.left - x, self.top - y, self.right + x, self.bottom + y)

    def clipped(self, size: Size) -> Box:
        """Return the part of the box on a page of a size.

        Raises:
            ValueError: the box is outside the page.
        """
        return Box(
            max(self.left, 0.0),
            max(self.top, 0.0),
            min(self.right, float(size.width)),
            min(self.bottom, float(size.height)),
        )

    def scaled(self, x: float, y: float) -> Box:
        """Return the box with x coordinates multiplied by x and y coordinates by y."""
        return Box(self.left * x, self.top * y, self.right * x, self.bottom * y)

    def shifted(self, x: float, y: float) -> Box:
        """Return the box moved right by x and down by y."""
        return Box(self.left + x, self.top + y, self.right + x, self.bottom + y)

    def turned(self, quarter_turns: int) -> Box:
        """Return the box turned about the page's origin; see `quarter_turned`."""
        corners = ((self.left, self.top), (self.right, self.bottom))
        return Box.around(quarter_turned(corner, quarter_turns) for corner in corners)

    def union(self, other: Box) -> Box:
        """Return the smallest box that contains both."""
        return Box(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )

    def intersection_area(self, other: Box) -> float:
        """Area of the intersection in pixels."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return width * height if width > 0 and height > 0 else 0.0

    def iou(self, other: Box) -> float:
        """Intersection over union, between 0 and 1."""
        intersection = self.intersection_area(other)
        return intersection / (self.area + other.area - intersection)


def union_of(boxes: Iterable[Box]) -> Box:
    """Return the smallest box that contains all boxes.

    Raises:
        ValueError: there are no boxes.
    """
    remaining = iter(boxes)
    try:
        result = next(remaining)
    except StopIteration:
        raise ValueError("the union needs at least one box") from None
    for box in remaining:
        result = result.union(box)
    return result


def boxes_to_array(boxes: Sequence[Box]) -> NDArray[np.float32]:
    """Convert boxes to an (N, 4) float32 array with columns left, top, right, bottom."""
    import numpy as np

    return np.array([box.as_tuple() for box in boxes], dtype=np.float32).reshape(-1, 4)


@dataclass(frozen=True)
class Polygon:
    """A closed outline; the last point joins the first."""

    points: Tuple[Point, ...]

    def __post_init__(self) -> None:
        if len(self.points) < 3:
            raise ValueError(f"a polygon needs at least 3 points, found {len(self.points)}")
        check_finite(self.points)

    @property
    def box(self) -> Box:
        return Box.around(self.points)


def check_finite(points: Iterable[Point]) -> None:
    """Check that the coordinates of points are numbers, which files can hold.

    Raises:
        ValueError: one is infinite or NaN.
    """
    for point in points:
        if not all(map(math.isfinite, point)):
            raise ValueError(f"the coordinates of points must be finite, found {tuple(point)}")


def quarter_turned(point: Point, quarter_turns: int) -> Point:
    """Turn a point about the page's origin, counterclockwise by 90 degrees each.

    >>> quarter_turned((1.0, 2.0), 1)
    (2.0, -1.0)
    """
    x, y = point
    return ((x, y), (y, -x), (-x, -y), (-y, x))[quarter_turns % 4]


def turns_upright(baseline: Sequence[Point]) -> int:
    """Return the counterclockwise turns by 90 degrees that set the line of a baseline upright.

    1 for a baseline that runs down the page, 3 for one that runs up, or else 0.

    >>> turns_upright([(5.0, 90.0), (6.0, 10.0)])
    3
    """
    (x0, y0), (x1, y1) = baseline[0], baseline[-1]
    if abs(y1 - y0) <= abs(x1 - x0):
        return 0
    return 1 if y1 > y0 else 3


@dataclass(frozen=True)
class LineStrip:
    """The course of a text line: its top and bottom at evenly spaced columns, left to right.

    A strip follows a sloped or curved line with vertical columns, so a fraction of the strip's
    length is a fraction of its horizontal extent. It maps the frames of a recognizer to the page.

    The strip of a line that runs up or down the page is that of the line turned to run to the
    right: by `quarter_turns` of 90 degrees counterclockwise, about the page's origin.
    """

    left: float
    right: float
    tops: Tuple[float, ...]
    bottoms: Tuple[float, ...]
    quarter_turns: int = 0

    def __post_init__(self) -> None:
        if not self.left < self.right:
            raise ValueError(f"a strip needs left < right, found {self.left}, {self.right}")
        if len(self.tops) != len(self.bottoms) or len(self.tops) < 2:
            raise ValueError(
                "a strip needs as many tops as bottoms, and at least two; found "
                f"{len(self.tops)} and {len(self.bottoms)}"
            )

    @classmethod
    def from_box(cls, box: Box) -> LineStrip:
        """Create the straight strip that fills a box."""
        return cls(box.left, box.right, (box.top, box.top), (box.bottom, box.bottom))

    @property
    def height(self) -> float:
        """Mean height in pixels."""
        return sum(b - t for t, b in zip(self.tops, self.bottoms)) / len(self.tops)

    def box(self, start: float = 0.0, end: float = 1.0) -> Box:
        """Return the page box of the part from fraction `start` to `end` of the length."""
        last = len(self.tops) - 1
        within = slice(math.floor(start * last) + 1, math.ceil(end * last))
        tops = (_at(self.tops, start), *self.tops[within], _at(self.tops, end))
        bottoms = (_at(self.bottoms, start), *self.bottoms[within], _at(self.bottoms, end))
        width = self.right - self.left
        left, right = self.left + start * width, self.left + end * width
        box = Box(left, min(tops), right, max(bottoms))
        return box.turned(-self.quarter_turns) if self.quarter_turns else box


def _at(heights: Sequence[float], fraction: float) -> float:
    """The height at a fraction of the length, between two of evenly spaced ones."""
    place = min(max(fraction, 0.0), 1.0) * (len(heights) - 1)
    before = min(int(place), len(heights) - 2)
    return heights[before] + (heights[before + 1] - heights[before]) * (place - before)
