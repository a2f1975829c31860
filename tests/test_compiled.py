"""The C part gives the same results as Python, and rejects invalid arguments safely."""

from __future__ import annotations

import contextlib
import math
from typing import Any, Callable, List, Optional, Tuple, TypeVar

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from htrlib import compiled
from htrlib.decoding.alignment import align
from htrlib.decoding.beam_search import SearchResult, beam_search
from htrlib.decoding.decoding_options import bundled_models
from htrlib.document.charset import Charset
from htrlib.document.geometry import LineStrip, Polygon
from htrlib.errors import ConfigError
from htrlib.images.filters import LARGEST_WINDOW, median_filter
from htrlib.images.line_strips import cut_line
from htrlib.images.orientation import COARSE_ANGLES, _sharpness, strips_of
from htrlib.language.estimation import estimate
from htrlib.language.internal import pair_scores
from htrlib.language.ngram import NGramModel
from htrlib.language.scoring import LanguageModelScorer, Scorer
from htrlib.layout.seams import Seams
from htrlib.reading.tidying import simplified

Value = TypeVar("Value")

pytestmark = pytest.mark.skipif(
    compiled.library is None, reason="the C part was not built; it takes a compiler"
)

CHARSET = Charset.from_text(" abcdehlorstuw☃")
MODEL = estimate(
    ["she sells sea shells by the sea shore ", "how much wood ", "ab☃ ba"] * 3, order=4
)
PAIRS = estimate(["she sells ", "wood"], order=2)
MANY_SYMBOLS = estimate(["".join(chr(0x400 + n) for n in range(300)) + " sea shells"] * 2, order=3)
library: Any = compiled.library
numbers = st.floats(allow_nan=True, allow_infinity=True, width=32)


def in_both(work: Callable[[], Value]) -> Tuple[Value, Value]:
    """Return the results of C and of Python."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "library", None)
        in_python = work()
    return work(), in_python


def assert_same(one: SearchResult, other: SearchResult) -> None:
    """Bit by bit."""
    assert one.hypotheses == other.hypotheses
    assert one.frames == other.frames
    for name in vars(one.history):
        assert np.array_equal(getattr(one.history, name), getattr(other.history, name)), name


def line(seed: int, frames: int, classes: int, sharpness: float) -> NDArray[np.float32]:
    """(T, C) natural-log probabilities, in some lines mostly blank."""
    rng = np.random.default_rng(seed)
    values = sharpness * rng.normal(size=(frames, classes))
    values[:, -1] += (seed % 3) * sharpness * rng.normal(size=frames)
    return (values - np.logaddexp.reduce(values, axis=1, keepdims=True)).astype(np.float32)


@given(
    st.integers(0, 1 << 30),
    st.integers(1, 60),
    st.sampled_from((0.3, 2.0, 6.0)),
    st.integers(1, 30),
    st.sampled_from((None, -2.0, -6.0, -12.0)),
    st.sampled_from((None, MODEL, MANY_SYMBOLS)),
    st.booleans(),
)
@settings(max_examples=150)
def test_a_search_is_the_same_in_c_and_in_python(
    seed: int,
    frames: int,
    sharpness: float,
    width: int,
    pruning: Optional[float],
    model: Optional[NGramModel],
    internal: bool,
) -> None:
    values = line(seed, frames, len(CHARSET) + 1, sharpness)
    pairs = pair_scores(PAIRS, CHARSET, 0.4) if internal else None
    scorer = None if model is None else LanguageModelScorer(model, CHARSET, 0.6, 1.2, pairs)
    assert_same(*in_both(lambda: beam_search(values, width, pruning, scorer)))


def test_c_refuses_pairs_that_are_not_all_scored() -> None:
    scorer = LanguageModelScorer(MODEL, CHARSET, 0.6, 1.2, np.zeros((2, 2)))
    with pytest.raises(ValueError, match="pairs of labels"):
        beam_search(line(0, 9, len(CHARSET) + 1, 2.0), scorer=scorer)


def test_a_search_with_the_bundled_models_is_the_same(default_bundle: str) -> None:
    for seed, model in enumerate(bundled_models(default_bundle)):
        charset = Charset(tuple(model.characters[:120]))
        values = line(seed, 120, len(charset) + 1, 3.0)
        scorer = LanguageModelScorer(model, charset, 0.6, 1.2)
        assert_same(*in_both(lambda v=values, s=scorer: beam_search(v, scorer=s)))


def test_long_lines_that_are_scaled_are_the_same() -> None:
    values = line(1, 800, len(CHARSET) + 1, 0.3)
    assert_same(*in_both(lambda: beam_search(values, 5)))


def test_a_scorer_of_ones_own_is_asked_in_python() -> None:
    class Never(Scorer):
        def score(self, content: Any, label: int) -> float:
            return -math.inf

    assert beam_search(line(0, 9, 4, 2.0), scorer=Never()).hypotheses[0].labels == ()


@given(st.integers(0, 1 << 30), st.integers(1, 20), st.lists(st.integers(0, 2), max_size=12))
def test_an_alignment_is_the_same(seed: int, frames: int, labels: List[int]) -> None:
    values = np.round(line(seed, frames, 4, 2.0))  # with ties

    def aligned() -> Optional[Tuple[Tuple[int, int], ...]]:
        try:
            return align(values, labels)
        except ConfigError:
            return None

    one, other = in_both(aligned)
    assert one == other


@given(st.text("she wo☃x"), st.text("se ", max_size=3), st.booleans(), st.booleans())
@example("", "", True, False)
def test_the_scores_of_a_text_are_the_same(text: str, before: str, begin: bool, end: bool) -> None:
    for model in (MODEL, MANY_SYMBOLS):
        one, other = in_both(lambda m=model: m.character_scores(text, before, begin, end))
        assert np.array_equal(one, other)


def test_models_of_more_levels_than_c_takes_are_read_by_python() -> None:
    model = estimate(["a" * 50 + " b"], order=40)
    assert model.compiled_levels is None
    charset = Charset.from_text("ab")
    scorer = LanguageModelScorer(model, charset, 1.0, 0.0)
    assert beam_search(line(0, 9, 3, 2.0), scorer=scorer).hypotheses
    assert len(model.character_scores("aab")) == 3


@given(st.integers(0, 1 << 30), st.integers(2, 40), st.integers(1, 60), st.integers(1, 4))
def test_seams_are_the_same(seed: int, width: int, height: int, lines: int) -> None:
    rng = np.random.default_rng(seed)
    ink = (255 * (rng.random((height, width)) > 0.7)).astype(np.uint8)  # with many ties
    ends = np.sort(rng.uniform(-5, height + 5, (lines, 2)), axis=1)
    cores = [(top + rng.normal(size=width), base + rng.normal(size=width)) for top, base in ends]
    extents = [(0, width)] * lines

    def limits() -> List[NDArray[np.float64]]:
        seams = Seams(ink, cores, extents)
        return [limit for index in range(lines) for limit in seams.limits(index)]

    for one, other in zip(*in_both(limits)):
        assert np.array_equal(one, other)


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=40),
    st.sampled_from((0.0, 0.3, 1.0, 5.0)),
    st.booleans(),
)
def test_an_outline_keeps_the_same_points(
    points: List[Tuple[int, int]], tolerance: float, rounded: bool
) -> None:
    outline = [(x if rounded else x / 7, y / 3) for x, y in points]
    one, other = in_both(lambda: simplified(outline, tolerance))
    assert one == other


@given(
    st.integers(0, 1 << 30),
    st.integers(1, 90),
    st.integers(1, 60),
    st.sampled_from((8, 40, 120)),
    st.booleans(),
)
def test_a_straightened_strip_is_that_of_pillow(
    seed: int, width: int, height: int, to_height: int, masked: bool
) -> None:
    rng = np.random.default_rng(seed)
    page = rng.integers(0, 256, (height, width), dtype=np.uint8)
    left, top = rng.uniform(-9, width), rng.uniform(-9, height)
    tops = top + np.cumsum(rng.normal(size=rng.integers(2, 9)))
    bottoms = tops + rng.uniform(1, 40)
    strip = LineStrip(left, left + rng.uniform(1, 120), tuple(tops), tuple(bottoms))
    corners = rng.uniform(-5, 95, (5, 2))
    polygon = Polygon(tuple(map(tuple, corners))) if masked else None
    one, other = in_both(lambda: cut_line(page, strip, to_height, polygon))
    assert np.array_equal(one, other)


@given(st.integers(1, 70), st.integers(1, 70), st.integers(0, 2**32 - 1))
def test_sharpness_at_each_tilt_is_the_same(height: int, width: int, seed: int) -> None:
    ink = np.random.default_rng(seed).integers(0, 256, (height, width)).astype(np.uint8)
    for turned in (ink, np.rot90(ink)):
        one, other = in_both(lambda page=turned: _sharpness(strips_of(page), COARSE_ANGLES))
        assert np.array_equal(one, other)


@given(
    st.integers(1, 4),
    st.integers(1, 200),
    st.sampled_from((1, 3, 5, 19, LARGEST_WINDOW, LARGEST_WINDOW + 2)),
    st.integers(0, 2**32 - 1),
)
def test_the_medians_of_windows_are_the_same(height: int, width: int, size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.integers(-9, 9, (height, width)).astype(np.float32)
    rows += rng.choice((0, 0.1), rows.shape).astype(np.float32)
    one, other = in_both(lambda: median_filter(rows, size))
    assert np.array_equal(one, other)


arrays = st.builds(
    lambda values, dtype: np.array(values).astype(dtype),
    st.lists(st.integers(-3, 40), max_size=12),
    st.sampled_from(("u1", "u2", "u4", "i4", "i8", "f4", "f8", "i2")),
)
levels = st.lists(st.tuples(arrays, arrays, arrays, arrays), max_size=3).map(tuple)


@given(st.lists(arrays, min_size=4, max_size=4), st.integers(-2, 9), st.integers(-1, 9), levels)
@settings(max_examples=300)
def test_arrays_that_do_not_fit_are_refused(
    given: List[NDArray[Any]], classes: int, width: int, levels: Tuple[Any, ...]
) -> None:
    scorer = levels, given[1], 0, 1, 1.0, 0.0, -14.0
    for argument in (None, scorer):
        with contextlib.suppress(ValueError):
            library.search(*given, classes, width, 0.1, 1.0, 0.0, argument)
    for call in (
        lambda: library.text_scores(levels, given[0], classes),
        lambda: library.best_states(given[2], given[3]),
        lambda: library.cheapest_seams(*given, given[0], classes, 0.01),
        lambda: library.band_sums(given[0], width, given[1]),
        lambda: library.contrasts(*given[:2], classes, width),
        lambda: library.running_medians(given[0], classes, width, given[1]),
        lambda: library.simplified(given[0], 1.0),
        lambda: library.straightened(*given[:2], classes, *given[2:], width, width),
        lambda: library.straightened(given[0], None, classes, *given[2:], width, width),
    ):
        with contextlib.suppress(ValueError):
            call()


@given(
    st.lists(st.tuples(numbers, st.lists(st.tuples(st.integers(0, 2), numbers), max_size=4))),
    st.integers(1, 5),
    numbers,
    numbers,
)
def test_numbers_that_are_none_do_no_harm(
    shown: List[Tuple[float, List[Tuple[int, float]]]], width: int, margin: float, highest: float
) -> None:
    starts = np.cumsum([0, *(len(labels) for _, labels in shown)]).astype(np.int64)
    pairs = [pair for _, labels in shown for pair in labels]
    found = library.search(
        starts,
        np.array([label for label, _ in pairs], np.int32),
        np.array([p for _, p in pairs], np.float64),
        np.array([blank for blank, _ in shown], np.float64),
        3,
        width,
        margin,
        highest,
        0.0,
        None,
    )
    parents, ends = np.frombuffer(found[0], np.int32), np.frombuffer(found[4], np.int64)
    assert (parents[1:] < np.arange(1, len(parents))).all()
    assert (np.diff(ends, prepend=0) <= width).all()
    assert len(found[5]) == 4 * (ends[-1] if len(ends) else 0)


@given(st.integers(1, 5), st.integers(1, 4), st.lists(numbers, min_size=20, max_size=20), numbers)
def test_pictures_at_places_that_are_none_do_no_harm(
    width: int, height: int, some: List[float], step: float
) -> None:
    picture = np.full((height, width), 9, np.uint8)
    columns, corners = np.array([[0, width]]), np.array(some[:8])
    gray, _ = library.straightened(picture, None, width, columns, corners, width, 3)
    assert set(gray) <= {0, 9}
    edges, shares = np.array(some[:width]), np.array(some[5:8])
    seams = library.cheapest_seams(picture, edges, edges, shares, shares, width, step)
    assert len(seams) == 8 * width
    assert len(library.simplified(np.array(some), step)) == 10


@given(st.integers(1, 6), st.lists(numbers, min_size=6, max_size=30))
def test_alignments_of_numbers_that_are_none_stay_within_their_states(
    states: int, cells: List[float]
) -> None:
    frames = len(cells) // states
    emissions = np.array(cells[: frames * states], np.float64)
    path = library.best_states(emissions, np.zeros(states))
    if path is not None:
        passed = np.frombuffer(path, np.int64)
        assert len(passed) == frames
        assert ((passed >= 0) & (passed < states)).all()
