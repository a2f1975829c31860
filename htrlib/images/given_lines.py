"""Lines at positions that people gave, on a page turned as reading turns it."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple, Sequence, Tuple

from htrlib.document.geometry import Size
from htrlib.document.results import TextLine
from htrlib.images.loading import Page
from htrlib.images.orientation import PageTransform, is_light_on_dark


class GivenLines(NamedTuple):
    """A page whose ink is dark and whose letters are upright, and its lines.

    Attributes:
        page: (H, W) uint8, 0 is black; the array as given if unchanged.
        places: the lines in pixels of this page.
        transform: how the page was rotated.
    """

    page: Page
    places: Tuple[TextLine, ...]
    transform: PageTransform


def upright_lines(page: Page, places: Sequence[TextLine]) -> GivenLines:
    """Turn a page with given lines upright.

    A page with light ink is inverted. A page is upside down if most of its baselines run from right
    to left; single ones that do are taken as drawn by mistake. The page is not leveled, since lines
    follow their baselines.

    Args:
        page: (H, W) uint8, 0 is black.
        places: lines in pixels of the page.
    """
    size = Size(page.shape[1], page.shape[0])
    turns = 2 if _is_upside_down(places) else 0
    transform = PageTransform(size, is_light_on_dark(page), turns)
    if transform.is_identity:
        return GivenLines(page, tuple(places), transform)
    if turns:  # half a turn is its own inverse
        places = [line_as_given(place, transform) for place in places]
    return GivenLines(transform.apply(page), tuple(places), transform)


def line_as_given(line: TextLine, transform: PageTransform) -> TextLine:
    """Map a line of the upright page to the page as given."""
    polygon, baseline = line.polygon, line.baseline
    return replace(
        line,
        box=transform.box_as_given(line.box),
        polygon=None if polygon is None else transform.polygon_as_given(polygon),
        baseline=None
        if baseline is None
        else tuple(transform.point_as_given(x, y) for x, y in baseline),
    )


def _is_upside_down(places: Sequence[TextLine]) -> bool:
    level = [place for place in places if place.baseline is not None and not place.quarter_turns]
    return 2 * sum(place.is_upside_down for place in level) > len(level)
