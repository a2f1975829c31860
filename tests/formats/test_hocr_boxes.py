from __future__ import annotations

from pathlib import Path
from typing import Sequence, Tuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import htrlib
from htrlib.data.samples import LabeledLine, LabeledWord
from htrlib.document.geometry import Box, Polygon, Size
from htrlib.document.results import LineResult, PageResult, TextLine, Transcription, Word
from htrlib.formats.hocr import load
from htrlib.formats.hocr_boxes import trimmed_boxes, within

SIZE = Size(1000, 1000)

Edges = Tuple[int, int, int, int]


def labeled(box: Box) -> LabeledLine:
    return LabeledLine("word", TextLine(box), (LabeledWord("word", box),))


def trimmed(*edges: Sequence[int]) -> Tuple[Box, ...]:
    return trimmed_boxes([labeled(Box(*box)) for box in edges], SIZE)


def shared(first: Box, second: Box) -> float:
    width = min(first.right, second.right) - max(first.left, second.left)
    height = min(first.bottom, second.bottom) - max(first.top, second.top)
    larger = max(first.width * first.height, second.width * second.height)
    return max(0.0, width) * max(0.0, height) / larger


def test_boxes_that_share_little_stay() -> None:
    assert trimmed((0, 0, 500, 100), (0, 80, 500, 180)) == (
        Box(0, 0, 500, 100),
        Box(0, 80, 500, 180),
    )


def test_boxes_that_share_much_lose_the_same() -> None:
    upper, lower = trimmed((0, 0, 500, 100), (0, 60, 500, 160))
    assert shared(upper, lower) <= 0.2
    assert 100 - upper.bottom == lower.top - 60 > 0
    assert (upper.top, lower.bottom) == (0, 160)


def test_trimmed_neighbors_share_little_however_many_they_are() -> None:
    boxes = trimmed(*((0, 60 * row, 500, 60 * row + 110) for row in range(8)))
    for index, box in enumerate(boxes):
        assert all(shared(box, other) <= 0.2 for other in boxes[index + 1 :])


def test_lines_at_one_place_keep_the_middle_of_their_words() -> None:
    for box in trimmed((0, 0, 100, 100), (0, 0, 100, 100)):
        assert box.top <= 40
        assert box.bottom >= 60


@given(
    st.lists(
        st.tuples(
            *(st.integers(0, 900), st.integers(0, 900), st.integers(2, 100), st.integers(2, 100))
        ),
        max_size=12,
    )
)
def test_words_keep_their_middle(places: Sequence[Edges]) -> None:
    lines = [labeled(Box(x, y, x + width, y + height)) for x, y, width, height in places]
    for line, box in zip(lines, trimmed_boxes(lines, SIZE)):
        whole = line.words[0].box
        word = within(whole, box)
        assert word.top <= whole.center[1] <= word.bottom
        assert word.top < word.bottom
        assert (box.left, box.right) == (whole.left, whole.right)


def test_a_word_beside_its_line_is_put_on_the_edge_of_it() -> None:
    line = Box(0, 10, 100, 12)
    assert within(Box(5, 12, 9, 20), line) == Box(5, 11, 9, 12)
    assert within(Box(5, 2, 9, 10), line) == Box(5, 10, 9, 11)
    assert within(Box(5, 2, 9, 30), line) == Box(5, 10, 9, 12)


def test_trimmed_boxes_are_read_back_whole(tmp_path: Path) -> None:
    Image.fromarray(np.full((400, 600), 255, np.uint8)).save(tmp_path / "a.png")
    boxes = [Box(10, 20, 500, 120), Box(10, 70, 500, 170), Box(10, 300, 500, 360)]
    baselines = [((10.0, 100.0), (500.0, 110.0)), ((10.0, 150.0), (500.0, 150.0)), None]
    lines = tuple(
        LineResult(
            TextLine(box, baseline=baseline, id=f"l{index}"),
            Transcription("one", 0.0, 1.0, (Word("one", 1.0, 0, 1, box),)),
        )
        for index, (box, baseline) in enumerate(zip(boxes, baselines))
    )
    result = PageResult(Size(600, 400), lines=lines, source=str(tmp_path / "a.png"))
    htrlib.save(result, tmp_path / "a.hocr")
    assert (tmp_path / "a.hocr").read_text().count("x_full") == 4  # two lines, and their words
    (page,) = load(tmp_path / "a.hocr").pages
    assert [line.line.box for line in page.lines if line.line] == boxes
    assert [line.words[0].box for line in page.lines] == boxes
    assert page.lines[0].line is not None
    np.testing.assert_allclose(page.lines[0].line.baseline, baselines[0], atol=0.1)


def test_an_outline_that_leaves_the_page_is_cut_at_its_edge(tmp_path: Path) -> None:
    outline = Polygon(((-40.4, 20.6), (1200.0, 20.6), (1200.0, 60.0), (-40.4, 60.0)))
    line = LineResult(TextLine(outline.box, outline), Transcription("word", 0.0, 1.0))
    htrlib.save(PageResult(SIZE, None, (line,)), tmp_path / "a.hocr")
    assert "poly 0 21 1000 21 1000 60 0 60" in (tmp_path / "a.hocr").read_text()
