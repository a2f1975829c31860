from __future__ import annotations

import itertools
import math
from typing import Dict, Tuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from htrlib.decoding.beam_search import beam_search
from htrlib.language.scoring import Content, Scorer

pytestmark = pytest.mark.usefixtures("inner_loops")

Floats = NDArray[np.float64]


def normalized(values: Floats) -> Floats:
    return values - np.logaddexp.reduce(values, axis=1, keepdims=True)


@st.composite
def lines(draw: st.DrawFn) -> Floats:
    """Natural-log probabilities of up to 5 frames and 4 classes."""
    frames, classes = draw(st.integers(1, 5)), draw(st.integers(2, 4))
    number = st.floats(-8, 8, allow_nan=False)
    cells = draw(st.lists(number, min_size=frames * classes, max_size=frames * classes))
    return normalized(np.array(cells).reshape(frames, classes))


def brute_force(values: Floats) -> Dict[Tuple[int, ...], float]:
    """The probability of every text, summed over all paths."""
    blank = values.shape[1] - 1
    readings: Dict[Tuple[int, ...], float] = {}
    for path in itertools.product(range(values.shape[1]), repeat=len(values)):
        labels = tuple(label for label, _ in itertools.groupby(path) if label != blank)
        p = math.exp(sum(values[frame, label] for frame, label in enumerate(path)))
        readings[labels] = readings.get(labels, 0.0) + p
    return readings


class Pairs(Scorer):
    """Scores a label by its predecessor, from impossible to 1."""

    @property
    def highest(self) -> float:
        return 1.0

    def first(self) -> Content:
        return 1

    def score(self, content: Content, label: int) -> float:
        return -math.inf if (content, label) == (0, 2) else 1.0 - abs(content - label)

    def next(self, content: Content, label: int) -> Content:
        return label

    def end(self, content: Content) -> float:
        return 0.25 * content

    def whole(self, labels: Tuple[int, ...]) -> float:
        steps = zip((1, *labels), labels)
        return sum(self.score(*step) for step in steps) + self.end(labels[-1] if labels else 1)


@given(lines())
@settings(max_examples=60, deadline=None)
def test_without_pruning_it_equals_brute_force(values: Floats) -> None:
    expected = brute_force(values)
    found = beam_search(values, beam_width=2000, pruning=None).hypotheses
    assert {h.labels for h in found} == set(expected)
    for hypothesis in found:
        assert math.exp(hypothesis.log_prob) == pytest.approx(expected[hypothesis.labels], abs=1e-9)
    assert found[0].log_prob == pytest.approx(math.log(max(expected.values())))


@given(lines())
@settings(max_examples=40, deadline=None)
def test_with_a_scorer_it_equals_rescored_brute_force(values: Floats) -> None:
    scorer = Pairs()
    expected = {
        labels: (math.log(p), math.log(p) + scorer.whole(labels))
        for labels, p in brute_force(values).items()
        if scorer.whole(labels) > -math.inf
    }
    found = beam_search(values, beam_width=2000, pruning=None, scorer=scorer).hypotheses
    assert {h.labels for h in found} == set(expected)
    for hypothesis in found:
        assert (hypothesis.log_prob, hypothesis.score) == pytest.approx(
            expected[hypothesis.labels], abs=1e-9
        )
    assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)


@given(lines(), st.integers(1, 8), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_a_narrow_beam_keeps_as_many_and_no_probability_grows(
    values: Floats, width: int, keep: int
) -> None:
    expected = brute_force(values)
    found = beam_search(values, width, pruning=None).hypotheses
    assert 1 <= len(found) <= width
    for hypothesis in found:
        assert math.exp(hypothesis.log_prob) <= expected[hypothesis.labels] + 1e-9


@given(lines(), st.integers(0, 5), st.integers(1, 30))
@settings(max_examples=60, deadline=None)
def test_frames_of_pure_blank_change_nothing(values: Floats, at: int, count: int) -> None:
    # only where a blank is read anyway do they leave all probabilities alone: at either end
    pure = np.full((count, values.shape[1]), -np.inf)
    pure[:, -1] = 0.0
    before = beam_search(values, 2000, None).hypotheses
    for longer in (np.concatenate([values, pure]), np.concatenate([pure, values])):
        after = beam_search(longer, 2000, None).hypotheses
        assert [h.labels for h in after] == [h.labels for h in before]
        assert [h.log_prob for h in after] == pytest.approx([h.log_prob for h in before], abs=1e-9)


def test_doubled_letters_survive() -> None:
    frames = normalized(np.array([[9, 0, 0], [9, 0, 0], [0, 0, 9], [9, 0, 0], [0, 9, 0]], float))
    assert beam_search(frames).hypotheses[0].labels == (0, 0, 1)


def test_frames_that_repeat_their_only_class_change_the_scale_alone() -> None:
    frames = normalized(np.array([[9.0, 0, -9]] * 3 + [[0, -9, 2]] + [[-9, -9, 9]] * 4))
    pruned = beam_search(frames, 50, pruning=-12.0).hypotheses[0]
    whole = beam_search(frames, 50, pruning=None).hypotheses[0]
    assert pruned.labels == whole.labels
    assert pruned.log_prob == pytest.approx(whole.log_prob, abs=1e-3)


def test_long_lines_do_not_underflow() -> None:
    rng = np.random.default_rng(0)
    values = normalized(rng.normal(size=(1500, 20)))
    best = beam_search(values, 5).hypotheses[0]
    assert -math.inf < best.log_prob < -1000


def test_a_frame_keeps_its_best_class_however_improbable() -> None:
    values = np.full((2, 600), -math.log(600.0))
    assert beam_search(values, 3, pruning=-3.0).hypotheses[0].labels == (0,)


def test_a_frame_whose_readings_are_all_impossible_is_passed_over() -> None:
    class Never(Scorer):
        def score(self, content: Content, label: int) -> float:
            return -math.inf

    values = np.log([[1 - 2e-9, 1e-9, 1e-9]] * 2)
    assert beam_search(values, 4, scorer=Never()).hypotheses[0].labels == ()
