from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from htrlib.document.geometry import Box, LineStrip, Polygon
from htrlib.document.results import TextLine
from htrlib.images.line_strips import (
    MARGIN,
    WIDEST,
    cut_line,
    line_extent,
    line_strip,
    paper_to_zero,
)

SLOPE = 0.08  # down to the right, as a tangent


def sloped_line(descent=10.0):
    """A line of ascent 30 from (100, 200) on, 400 long."""
    ends = ((100.0, 200.0), (500.0, 200.0 + 400 * SLOPE))
    above = [(x, y - 30) for x, y in ends]
    below = [(x, y + descent) for x, y in reversed(ends)]
    polygon = Polygon((*above, *below))
    return TextLine(polygon.box, polygon, ends)


def page_with(*strokes, size=(700, 400), paper=255):
    """A page with black strokes, each a polygon."""
    image = Image.new("L", size, paper)
    for stroke in strokes:
        ImageDraw.Draw(image).polygon(stroke, fill=0)
    return np.asarray(image)


def along(first, last, above, below):
    """A stroke along the sloped line's baseline."""
    corners = [(first, above), (last, above), (last, below), (first, below)]
    return [(x, 200 + (x - 100) * SLOPE - rise) for x, rise in corners]


def test_a_box_gives_a_straight_strip_with_margins():
    strip = line_strip(TextLine(Box(100, 50, 300, 90)))
    assert strip.tops == (50 - MARGIN * 40,) * 2
    assert strip.bottoms == (90 + MARGIN * 40,) * 2
    assert strip.left < 100
    assert strip.right > 300


def test_the_margin_is_a_fraction_of_the_height():
    line = sloped_line()
    narrow, wide = line_strip(line, margin=0.0), line_strip(line, margin=0.5)
    assert wide.height == pytest.approx(2 * narrow.height, rel=0.01)


def test_a_strip_follows_the_baseline_at_constant_height():
    strip = line_strip(sloped_line(), margin=0.0)
    columns = np.linspace(strip.left, strip.right, len(strip.tops))
    within = (columns >= 100) & (columns <= 500)
    base = 200 + (columns - 100) * SLOPE
    np.testing.assert_allclose(np.array(strip.tops)[within], (base - 30)[within], atol=1.5)
    np.testing.assert_allclose(np.array(strip.bottoms)[within], (base + 10)[within], atol=1.5)


def test_one_long_loop_does_not_widen_the_strip():
    line = sloped_line()
    spike = [(300.0, 190.0), (305.0, 120.0), (310.0, 190.0)]
    points = (line.polygon.points[0], *spike, *line.polygon.points[1:])
    extent = line_extent(Polygon(points), line.baseline)
    assert extent.ascent < 34


def test_a_line_without_descenders_keeps_room_below():
    extent = line_extent(sloped_line(descent=1.0).polygon, sloped_line().baseline)
    assert extent.descent == pytest.approx(0.2 * extent.ascent)


def test_a_sloped_line_is_cut_straight():
    line = sloped_line()
    page = page_with(along(120, 480, 4, 0))
    ink = cut_line(page, line_strip(line), 48)
    rows = [np.flatnonzero(ink[:, x] > 128) for x in range(40, ink.shape[1] - 40, 20)]
    assert max(row.max() for row in rows) - min(row.min() for row in rows) <= 6


@pytest.mark.parametrize("height", [16, 40, 96])
def test_the_aspect_ratio_is_kept(height):
    strip = LineStrip.from_box(Box(50, 50, 450, 90))
    assert cut_line(page_with(), strip, height).shape == (height, 10 * height)


def test_other_lines_ink_is_left_out_with_a_polygon():
    line = sloped_line()
    page = page_with(along(120, 480, 20, 0), along(120, 480, 69, 66))
    strip = line_strip(line, margin=1.0)
    whole, alone = cut_line(page, strip, 64), cut_line(page, strip, 64, line.polygon)
    assert whole[:10].max() > 128
    assert alone[:10].max() == 0
    assert alone[27:37].max() > 200


def test_ink_just_outside_the_polygon_is_kept():
    line = sloped_line()
    page = page_with(along(120, 480, 31, 0))
    ink = cut_line(page, line_strip(line, margin=0.3), 64, line.polygon)
    same = cut_line(page, line_strip(line, margin=0.3), 64)
    assert ink.sum(dtype=int) == pytest.approx(same.sum(dtype=int), rel=0.02)


@settings(deadline=None, max_examples=60)
@given(
    st.tuples(st.floats(-300, 900), st.floats(-300, 600)),
    st.tuples(st.floats(1, 800), st.floats(1, 300)),
    st.integers(8, 64),
)
def test_boxes_on_over_and_off_the_edge_of_the_page_can_be_cut(corner, size, height):
    page = page_with(along(120, 480, 20, 0))
    strip = line_strip(TextLine(Box.from_xywh(*corner, *size)))
    if (strip.right - strip.left) / strip.height * height > 5000:
        return
    ink = cut_line(page, strip, height)
    assert ink.shape[0] == height
    assert ink.shape[1] >= 8


def test_beyond_the_page_lies_more_of_its_edge():
    page = page_with(paper=180)
    assert not cut_line(page, LineStrip.from_box(Box(-40, -20, 300, 40)), 48).any()


def test_a_large_line_is_shrunk_without_loss_of_thin_strokes():
    stroke = [(200, 60), (203, 60), (203, 340), (200, 340)]
    ink = cut_line(page_with(stroke), LineStrip.from_box(Box(50, 50, 450, 350)), 30)
    assert (ink[5:-5].max(axis=1) > 100).all()


@pytest.mark.parametrize("paper", [60, 150, 255])
def test_paper_is_zero_and_the_darkest_ink_is_full(paper):
    gray = np.full((40, 400), paper, np.uint8)
    gray[10:30, 100:110] = 0
    ink = paper_to_zero(gray)
    assert ink[:, :80].max() == 0
    assert ink[10:30, 100:110].min() == 255


def test_uneven_light_is_taken_away():
    shade = np.linspace(120, 250, 800)
    gray = np.tile(shade, (40, 1))
    gray[10:30, 100:106] = gray[10:30, 700:706] = 40
    ink = paper_to_zero(gray.astype(np.uint8))
    assert ink[:, 200:600].max() < 40
    assert ink[10:30, 100:106].min() > 100


def test_noise_alone_is_not_stretched_into_ink():
    rng = np.random.default_rng(0)
    gray = (230 + rng.normal(0, 1.5, (40, 400))).astype(np.uint8)
    assert paper_to_zero(gray).mean() < 20


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (8, 3), (3, 8), (48, 9)])
def test_tiny_pictures_are_turned_too(shape):
    assert paper_to_zero(np.full(shape, 128, np.uint8)).shape == shape


def test_a_strip_as_thin_as_a_thread_takes_little_memory():
    page = np.full((300, 2000), 255, np.uint8)
    assert cut_line(page, LineStrip.from_box(Box(0, 100, 2000, 100.001)), 64).shape == (64, WIDEST)


@pytest.mark.parametrize("quarter_turns", [1, 3])
def test_a_line_up_or_down_the_page_is_cut_as_on_the_page_turned(quarter_turns):
    rng = np.random.default_rng(3)
    page = rng.integers(0, 256, (400, 700)).astype(np.uint8)
    line = sloped_line()
    expected = cut_line(page, line_strip(line), 48, line.polygon)
    turned = line.turned(-quarter_turns)  # about the origin
    given = np.rot90(page, -quarter_turns)
    x, y = (400, 0) if quarter_turns == 1 else (0, 700)
    ends = tuple((px + x, py + y) for px, py in turned.baseline)
    polygon = Polygon(tuple((px + x, py + y) for px, py in turned.polygon.points))
    moved = TextLine(polygon.box, polygon, ends)
    assert moved.quarter_turns == quarter_turns
    strip = line_strip(moved)
    assert np.array_equal(cut_line(given, strip, 48, polygon), expected)
    first, last = strip.box(0, 0.1), strip.box(0.9, 1)
    assert (first.top < last.top) == (quarter_turns == 1)
    assert abs(first.width - line_strip(line).box(0, 0.1).height) < 1e-6


@pytest.mark.parametrize(
    "box",
    [
        Box(1e5, 1e5, 1e5 + 500, 1e5 + 100),
        Box(-20000, -30000, -19000, -29900),
        Box(10, 9e4, 90, 90100),
    ],
)
def test_a_line_beside_the_page_is_empty(box: Box) -> None:
    page = np.full((300, 200), 200, np.uint8)
    assert not cut_line(page, LineStrip.from_box(box), 64).any()


def test_a_line_that_reaches_far_beyond_the_page_takes_little_memory() -> None:
    page = np.full((300, 200), 200, np.uint8)
    tracemalloc.start()
    try:
        cut_line(page, LineStrip.from_box(Box(-9000, 100, 9000, 140)), 64)
        assert tracemalloc.get_traced_memory()[1] < 60e6
    finally:
        tracemalloc.stop()
