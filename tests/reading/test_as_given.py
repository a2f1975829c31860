from __future__ import annotations

import pytest

from htrlib.document.geometry import Box, Polygon, Size
from htrlib.document.results import LineResult, PageResult, TextLine, Transcription, Word
from htrlib.images.orientation import PageTransform
from htrlib.reading.as_given import result_as_given
from htrlib.reading.tidying import tidied

POLYGON = Polygon(((10, 20), (90, 20), (90, 40), (10, 40)))


def result(size: Size) -> PageResult:
    line = TextLine(POLYGON.box, POLYGON, ((10, 35), (90, 35)), id="line-1")
    said = Transcription("a", 0.0, 1.0, (Word("a", 1.0, 0, 1, Box(10, 20, 30, 40)),))
    return PageResult(size, POLYGON.box, (LineResult(line, said),), "tiny 7", "a.png")


@pytest.mark.parametrize(
    ("turns", "box", "word"),
    [
        (1, (60, 10, 80, 90), (60, 10, 80, 30)),
        (2, (110, 60, 190, 80), (170, 60, 190, 80)),
        (3, (20, 10, 40, 90), (20, 70, 40, 90)),
    ],
)
def test_places_are_those_of_the_page_as_given(
    turns: int, box: tuple[float, ...], word: tuple[float, ...]
) -> None:
    given = Size(200, 100) if turns == 2 else Size(100, 100)
    found = result_as_given(result(given), PageTransform(given, quarter_turns=turns))
    line = found.lines[0]
    assert found.size == given
    assert line.line.box.as_tuple() == pytest.approx(box)
    assert line.line.polygon is not None
    assert line.line.polygon.box.as_tuple() == pytest.approx(box)
    assert found.paragraph is not None
    assert found.paragraph.as_tuple() == pytest.approx(box)
    seen = line.transcription.words[0].box
    assert seen is not None
    assert seen.as_tuple() == pytest.approx(word)
    assert (line.id, found.bundle, found.source, found.text) == ("line-1", "tiny 7", "a.png", "a")


def test_a_box_in_the_paper_put_around_a_picture_is_no_error() -> None:
    size = Size(100, 100)
    beside = Word("a", 1.0, 0, 1, Box(-40, 20, -10, 40))
    (line,) = result(size).lines
    said = Transcription("a", 0.0, 1.0, (beside,), (beside,))
    page = PageResult(size, None, (LineResult(line.line, said),))
    found = tidied(result_as_given(page, PageTransform(size, quarter_turns=1)))
    assert found.lines[0].transcription.words[0].box is not None
