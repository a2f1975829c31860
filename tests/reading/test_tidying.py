from __future__ import annotations

import math
from typing import List

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from htrlib.document.geometry import Box, Point, Polygon, Size
from htrlib.document.results import LineResult, PageResult, TextLine, Transcription, Word
from htrlib.reading.tidying import simplified, tidied

SIZE = Size(200, 100)
coordinates = st.floats(-20, 220)
outlines = st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=30, unique=True)


def distance(point: Point, start: Point, end: Point) -> float:
    a, b, p = (np.array(place, dtype=np.float64) for place in (start, end, point))
    length = float((b - a) @ (b - a))
    share = min(1.0, max(0.0, float((p - a) @ (b - a)) / length)) if length else 0.0
    return float(np.hypot(*(p - a - share * (b - a))))


@given(outlines)
def test_no_point_of_an_outline_is_further_away_than_the_tolerance(points: List[Point]):
    kept = simplified(points)
    assert set(kept) <= set(points)
    segments = list(zip(kept, [*kept[1:], kept[0]]))
    for point in points:
        assert min(distance(point, *segment) for segment in segments) <= 1.0 + 1e-9


def test_a_smooth_outline_takes_few_points():
    angles = [2 * math.pi * step / 324 for step in range(324)]
    circle = [(100 + 90 * math.cos(angle), 50 + 40 * math.sin(angle)) for angle in angles]
    assert len(simplified(circle)) < 40


def page(line: TextLine, *words: Word) -> PageResult:
    text = Transcription("word", -1.0, 0.9, words)
    return PageResult(SIZE, Box(-3.3333, 1.2345, 250, 90), (LineResult(line, text),))


def test_places_lie_on_the_page_in_tenths_of_a_pixel():
    outline = Polygon(((-5.9, -5.9), (150.123, 3.456), (150.123, 40.1), (-5.9, 40.1)))
    line = TextLine(outline.box, outline, ((-5.0, 30.05), (150.123, 30.21)))
    found = tidied(page(line, Word("word", 0.9, 0, 4, Box(-5.9, -5.9, 150.123, 40.1))))
    (result,) = found.lines
    assert found.paragraph == Box(0, 1.2, 200, 90)
    assert result.line.box == Box(0, 0, 150.1, 40.1)
    assert result.line.polygon.points == ((0, 0), (150.1, 3.5), (150.1, 40.1), (0, 40.1))
    assert result.line.baseline == ((0, 30.1), (150.1, 30.2))
    assert result.transcription.words[0].box == result.line.box


@given(outlines)
def test_tidy_results_stay_as_they_are_and_keep_an_area(points: List[Point]):
    try:
        line = TextLine(Polygon(tuple(points)).box, Polygon(tuple(points)))
    except ValueError:  # all on one line
        return
    found = tidied(page(line))
    assert found.lines[0].line.polygon is not None
    assert found.lines[0].line.polygon.box.area > 0


def test_a_repr_is_short_however_much_is_found():
    line = TextLine(Box(0, 0, 9, 9), Polygon(tuple((x, x % 7) for x in range(300))))
    result = PageResult(SIZE, lines=(LineResult(line, Transcription("word " * 30, -1, 1)),) * 40)
    assert len(repr(result)) < 200
    assert "40 lines" in repr(result)
    assert len(repr(result.lines[0])) < 400
