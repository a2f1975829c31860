from __future__ import annotations

from typing import List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from htrlib.evaluation.text_alignment import differences, parts_by_line
from htrlib.metrics import normalize

TEXTS = st.text("ab c", max_size=12).map(normalize)
LINES = st.lists(TEXTS.filter(bool), min_size=1, max_size=5)


@pytest.mark.parametrize(
    ("references", "hypothesis", "parts"),
    [
        (["one", "two"], "one two", ("one", "two")),
        (["one", "two"], "", ("", "")),
        (["one", "two"], "two", ("", "two")),
        (["one", "two"], "one", ("one", "")),
        (["one", "zap", "three"], "one three", ("one", "", "three")),
        (["the end"], "teh end now", ("teh end now",)),
        (["left", "right"], "lft rigth", ("lft", "rigth")),
        (["left", "right"], "leftright", ("left", "right")),
    ],
)
def test_table(references: List[str], hypothesis: str, parts: object) -> None:
    assert parts_by_line(references, hypothesis) == parts


@given(LINES, TEXTS)
def test_nothing_of_the_hypothesis_is_lost(references: List[str], hypothesis: str) -> None:
    parts = parts_by_line(references, hypothesis)
    assert len(parts) == len(references)
    assert "".join(parts).replace(" ", "") == hypothesis.replace(" ", "")


@given(LINES)
def test_what_is_read_without_error_is_cut_where_the_lines_end(references: List[str]) -> None:
    assert parts_by_line(references, " ".join(references)) == tuple(references)


@given(TEXTS, TEXTS)
def test_pieces_make_the_texts_and_the_same_ones_are_the_same(first: str, second: str) -> None:
    ours, theirs = differences(first, second)
    assert "".join(text for text, _ in ours) == first
    assert "".join(text for text, _ in theirs) == second
    same = ["".join(text for text, differs in pieces if not differs) for pieces in (ours, theirs)]
    assert same[0] == same[1]
    for pieces in (ours, theirs):
        assert all(a[1] != b[1] for a, b in zip(pieces, pieces[1:]))
