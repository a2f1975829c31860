from __future__ import annotations

from typing import Any, Optional, Tuple

import numpy as np
import pytest

from htrlib.document.geometry import Box, Polygon
from htrlib.document.results import TextLine
from htrlib.errors import ImageError
from htrlib.reading import outlines
from htrlib.reading.outlines import outline_lines

PAGE = np.full((300, 400), 255, np.uint8)


def outlined(box: Box, confidence: float = 1.0) -> TextLine:
    corners = (box.left, box.top), (box.right, box.top), (box.right, box.bottom)
    return TextLine(box, Polygon(corners), ((box.left, box.bottom), (box.right, box.bottom)))


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Tuple[TextLine, ...]:
    lines = outlined(Box(10, 48, 300, 80)), outlined(Box(10, 100, 300, 130))

    def segment(page: Any, paragraph: Optional[Box], **_: Any) -> Tuple[TextLine, ...]:
        return () if paragraph is None else lines

    monkeypatch.setattr(outlines, "segment_lines", segment)
    return lines


def test_boxes_take_the_outlines_of_the_lines_in_them(found: Tuple[TextLine, ...]) -> None:
    boxes = TextLine(Box(12, 98, 290, 128)), TextLine(Box(12, 50, 290, 82))
    second, first = outline_lines(PAGE, boxes)
    assert first.polygon == found[0].polygon and second.polygon == found[1].polygon


def test_two_boxes_do_not_share_an_outline(found: Tuple[TextLine, ...]) -> None:
    better, worse = TextLine(Box(10, 50, 300, 80)), TextLine(Box(10, 40, 260, 75))
    assert outline_lines(PAGE, (worse, better)) == (worse, found[0])


def test_a_box_without_a_line_and_a_line_with_a_polygon_stay_as_they_are(
    found: Tuple[TextLine, ...],
) -> None:
    lines = TextLine(Box(10, 200, 300, 230)), outlined(Box(12, 50, 290, 82))
    assert outline_lines(PAGE, lines) == lines


def test_boxes_beside_the_page_stay_as_they_are(found: Tuple[TextLine, ...]) -> None:
    lines = (TextLine(Box(1000, 1000, 1100, 1030)),)
    assert outline_lines(PAGE, lines) == lines


def test_an_array_that_is_no_page_is_refused() -> None:
    with pytest.raises(ImageError):
        outline_lines(np.zeros((3, 3)), ())  # type: ignore[arg-type]
