from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from htrlib.data.consolidation import MarkedText, consolidate


def marked(text, left, top=0, width=40, line=1):
    points = ((left, top), (left + width, top), (left + width, top + 10), (left, top + 10))
    return MarkedText(text, points, line)


def test_one_answer_is_taken_as_it_is():
    answer = (marked("a", 0), marked("b", 0))
    assert consolidate([answer]) == answer


def test_the_text_with_the_fewest_edits_to_the_others_wins():
    answers = [[marked("Hello!", 0)], [marked("Hallo,", 1)], [marked("Hello,", 2)]]
    (agreed,) = consolidate(answers)
    assert agreed.text == "Hello,"
    assert agreed.confidence == pytest.approx((1 + 2 * 5 / 6) / 3)
    assert agreed.points[0] == (1, 0)


def test_what_less_than_half_of_the_workers_marked_is_dropped():
    answers = [[marked("a", 0), marked("speck", 90)], [marked("a", 0)], [marked("a", 0)]]
    assert [piece.text for piece in consolidate(answers)] == ["a"]
    (both, one) = consolidate([[marked("a", 0), marked("b", 90)], [marked("a", 0)]])
    assert (both.confidence, one.confidence) == (1, 0.5)


def test_line_numbers_are_voted_on():
    answers = [[marked("a", 0, line=2)], [marked("a", 0, line=None)], [marked("a", 0, line=2)]]
    assert consolidate(answers)[0].line_number == 2
    assert consolidate([[marked("a", 0, line=None)]] * 2)[0].line_number is None


def test_pieces_of_one_worker_stay_apart():
    answers = [[marked("a", 0), marked("b", 4)], [marked("a", 0), marked("b", 4)]]
    assert [piece.text for piece in consolidate(answers)] == ["a", "b"]


@given(
    st.lists(st.tuples(st.text("ab", min_size=1), st.integers(0, 3)), max_size=4), st.integers(1, 4)
)
def test_workers_who_agree_keep_all_they_marked(pieces, workers):
    answer = [marked(text, 100 * index, 50 * row) for index, (text, row) in enumerate(pieces)]
    assert list(consolidate([answer] * workers)) == answer
