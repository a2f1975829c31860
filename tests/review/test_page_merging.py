"""A page is read again, and the lines that people confirmed stay."""

from __future__ import annotations

from dataclasses import replace
from typing import List, Tuple

from htrlib.data.corrections import CorrectedLine, CorrectedPage, correct
from htrlib.document.geometry import Box, Size
from htrlib.document.results import TextLine
from htrlib.review.page_merging import reread_page


def page(*lines: Tuple[str, str, bool]) -> CorrectedPage:
    """A page of (text, region, confirmed) lines below each other."""
    made = [
        CorrectedLine(
            f"{region}{row}",
            text,
            TextLine(Box(10, 20.0 * row, 90, 20.0 * row + 15), id=f"{region}{row}"),
            confirmed=confirmed,
            region=region,
        )
        for row, (text, region, confirmed) in enumerate(lines)
    ]
    return CorrectedPage(Size(100, 200), tuple(made))


def reread(before: CorrectedPage, read: CorrectedPage) -> List[Tuple[str, str]]:
    after, _ = correct(before, reread_page(before, read))
    return [(line.text, line.region) for line in after.lines]


def test_new_lines_are_put_into_the_regions_of_confirmed_ones_around_them() -> None:
    before = page(("one", "r1", False), ("two", "r1", False), ("3", "r2", True), ("4", "r2", False))
    read = page(*((text, "", False) for text in ("anew 1", "anew 2", "anew 3", "anew 4")))
    assert reread(before, read) == [
        ("anew 1", "r1"),
        ("anew 2", "r1"),
        ("3", "r2"),
        ("anew 4", "r2"),
    ]


def test_a_line_that_is_read_later_than_its_region_goes_on_in_the_one_before_it() -> None:
    before = page(("1", "r1", True), ("2", "r2", True))
    read = CorrectedPage(before.size, (before.lines[1], before.lines[0]))
    assert reread(before, read) == [("2", "r2"), ("1", "r2")]


def test_a_confirmed_line_that_was_not_found_again_stays_after_the_one_before_it() -> None:
    before = page(("", "", False), ("A", "", True), ("drawn", "", True))
    new, found = page(("new", "", False), ("A", "", False)).lines
    read = CorrectedPage(before.size, (replace(new, id=before.lines[1].id), found))
    assert reread(before, read) == [("new", ""), ("A", ""), ("drawn", "")]
