"""Box arithmetic: conversions invert, and boxes stay boxes."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from htrlib.document.geometry import Box, LineStrip, Polygon, Size, boxes_to_array, union_of

COORDINATES = st.floats(-1e4, 1e4)
LENGTHS = st.floats(0.01, 1e4)
FACTORS = st.floats(0.01, 100)
POINTS = st.tuples(COORDINATES, COORDINATES)
SIZES = st.builds(Size, st.integers(1, 10_000), st.integers(1, 10_000))
BOXES = st.builds(Box.from_xywh, COORDINATES, COORDINATES, LENGTHS, LENGTHS)


def near(box: Box) -> object:
    return pytest.approx(box.as_tuple(), rel=1e-6, abs=1e-6)


@st.composite
def strips(draw: st.DrawFn) -> LineStrip:
    left, width = draw(COORDINATES), draw(LENGTHS)
    tops = draw(st.lists(COORDINATES, min_size=2, max_size=8))
    heights = draw(st.lists(LENGTHS, min_size=len(tops), max_size=len(tops)))
    bottoms = tuple(top + height for top, height in zip(tops, heights))
    return LineStrip(left, left + width, tuple(tops), bottoms)


class TestSize:
    @pytest.mark.parametrize(("width", "height"), [(0, 1), (1, 0), (-1, 1)])
    def test_is_positive(self, width: int, height: int) -> None:
        with pytest.raises(ValueError, match=f"found {width} x {height}"):
            Size(width, height)


class TestBox:
    @given(COORDINATES, COORDINATES, LENGTHS, LENGTHS)
    def test_from_xywh_inverts(self, x: float, y: float, width: float, height: float) -> None:
        box = Box.from_xywh(x, y, width, height)
        assert (box.left, box.top) == (x, y)
        assert (box.width, box.height) == pytest.approx((width, height), rel=1e-6, abs=1e-6)

    @given(BOXES, SIZES)
    def test_from_normalized_inverts(self, box: Box, size: Size) -> None:
        fractions = box.scaled(1 / size.width, 1 / size.height).as_tuple()
        assert Box.from_normalized(fractions, size).as_tuple() == near(box)

    @given(BOXES, FACTORS, FACTORS)
    def test_scaling_inverts(self, box: Box, x: float, y: float) -> None:
        assert box.scaled(x, y).scaled(1 / x, 1 / y).as_tuple() == near(box)
        assert box.scaled(x, y).area == pytest.approx(box.area * x * y, rel=1e-6)

    @given(BOXES, COORDINATES, COORDINATES)
    def test_shifting_inverts(self, box: Box, x: float, y: float) -> None:
        assert box.shifted(x, y).shifted(-x, -y).as_tuple() == near(box)

    @given(BOXES, LENGTHS, LENGTHS)
    def test_expanding_inverts_and_keeps_the_center(self, box: Box, x: float, y: float) -> None:
        grown = box.expanded(x, y)
        assert grown.expanded(-x, -y).as_tuple() == near(box)
        assert grown.center == pytest.approx(box.center, rel=1e-6, abs=1e-6)
        assert grown.width == pytest.approx(box.width + 2 * x)

    def test_shrinking_to_nothing_is_refused(self) -> None:
        with pytest.raises(ValueError, match="left < right"):
            Box(0, 0, 4, 4).expanded(-2, 0)

    @given(BOXES, BOXES)
    def test_iou_is_symmetric_and_a_fraction(self, one: Box, other: Box) -> None:
        assert one.iou(other) == pytest.approx(other.iou(one), rel=1e-9)
        assert 0.0 <= one.iou(other) <= 1.0 + 1e-9
        assert one.iou(one) == pytest.approx(1.0)

    @given(BOXES, BOXES, st.integers(1, 8), st.integers(-999, 999))
    def test_iou_does_not_depend_on_place_and_scale(
        self, one: Box, other: Box, factor: int, shift: int
    ) -> None:
        moved = (box.scaled(factor, factor).shifted(shift, -shift) for box in (one, other))
        assert next(moved).iou(next(moved)) == pytest.approx(one.iou(other), abs=1e-4)

    @pytest.mark.parametrize(
        ("other", "iou"),
        [
            (Box(0, 0, 10, 10), 1.0),
            (Box(0, 0, 10, 5), 0.5),
            (Box(2, 2, 4, 4), 0.04),
            (Box(5, 5, 15, 15), 25 / 175),
            (Box(10, 0, 20, 10), 0.0),  # right is exclusive: neighbors do not overlap
            (Box(0, 10, 10, 20), 0.0),
            (Box(30, 30, 40, 40), 0.0),
        ],
    )
    def test_iou(self, other: Box, iou: float) -> None:
        assert Box(0, 0, 10, 10).iou(other) == pytest.approx(iou)

    @given(BOXES, BOXES)
    def test_the_union_holds_both(self, one: Box, other: Box) -> None:
        union = one.union(other)
        assert union == other.union(one)
        for box in (one, other):
            assert union.intersection_area(box) == pytest.approx(box.area)
            assert union.union(box) == union

    @given(BOXES, SIZES)
    def test_clipped_lies_on_the_page(self, box: Box, size: Size) -> None:
        page = Box(0, 0, size.width, size.height)
        if page.intersection_area(box) == 0.0:
            with pytest.raises(ValueError, match="left < right"):
                box.clipped(size)
            return
        clipped = box.clipped(size)
        assert page.union(clipped) == page
        assert clipped.area == pytest.approx(page.intersection_area(box))
        assert clipped.clipped(size) == clipped

    @given(st.lists(POINTS, min_size=2, max_size=9))
    def test_around_holds_its_points_tightly(self, points: list[tuple[float, float]]) -> None:
        xs, ys = zip(*points)
        assume(len(set(xs)) > 1 and len(set(ys)) > 1)
        assert Box.around(points) == Box(min(xs), min(ys), max(xs), max(ys))

    @pytest.mark.parametrize(
        "edges",
        [(4, 0, 4, 2), (5, 0, 4, 2), (0, 2, 4, 2), (0, 3, 4, 2)],
    )
    def test_empty_and_inverted_boxes_are_refused(self, edges: tuple[int, ...]) -> None:
        with pytest.raises(ValueError, match="left < right and top < bottom"):
            Box(*edges)

    @pytest.mark.parametrize("edge", [math.nan, math.inf, -math.inf])
    @pytest.mark.parametrize("place", range(4))
    def test_edges_are_finite(self, edge: float, place: int) -> None:
        edges = [0.0, 0.0, 4.0, 2.0]
        edges[place] = edge
        with pytest.raises(ValueError, match="finite"):
            Box(*edges)

    def test_is_frozen(self) -> None:
        with pytest.raises(dataclasses.FrozenInstanceError):
            Box(0, 0, 1, 1).left = 2  # type: ignore[misc]


class TestManyBoxes:
    @given(st.lists(BOXES, min_size=1, max_size=6), st.randoms())
    def test_the_union_ignores_the_order(self, boxes: list[Box], random: object) -> None:
        shuffled = list(boxes)
        random.shuffle(shuffled)  # type: ignore[attr-defined]
        assert union_of(boxes) == union_of(iter(shuffled))

    def test_the_union_of_none_is_refused(self) -> None:
        with pytest.raises(ValueError, match="needs at least one"):
            union_of([])

    def test_arrays_of_boxes(self) -> None:
        array = boxes_to_array([Box(0, 1, 2, 3), Box(4, 5, 6, 7.5)])
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, [[0.0, 1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 7.5]])
        assert boxes_to_array([]).shape == (0, 4)


class TestPolygon:
    def test_its_box(self) -> None:
        assert Polygon(((3, 1), (0, 2), (5, 9))).box == Box(0, 1, 5, 9)

    def test_has_three_points(self) -> None:
        with pytest.raises(ValueError, match="found 2"):
            Polygon(((0, 0), (1, 1)))


class TestLineStrip:
    @given(BOXES)
    def test_a_straight_strip_is_its_box(self, box: Box) -> None:
        strip = LineStrip.from_box(box)
        assert strip.box().as_tuple() == near(box)
        assert strip.height == pytest.approx(box.height)

    @given(strips())
    def test_the_whole_box_holds_every_column(self, strip: LineStrip) -> None:
        expected = Box(strip.left, min(strip.tops), strip.right, max(strip.bottoms))
        assert strip.box().as_tuple() == near(expected)

    @given(strips(), st.integers(0, 99), st.integers(1, 100))
    def test_a_part_lies_in_the_whole(self, strip: LineStrip, start: int, length: int) -> None:
        end = min(100, start + length)
        part, whole = strip.box(start / 100, end / 100), strip.box()
        assert whole.union(part).as_tuple() == near(whole)
        assert part.width == pytest.approx(strip.box().width * (end - start) / 100, rel=1e-3)

    @given(strips(), st.integers(1, 99))
    def test_two_parts_make_the_whole(self, strip: LineStrip, cut: int) -> None:
        parts = strip.box(0.0, cut / 100), strip.box(cut / 100, 1.0)
        assert parts[0].union(parts[1]).as_tuple() == near(strip.box())

    def test_it_follows_a_slope_and_a_bend(self) -> None:
        strip = LineStrip(10, 110, (0, 20, 0), (30, 50, 30))
        assert strip.box(0.0, 0.25) == Box(10, 0, 35, 40)
        assert strip.box(0.25, 0.75) == Box(35, 10, 85, 50)  # the bend lies between its ends
        assert strip.height == 30

    @pytest.mark.parametrize(
        ("left", "right", "tops", "bottoms"),
        [(1, 1, (0, 0), (1, 1)), (0, 1, (0,), (1,)), (0, 1, (0, 0), (1, 1, 1))],
    )
    def test_malformed_strips_are_refused(
        self, left: float, right: float, tops: tuple[float, ...], bottoms: tuple[float, ...]
    ) -> None:
        with pytest.raises(ValueError, match="a strip needs"):
            LineStrip(left, right, tops, bottoms)

    def test_a_part_has_a_length(self) -> None:
        with pytest.raises(ValueError, match="left < right"):
            LineStrip.from_box(Box(0, 0, 10, 10)).box(0.5, 0.5)
