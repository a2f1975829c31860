from __future__ import annotations

from typing import List

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from htrlib.decoding.beam_search import beam_search
from htrlib.decoding.spans import character_extents, word_posteriors, word_ranges
from htrlib.document.charset import Charset


@st.composite
def span_lists(draw: st.DrawFn) -> List[List[int]]:
    edges = sorted(draw(st.sets(st.integers(0, 60), max_size=20)))
    return [edges[i : i + 2] for i in range(0, len(edges) - 1, 2)]


@given(span_lists())
def test_extents_hold_the_spans_in_order_without_overlap(spans: List[List[int]]) -> None:
    extents = character_extents([(a, b) for a, b in spans], 60)
    assert len(extents) == len(spans)
    for (start, end), (left, right) in zip(spans, extents):
        assert 0 <= left <= start < end <= right <= 60
    for (_, right), (left, _) in zip(extents, extents[1:]):
        assert right <= left


def test_extents_reach_half_way_to_near_neighbors_and_half_a_pitch_into_gaps() -> None:
    assert character_extents([(10, 11), (20, 21), (30, 31), (80, 81)], 100) == (
        (5, 16),
        (16, 26),
        (26, 36),
        (75, 86),
    )


@pytest.mark.parametrize(
    ("text", "ranges"),
    [("", ()), (" ", ()), ("a", ((0, 1),)), (" ab  c ", ((1, 3), (5, 6)))],
)
def test_words_stand_between_white_space(text: str, ranges: object) -> None:
    assert word_ranges(text) == ranges


def test_a_word_is_as_sure_as_the_share_of_the_beam_that_has_it() -> None:
    charset = Charset(tuple("ab "))
    # a for sure, a space for sure, then a or b at 3 to 1
    frames = [[1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0.75, 0.25, 0, 0]]
    values = np.log(np.maximum(frames, 1e-12))
    found = beam_search(values)
    posteriors = word_posteriors(found, charset, "a a", ((0, 1), (2, 3)), ((0, 1), (1, 2), (3, 4)))
    assert posteriors == pytest.approx((1.0, 0.75), abs=1e-6)


def test_a_word_whose_rivals_leave_the_beam_later_is_not_sure() -> None:
    charset = Charset(tuple("ab "))
    frames = [[0.6, 0.4, 0, 0], [0, 0, 1, 0]]
    for _ in range(6):  # 2 to the 6 readings of what follows push all but `a` out of the beam
        frames += [[0, 0, 0, 1], [0.52, 0.48, 0, 0]]
    values = np.log(np.maximum(frames, 1e-12))
    found = beam_search(values, beam_width=4)
    text = charset.decode(found.hypotheses[0].labels)
    spans = ((0, 1), (1, 2), *((3 + 2 * i, 4 + 2 * i) for i in range(len(text) - 2)))
    first, _ = word_posteriors(found, charset, text, ((0, 1), (2, len(text))), spans)
    assert first == pytest.approx(0.6, abs=1e-6)
