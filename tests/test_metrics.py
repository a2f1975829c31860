"""Error rates, intervals, detection scores: definitions, edge cases, and laws."""

from __future__ import annotations

import itertools
import math
from typing import List, Optional, Sequence, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from htrlib.document.geometry import Box
from htrlib.errors import ConfigError
from htrlib.metrics import (
    DetectionF1,
    ErrorRate,
    bootstrap_interval,
    character_error_rate,
    confusions,
    detection_f1,
    mean_iou,
    normalize,
    page_text,
    word_error_rate,
)

LETTERS = st.text("ab é", max_size=9)
PAIRS = st.lists(st.tuples(LETTERS, LETTERS), max_size=5)
BOXES = st.builds(
    Box.from_xywh, st.integers(0, 9), st.integers(0, 9), st.integers(1, 6), st.integers(1, 6)
)


def edits(reference: Sequence[str], hypothesis: Sequence[str]) -> int:
    rate = ErrorRate()
    rate.add(reference, hypothesis)
    return rate.edits


class TestErrorRate:
    @given(LETTERS, LETTERS, LETTERS)
    def test_edit_distance_is_a_metric(self, one: str, two: str, three: str) -> None:
        assert (edits(one, two) == 0) == (one == two)
        assert edits(one, two) == edits(two, one)
        assert edits(one, three) <= edits(one, two) + edits(two, three)

    @given(LETTERS, LETTERS)
    def test_edit_distance_is_the_recurrence_of_its_definition(self, one: str, two: str) -> None:
        row = list(range(len(two) + 1))
        for i, a in enumerate(one, start=1):
            above, row = row, [i]
            for j, b in enumerate(two, start=1):
                row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (a != b)))
        assert edits(one, two) == row[-1]

    @given(PAIRS, PAIRS)
    def test_parts_add_up(
        self, first: List[Tuple[str, str]], second: List[Tuple[str, str]]
    ) -> None:
        one, two, both = ErrorRate(), ErrorRate(), ErrorRate()
        for pair in first:
            one.add(*pair)
        for pair in second:
            two.add(*pair)
        for pair in first + second:
            both.add(*pair)
        assert one + two == both

    def test_words_are_counted_as_wholes(self) -> None:
        rate = ErrorRate()
        rate.add(["a", "fine", "day"], ["fine", "days"])
        assert (rate.edits, rate.length) == (2, 3)

    def test_nothing_is_normalized(self) -> None:
        assert edits("a  b", "a b") == 1

    @pytest.mark.parametrize(
        ("reference", "hypothesis", "rate"),
        [("", "", 0.0), ("", "a", math.inf), ("ab", "", 1.0), ("a", "bcd", 3.0)],
    )
    def test_empty_texts(self, reference: str, hypothesis: str, rate: float) -> None:
        total = ErrorRate()
        total.add(reference, hypothesis)
        assert total.rate == rate


class TestNormalization:
    @given(st.text())
    def test_twice_is_once(self, text: str) -> None:
        assert normalize(normalize(text)) == normalize(text)

    @pytest.mark.parametrize(
        ("text", "normal"),
        [
            ("  a\t b\n\nc ", "a b c"),
            ("a\u00a0b", "a b"),
            ("e\u0301", "é"),
            ("“Été, L'ŒUVRE”", "“Été, L'ŒUVRE”"),
            (" \n ", ""),
        ],
    )
    def test_table(self, text: str, normal: str) -> None:
        assert normalize(text) == normal

    def test_case(self) -> None:
        assert normalize("ÉTÉ Straße", ignore_case=True) == "été strasse"

    @given(st.lists(LETTERS, max_size=4))
    def test_page_text_does_not_see_where_lines_break(self, lines: list[str]) -> None:
        assert page_text(lines) == normalize("\n".join(lines))

    def test_empty_lines_leave_no_space(self) -> None:
        assert page_text(["one ", "", " two", "  "]) == "one two"
        assert page_text([]) == ""


class TestRates:
    @pytest.mark.parametrize(
        ("pairs", "characters", "words"),
        [
            ([], 0.0, 0.0),
            ([("", "")], 0.0, 0.0),
            ([("abc", "abc")], 0.0, 0.0),
            ([("abc", "")], 1.0, 1.0),
            ([("", "abc")], math.inf, math.inf),
            ([("one two", "one too")], 1 / 7, 1 / 2),
            ([("one two", "onetwo")], 1 / 7, 1.0),
            ([("one  two\n", " one two")], 0.0, 0.0),
            ([("one, two", "one two")], 1 / 8, 1 / 2),
            ([("e\u0301te\u0301", "été")], 0.0, 0.0),
            ([("été", "ete")], 2 / 3, 1.0),
            ([("a", "b"), ("cccc", "cccc")], 1 / 5, 1 / 2),  # not the mean of 1 and 0
            ([("", "b"), ("cccc", "cccc")], 1 / 4, 1.0),
            ([("Ab", "aB")], 1.0, 1.0),
        ],
    )
    def test_table(self, pairs: List[Tuple[str, str]], characters: float, words: float) -> None:
        assert character_error_rate(pairs) == characters
        assert word_error_rate(pairs) == words

    def test_case_can_be_ignored(self) -> None:
        pairs = [("The End", "the enD")]
        assert character_error_rate(pairs) == 3 / 7
        assert character_error_rate(pairs, ignore_case=True) == 0.0
        assert word_error_rate(pairs) == 1.0
        assert word_error_rate(pairs, ignore_case=True) == 0.0

    def test_pairs_may_come_from_a_generator(self) -> None:
        assert character_error_rate(pair for pair in [("ab", "ac")]) == 0.5


class TestConfusions:
    def test_table(self) -> None:
        counts = confusions([("rain", "ram"), ("ab", "xb"), ("a", "ab"), ("same", "same")])
        assert sum(counts.values()) == 4
        assert counts["a", "x"] == 1
        assert counts["", "b"] == 1
        assert counts["i", "m"] + counts["i", ""] == 1

    @given(PAIRS, st.booleans())
    def test_there_are_as_many_as_edits(self, pairs: List[Tuple[str, str]], fold: bool) -> None:
        total = sum(
            edits(normalize(a, ignore_case=fold), normalize(b, ignore_case=fold)) for a, b in pairs
        )
        counts = confusions(pairs, ignore_case=fold)
        assert sum(counts.values()) == total
        assert all(expected != found for expected, found in counts)

    def test_case_can_be_ignored(self) -> None:
        assert confusions([("A", "a")]) == {("A", "a"): 1}
        assert not confusions([("A", "a")], ignore_case=True)


class TestBootstrap:
    def test_equal_samples_have_no_spread(self) -> None:
        assert bootstrap_interval([1] * 9, [4] * 9, seed=0) == (0.25, 0.25)

    def test_the_seed_fixes_it(self) -> None:
        edits, lengths = list(range(50)), list(range(50, 100))
        assert bootstrap_interval(edits, lengths, 3) == bootstrap_interval(edits, lengths, 3)
        assert bootstrap_interval(edits, lengths, 3) != bootstrap_interval(edits, lengths, 4)

    def test_it_is_as_wide_as_the_normal_approximation_says(self) -> None:
        """400 samples of 10 characters, half with no edit, half with 2: rate 0.1, s.e. 0.005."""
        low, high = bootstrap_interval([0, 2] * 200, [10] * 400, seed=1)
        assert low == pytest.approx(0.1 - 1.96 * 0.005, abs=0.0015)
        assert high == pytest.approx(0.1 + 1.96 * 0.005, abs=0.0015)

    def test_long_samples_weigh_more(self) -> None:
        low, high = bootstrap_interval([0, 1000], [1000, 1000], seed=0)
        assert (low, high) == (0.0, 1.0)
        low, high = bootstrap_interval([1] * 50 + [0], [1] * 50 + [100_000], seed=0)
        assert low < 0.001

    @pytest.mark.parametrize(
        ("edits", "lengths", "message"),
        [
            ([], [], "0 edits and 0 lengths"),
            ([1], [1, 2], "1 edits and 2 lengths"),
            ([1, 0], [1, 0], "found 0"),
        ],
    )
    def test_bad_samples(self, edits: List[int], lengths: List[int], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            bootstrap_interval(edits, lengths, seed=0)


class TestDetection:
    A, B, C = Box(0, 0, 10, 10), Box(0, 20, 10, 30), Box(0, 40, 10, 50)

    @pytest.mark.parametrize(
        ("expected", "found", "scores"),
        [
            ([], [], (1.0, 1.0, 1.0)),
            ([A], [], (1.0, 0.0, 0.0)),
            ([], [A], (0.0, 1.0, 0.0)),
            ([A, B], [B, A], (1.0, 1.0, 1.0)),
            ([A, B], [A, C], (0.5, 0.5, 0.5)),
            ([A, B, C], [A], (1.0, 1 / 3, 0.5)),
            ([A], [A, A], (0.5, 1.0, 2 / 3)),  # a second box on the same line is a false one
            ([A], [Box(0, 0, 10, 5)], (1.0, 1.0, 1.0)),  # an IoU of the threshold is enough
            ([A], [Box(0, 0, 10, 4.9)], (0.0, 0.0, 0.0)),
            ([A, B], [Box(0, 0, 10, 30)], (0.0, 0.0, 0.0)),  # two lines in one box are none
        ],
    )
    def test_table(
        self, expected: List[Box], found: List[Box], scores: Tuple[float, float, float]
    ) -> None:
        score = detection_f1([expected], [found])
        assert (score.precision, score.recall, score.f1) == pytest.approx(scores)

    def test_boxes_match_on_their_own_page_only(self) -> None:
        assert detection_f1([[self.A], []], [[], [self.A]]).matched == 0

    def test_pages_are_summed(self) -> None:
        score = detection_f1([[self.A], [self.A, self.B, self.C]], [[self.A], []])
        assert score == DetectionF1(0.5, matched=1, expected=4, found=1)
        parts = detection_f1([[self.A]], [[self.A]]) + detection_f1(
            [[self.A, self.B, self.C]], [[]]
        )
        assert parts == score

    def test_a_greedy_match_is_not_enough(self) -> None:
        """The first expected box fits both found ones, the second only the first of them."""
        expected = [Box(0, 0, 10, 10), Box(0, 0, 10, 16)]
        found = [Box(0, 0, 10, 11), Box(0, 0, 10, 7)]
        assert detection_f1([expected], [found]).matched == 2

    @given(st.lists(BOXES, max_size=4), st.lists(BOXES, max_size=4))
    def test_no_other_matching_has_more_pairs(self, expected: List[Box], found: List[Box]) -> None:
        few, many = sorted((expected, found), key=len)
        best = max(
            sum(a.iou(b) >= 0.3 for a, b in zip(few, order))
            for order in itertools.permutations(many, len(few))
        )
        score = detection_f1([expected], [found], iou=0.3)
        assert score.matched == best
        assert score.f1 == detection_f1([found], [expected], iou=0.3).f1

    def test_bad_arguments(self) -> None:
        with pytest.raises(ValueError, match="on 1 pages, found on 2"):
            detection_f1([[]], [[], []])
        for iou in (0.0, 1.1, math.nan):
            with pytest.raises(ConfigError, match="at most 1"):
                DetectionF1(iou)
        with pytest.raises(ValueError, match=r"0\.5 and 0\.75"):
            DetectionF1(0.5) + DetectionF1(0.75)


class TestMeanIou:
    BOX = Box(0, 0, 10, 10)

    @pytest.mark.parametrize(
        ("pairs", "mean"),
        [
            ([(BOX, BOX)], 1.0),
            ([(None, None)], 1.0),
            ([(BOX, None)], 0.0),
            ([(None, BOX)], 0.0),
            ([(BOX, Box(0, 0, 10, 5)), (BOX, BOX), (BOX, None)], 0.5),
        ],
    )
    def test_table(self, pairs: List[Tuple[Optional[Box], Optional[Box]]], mean: float) -> None:
        assert mean_iou(pairs) == pytest.approx(mean)

    def test_of_nothing_is_refused(self) -> None:
        with pytest.raises(ValueError, match="needs at least one"):
            mean_iou([])
