from __future__ import annotations

from typing import Tuple

import numpy as np
import pytest
from PIL import Image, ImageDraw

from htrlib.document.geometry import Box
from htrlib.document.results import TextLine
from htrlib.layout.uncovered_ink import uncovered_areas
from tests.turned_text import BODY, MARGIN, page_with_note
from tests.written_pages import written_page


def body_lines() -> Tuple[TextLine, ...]:
    return tuple(TextLine(box.shifted(MARGIN, 0)) for _, box in written_page(BODY, 0)[1])


@pytest.mark.parametrize("quarter_turns", [1, 3])
def test_a_note_up_the_margin_is_an_area(quarter_turns: int) -> None:
    page = page_with_note(quarter_turns)
    (area,) = uncovered_areas(page, body_lines())
    rows, columns = np.nonzero(page[:, :MARGIN] < 128)
    note = Box(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert area.iou(note) > 0.7


def test_two_notes_beside_each_other_are_one_area() -> None:
    page = page_with_note(3, ("my brother sends his love", "to all of you and hopes"))
    assert len(uncovered_areas(page, body_lines())) == 1


def test_ink_that_lines_cover_is_no_area() -> None:
    note = TextLine(Box(20, 20, MARGIN - 20, 830))
    assert uncovered_areas(page_with_note(3), (*body_lines(), note)) == ()


def test_lines_that_were_not_found_are_no_area_as_they_do_not_run_up() -> None:
    assert uncovered_areas(page_with_note(3, ()), body_lines()[:2]) == ()


@pytest.mark.parametrize("shape", ["rule", "shadow", "ring", "squares"])
def test_marks_that_are_no_writing_are_no_area(shape: str) -> None:
    picture = Image.fromarray(page_with_note(3, ()))
    draw = ImageDraw.Draw(picture)
    if shape == "rule":
        draw.line((120, 30, 124, 800), fill=40, width=3)
    elif shape == "shadow":
        draw.rectangle((0, 0, 60, 840), fill=60)
    elif shape == "ring":
        draw.ellipse((30, 300, 220, 490), outline=40, width=5)
    else:
        for at in range(20, 240, 20):
            draw.line((at, 20, at, 800), fill=40, width=2)
            draw.line((20, at, 230, at), fill=40, width=2)
    assert uncovered_areas(np.asarray(picture), body_lines()) == ()


@pytest.mark.parametrize("shape", [(1, 1), (3, 900), (15, 15), (64, 64), (900, 3)])
def test_pages_of_any_size_are_looked_at(shape: Tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    page = rng.integers(0, 256, shape).astype(np.uint8)
    assert uncovered_areas(page, ()) == () or shape == (64, 64)
