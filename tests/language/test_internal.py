"""What a recognizer learned of the language is taken off its scores."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from htrlib.decoding.beam_search import beam_search
from htrlib.decoding.decoding_options import bundled_options
from htrlib.document.charset import Charset
from htrlib.document.results import LogProbs
from htrlib.language.estimation import estimate
from htrlib.language.internal import LEAST, pair_scores
from htrlib.language.scoring import LanguageModelScorer
from htrlib.stages.decoding import read_line

CHARSET = Charset.from_text(" abqx")
INTERNAL = estimate(["ab ab ab ba b a aab"] * 3, order=2)
MODEL = estimate(["bab abba a b"] * 3, order=3)


def test_each_label_is_given_back_what_its_pair_weighs():
    scores = pair_scores(INTERNAL, CHARSET, 0.4)
    assert scores.shape == (6, 5)
    assert scores.min() >= 0
    after_a, b = CHARSET.encode("ab")
    expected = INTERNAL.log_prob(INTERNAL.context("a"), INTERNAL.symbol_ids["b"])
    assert scores[after_a, b] == pytest.approx(-0.4 * expected)
    np.testing.assert_array_equal(scores[-1], scores[CHARSET.encode(" ")[0]])  # a line begins


def test_what_the_internal_model_does_not_know_gets_a_bounded_score():
    scores = pair_scores(INTERNAL, CHARSET, 0.5)
    x = CHARSET.encode("x")[0]
    np.testing.assert_allclose(scores[:, x], -0.5 * LEAST)
    assert scores.max() <= -0.5 * LEAST


def test_the_search_adds_the_scores_of_all_pairs_of_a_text():
    charset = Charset.from_text(" ab")
    rng = np.random.default_rng(2)
    values = rng.normal(0, 3, (30, 4))
    values -= np.logaddexp.reduce(values, axis=1, keepdims=True)
    pairs = pair_scores(INTERNAL, charset, 0.4)
    scorer = LanguageModelScorer(MODEL, charset, 0.6, 1.1, pairs)
    for found in beam_search(values, 8, scorer=scorer).hypotheses:
        text = charset.decode(found.labels)
        language = MODEL.character_scores(text, before=" ").sum()
        before = (len(charset), *found.labels)
        given_back = sum(pairs[one, label] for one, label in zip(before, found.labels))
        expected = 0.6 * language + 1.1 * len(text) + given_back
        assert found.score - found.log_prob == pytest.approx(expected, abs=1e-4)


def test_a_text_that_the_recognizer_expects_wins_less_easily():
    likely, rare = CHARSET.encode("ab")[1], CHARSET.encode("q")[0]
    frames = np.full((3, 6), 1e-6)
    frames[0, CHARSET.encode("a")[0]] = 1.0
    frames[1, 5] = 1.0
    frames[2, [likely, rare]] = 0.55, 0.45
    values = np.log(frames / frames.sum(axis=1, keepdims=True))
    flat = estimate(["".join(CHARSET.symbols) * 3], order=1)
    without, with_pairs = (
        beam_search(values, scorer=LanguageModelScorer(flat, CHARSET, 0.1, 0.0, pairs))
        for pairs in (None, pair_scores(INTERNAL, CHARSET, 0.4))
    )
    assert CHARSET.decode(without.hypotheses[0].labels) == "ab"
    assert CHARSET.decode(with_pairs.hypotheses[0].labels) == "aq"
    assert math.isfinite(with_pairs.hypotheses[0].score)


def test_the_included_model_takes_off_pairs_of_letters(default_bundle):
    options = bundled_options(default_bundle)
    assert options.internal_model is not None
    assert options.internal_model.order == 2
    assert 0 < options.internal_weight < options.lm_weight


def test_a_line_is_searched_with_the_scores_of_pairs(default_bundle):
    options = replace(bundled_options(default_bundle), lm_weight=0.1, insertion_bonus=0.0)
    frames = np.full((3, 6), 1e-6)
    frames[0, CHARSET.encode("a")[0]] = 1.0
    frames[1, 5] = 1.0
    frames[2, [CHARSET.encode("b")[0], CHARSET.encode("q")[0]]] = 0.55, 0.45
    line = LogProbs(np.log(frames / frames.sum(axis=1, keepdims=True)).astype(np.float32), CHARSET)
    flat = estimate(["".join(CHARSET.symbols) * 3], order=1)
    texts = [
        read_line(line, replace(options, language_model=flat, **internal)).text
        for internal in ({"internal_weight": 0.0}, {"internal_model": INTERNAL})
    ]
    assert texts == ["ab", "aq"]
