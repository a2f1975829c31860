"""Corrections lose no other line, and each can be undone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from htrlib.data.corrections import (
    Add,
    Confirm,
    CorrectedLine,
    CorrectedPage,
    Delete,
    Edit,
    MarkDone,
    Merge,
    Move,
    Reorder,
    SetKind,
    SetReading,
    SetText,
    Split,
    correct,
)
from htrlib.document.geometry import Box, Polygon, Size
from htrlib.document.results import LineResult, PageResult, TextLine, Transcription, Word
from htrlib.errors import CorrectionError, HtrError

SIZE = Size(400, 300)
TEXTS = st.text(alphabet="abc é", max_size=12)


def place(top: float, left: float = 20.0, right: float = 320.0) -> TextLine:
    outline = ((left, top), (right, top + 2), (right, top + 20), (left, top + 18))
    return TextLine(Box.around(outline), Polygon(outline), ((left, top + 15), (right, top + 17)))


@st.composite
def pages(draw: st.DrawFn) -> CorrectedPage:
    texts = draw(st.lists(TEXTS, min_size=2, max_size=5))
    lines = tuple(
        CorrectedLine(f"l{n}", " ".join(text.split()), replace(place(30.0 * n + 5), id=f"l{n}"))
        for n, text in enumerate(texts)
    )
    return CorrectedPage(SIZE, lines)


@st.composite
def edits(draw: st.DrawFn, page: CorrectedPage) -> Edit:
    names = [line.id for line in page.lines]
    name, other = draw(st.permutations(names))[:2]
    index = draw(st.integers(-1, len(names) + 1))
    length = len(page.line(name).text)
    return draw(
        st.sampled_from(
            [
                SetText(name, draw(TEXTS)),
                SetReading(name, CorrectedLine(name, draw(TEXTS), confidence=0.5)),
                Confirm(name, False),
                SetKind(name, "printed"),
                Delete(name),
                Add(CorrectedLine("new", draw(TEXTS), place(250)), index),
                Move(name, place(200)),
                Reorder(name, index),
                Split(name, "second", draw(st.integers(0, length)), draw(st.floats(25, 300))),
                Merge(name, other),
                MarkDone(),
            ]
        )
    )


def touched(edit: Edit) -> List[str]:
    return [getattr(edit, key) for key in ("id", "first", "second") if hasattr(edit, key)]


@given(st.data())
def test_an_edit_leaves_all_other_lines_and_their_order(data: st.DataObject) -> None:
    page = data.draw(pages())
    edit = data.draw(edits(page))
    after, _ = correct(page, edit)
    changed = {*touched(edit), "new", "second"}
    before = [line for line in page.lines if line.id not in changed]
    kept = [line for line in after.lines if line.id not in changed]
    if isinstance(edit, MarkDone):
        kept = [replace(line, confirmed=False) for line in kept]
    assert kept == before


@given(st.data())
def test_undoing_edits_in_reverse_gives_the_page_back(data: st.DataObject) -> None:
    page = start = data.draw(pages())
    first = data.draw(edits(page))
    page, undo_first = correct(page, first)
    undos = [undo_first]
    if len(page.lines) > 1 and not {"new", "second"} & {line.id for line in page.lines}:
        page, undo = correct(page, data.draw(edits(page)))
        undos.append(undo)
    for undo in reversed(undos):
        page, _ = correct(page, undo)
    assert page == start


@given(st.data())
def test_an_undo_can_itself_be_undone(data: st.DataObject) -> None:
    page = data.draw(pages())
    after, undo = correct(page, data.draw(edits(page)))
    before, redo = correct(after, undo)
    assert before == page
    assert correct(before, redo)[0] == after


@given(text=TEXTS, at=st.integers(0, 12), x=st.floats(25, 300))
def test_the_halves_of_a_split_hold_its_text_and_its_width(text: str, at: int, x: float) -> None:
    text = " ".join(text.split())
    at = min(at, len(text))
    page = CorrectedPage(SIZE, (CorrectedLine("a", text, place(40)),))
    (left, right), _ = correct(page, Split("a", "b", at, x))[0].lines, None
    assert (left.text + right.text).replace(" ", "") == text.replace(" ", "")
    assert left.place is not None and right.place is not None
    assert left.place.box.right == pytest.approx(x) == right.place.box.left
    assert left.place.box.width + right.place.box.width == pytest.approx(300)


def test_a_split_without_a_column_falls_between_the_words() -> None:
    words = (
        Word("one", 0.9, 0, 1, Box(20, 40, 100, 60)),
        Word("two", 0.8, 1, 2, Box(140, 40, 300, 60)),
    )
    page = CorrectedPage(SIZE, (CorrectedLine("a", "one two", place(40), words),))
    left, right = correct(page, Split("a", "b", 4))[0].lines
    assert left.place is not None and left.place.box.right == 120
    assert (left.words, right.words) == (words[:1], words[1:])


def test_merging_the_halves_of_a_split_gives_text_and_extent_back() -> None:
    page = CorrectedPage(SIZE, (CorrectedLine("a", "one two", place(40)),))
    halves, _ = correct(page, Split("a", "b", 4, 150))
    (line,) = correct(halves, Merge("a", "b"))[0].lines
    assert line.text == "one two"
    assert line.place is not None and line.place.box == place(40).box


def test_a_corrected_word_keeps_its_box_and_the_line_is_confirmed() -> None:
    words = (
        Word("teh", 0.2, 0, 1, Box(20, 40, 60, 60)),
        Word("end", 0.9, 1, 2, Box(70, 40, 99, 60)),
    )
    line = CorrectedLine("a", "teh end", place(40), words, ("ten end",), 0.4)
    (after,) = correct(CorrectedPage(SIZE, (line,)), SetText("a", " the  end\n"))[0].lines
    assert after.text == "the end" and after.confirmed
    assert [(word.text, word.box) for word in after.words] == [
        ("the", words[0].box),
        ("end", words[1].box),
    ]
    assert (after.confidence, after.alternatives) == (None, ())


def test_a_done_page_has_all_lines_with_text_confirmed() -> None:
    page = CorrectedPage(SIZE, (CorrectedLine("a", "x"), CorrectedLine("b", "")))
    after, undo = correct(page, MarkDone())
    assert after.done and [line.confirmed for line in after.lines] == [True, False]
    assert correct(after, undo)[0] == page


@pytest.mark.parametrize(
    "edit",
    [
        SetText("gone", "x"),
        Split("a", "a", 1, 100),
        Split("a", "b", 1, 399),
        Split("a", "b", 9),
        Merge("a", "a"),
        SetKind("a", "painted"),
        Add(CorrectedLine("n", "x"), 0),
        Add(CorrectedLine("n", "x", TextLine(Box(500, 0, 600, 9))), 0),
        Add(CorrectedLine("a", "x", place(90)), 0),
        Confirm("empty"),
    ],
)
def test_edits_that_do_not_fit_the_page_are_refused(edit: Edit) -> None:
    lines = CorrectedLine("a", "xyz", place(40)), CorrectedLine("empty", "", place(80))
    with pytest.raises(CorrectionError) as caught:
        correct(CorrectedPage(SIZE, lines), edit)
    assert isinstance(caught.value, HtrError)


def test_what_was_read_becomes_a_labeled_page() -> None:
    word = Word("hi", 0.7, 0, 3, Box(20, 40, 50, 60))
    said = Transcription("hi", -1.0, 0.7, (word,), alternatives=(("ho", -2.0),))
    result = PageResult(SIZE, None, (LineResult(place(40), said),))
    page = CorrectedPage.of_result(result)
    assert page.lines[0].alternatives == ("ho",) and not page.lines[0].confirmed
    sample = page.sample(Path("p.png"), "p", split="train")
    assert sample.lines[0].id == "line-1" and sample.words[0].text == "hi"
    back = CorrectedPage.of_sample(sample)
    assert back.lines[0].text == "hi" and back.lines[0].confirmed


@pytest.mark.parametrize("turns", [1, 3])
def test_a_line_up_or_down_the_page_is_split_and_merged_along_itself(turns: int) -> None:
    ends = ((50.0, 20.0), (50.0, 320.0)) if turns == 1 else ((50.0, 320.0), (50.0, 20.0))
    line = TextLine(Box(40, 20, 60, 320), None, ends)
    page = CorrectedPage(SIZE, (CorrectedLine("a", "one two", line),))
    halves, _ = correct(page, Split("a", "b", 4, 120))
    first, second = (half.place for half in halves.lines)
    assert first is not None and second is not None
    upper, lower = (first, second) if turns == 1 else (second, first)
    assert (upper.box, lower.box) == (Box(40, 20, 60, 120), Box(40, 120, 60, 320))
    (merged,) = correct(halves, Merge("a", "b"))[0].lines
    assert merged.place is not None and merged.place.box == line.box
    assert merged.place.quarter_turns == turns
