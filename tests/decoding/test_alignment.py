from __future__ import annotations

import itertools
import math
from typing import List, Tuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from htrlib.decoding.alignment import align, log_probability, path_log_probability
from htrlib.errors import ConfigError

pytestmark = pytest.mark.usefixtures("inner_loops")

label_lists = st.lists(st.integers(0, 1), max_size=3)


def paths(values: np.ndarray, labels: List[int]) -> List[Tuple[float, Tuple[int, ...]]]:
    """(log-probability, path) of every path that writes the labels."""
    blank = values.shape[1] - 1
    return [
        (float(sum(values[frame, c] for frame, c in enumerate(path))), path)
        for path in itertools.product(range(values.shape[1]), repeat=len(values))
        if [c for c, _ in itertools.groupby(path) if c != blank] == labels
    ]


def random_line(seed: int, frames: int) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=(frames, 3)) * 3
    return values - np.logaddexp.reduce(values, axis=1, keepdims=True)


@given(st.integers(0, 10**6), st.integers(1, 6), label_lists)
@settings(max_examples=40, deadline=None)
def test_the_probability_is_the_sum_over_all_paths(
    seed: int, frames: int, labels: List[int]
) -> None:
    values = random_line(seed, frames)
    expected = sum(math.exp(log_prob) for log_prob, _ in paths(values, labels))
    assert math.exp(log_probability(values, labels)) == pytest.approx(expected, abs=1e-12)


@given(st.integers(0, 10**6), st.integers(1, 6), label_lists)
@settings(max_examples=40, deadline=None)
def test_the_probability_of_a_path_is_that_of_the_likeliest(
    seed: int, frames: int, labels: List[int]
) -> None:
    values = random_line(seed, frames)
    expected = max((log_prob for log_prob, _ in paths(values, labels)), default=-math.inf)
    assert path_log_probability(values, labels) == pytest.approx(expected, abs=1e-9)


@given(st.integers(0, 10**6), st.integers(1, 6), label_lists)
@settings(max_examples=40, deadline=None)
def test_the_spans_are_those_of_the_likeliest_path(
    seed: int, frames: int, labels: List[int]
) -> None:
    values = random_line(seed, frames)
    known = paths(values, labels)
    if not known:
        with pytest.raises(ConfigError, match="too few for"):
            align(values, labels)
        return
    _, best = max(known)
    runs = [(c, len(list(run))) for c, run in itertools.groupby(best)]
    starts = np.cumsum([0] + [length for _, length in runs])
    expected = [
        (start, start + length) for (c, length), start in zip(runs, starts.tolist()) if c != 2
    ]
    assert list(align(values, labels)) == expected


def test_labels_of_probability_zero_are_aligned_all_the_same() -> None:
    values = np.array([[-np.inf, 0.0], [-np.inf, 0.0], [-np.inf, 0.0]])
    (span,) = align(values, [0])
    assert span[1] - span[0] == 1
