"""Lines at given positions, on a page turned as reading turns it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from htrlib.document.geometry import Box, Polygon, Size
from htrlib.document.results import TextLine
from htrlib.images.given_lines import line_as_given, upright_lines
from htrlib.images.line_strips import cut_line, line_strip
from htrlib.images.orientation import PageTransform


def line(top: float, width: int = 300) -> TextLine:
    box = Box(20, top, width - 20, top + 40)
    outline = ((20, top), (width - 20, top), (width - 20, top + 40), (20, top + 40))
    return TextLine(box, Polygon(outline), ((20, top + 30), (width - 20, top + 30)))


LINES = line(20), line(80), line(140)


@pytest.fixture
def page():
    """Paper with strokes that get denser to the right and upward in each line."""
    rng = np.random.default_rng(1)
    page = np.full((200, 300), 220, np.uint8)
    for place in LINES:
        top = int(place.box.top)
        dense = np.linspace(0.0, 0.5, 260)[np.newaxis] * np.linspace(1.0, 0.2, 40)[:, np.newaxis]
        page[top : top + 40, 20:280][rng.random((40, 260)) < dense] = 30
    return page


def pictures(page, lines):
    return [cut_line(page, line_strip(place), 64, place.polygon) for place in lines]


def upside_down(page, lines):
    transform = PageTransform(Size(page.shape[1], page.shape[0]), quarter_turns=2)
    turned = np.ascontiguousarray(np.rot90(page, 2))
    return turned, tuple(line_as_given(place, transform) for place in lines)


def test_a_dark_page_with_level_lines_stays_as_it_is(page):
    found = upright_lines(page, LINES)
    assert found.page is page
    assert found.places == LINES
    assert found.transform.is_identity


def test_a_page_with_light_ink_is_inverted(page):
    found = upright_lines(~page, LINES)
    np.testing.assert_array_equal(found.page, page)
    assert found.places == LINES


def test_a_page_whose_baselines_run_to_the_left_is_turned_with_its_lines(page):
    found = upright_lines(*upside_down(page, LINES))
    np.testing.assert_array_equal(found.page, page)
    assert found.places == LINES
    for got, expected in zip(pictures(found.page, found.places), pictures(page, LINES)):
        np.testing.assert_array_equal(got, expected)


def test_lines_are_cut_the_same_from_a_page_that_is_light_on_dark_and_upside_down(page):
    turned, lines = upside_down(page, LINES)
    found = upright_lines(~turned, lines)
    np.testing.assert_array_equal(found.page, page)
    assert found.places == LINES


def test_a_single_baseline_drawn_to_the_left_turns_nothing(page):
    mistaken = replace(LINES[1], baseline=LINES[1].baseline[::-1])
    lines = LINES[0], mistaken, LINES[2]
    assert upright_lines(page, lines).places == lines


def test_lines_without_baselines_turn_nothing(page):
    lines = tuple(TextLine(place.box) for place in LINES)
    assert upright_lines(page, lines).places == lines
