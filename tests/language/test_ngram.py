from __future__ import annotations

import math
from typing import List

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from htrlib.errors import ConfigError, LanguageModelError
from htrlib.language.estimation import estimate
from htrlib.language.ngram import NGramModel

pytestmark = pytest.mark.usefixtures("inner_loops")

TEXTS = [
    "The quick brown fox jumps over the lazy dog.",
    "She sells sea shells by the sea shore.",
    "How much wood would a woodchuck chuck, if a woodchuck could chuck wood?",
]
texts = st.lists(st.text("ab c", min_size=1).filter(str.strip), min_size=1, max_size=5)


@pytest.fixture(scope="module")
def model() -> NGramModel:
    return estimate(TEXTS * 3, order=4)


@given(texts, st.integers(1, 3), st.integers(1, 3), st.text("ab cx", max_size=6))
@settings(max_examples=40, deadline=None)
def test_every_distribution_sums_to_one(
    texts: List[str], order: int, least: int, before: str
) -> None:
    order = min(order, 2 + min(len(text.strip()) for text in texts))
    model = estimate(texts, order, (1, 1, least))
    row = model.row(model.context(before))
    assert np.exp(row.astype(np.float64)).sum() == pytest.approx(1.0, abs=1e-5)


@given(texts, st.integers(1, 3), st.text("ab cx", max_size=6))
@settings(max_examples=100, deadline=None)
@example(["a c", "bbb", "bcb", "bcacccab cbbbcb"], 2, "b")
def test_nothing_is_impossible(texts: List[str], order: int, before: str) -> None:
    order = min(order, 2 + min(len(text.strip()) for text in texts))
    with np.errstate(all="raise"):
        model = estimate(texts, order)
    row = model.row(model.context(before))
    assert np.isfinite(row).all()


def test_a_bigram_model_agrees_with_the_formula_of_kneser_and_ney() -> None:
    # "aab": bigrams <s>a, aa, ab, b</s>, once each; too few counts, so discounts 0.5, 1, 1.5
    model = estimate(["aab"], order=2)
    # continuations: a after <s> and a, b after a, </s> after b; 4 symbols may come (not <s>)
    uniform = 1 / 4
    left_of_unigrams = (1.0 + 0.5 + 0.5) / 4
    p_a = (2 - 1.0) / 4 + left_of_unigrams * uniform
    p_a_after_a = (1 - 0.5) / 2 + (0.5 + 0.5) / 2 * p_a
    assert model.score("a", before="a") == pytest.approx(math.log(p_a_after_a), abs=1e-6)


def test_the_score_of_a_text_is_the_sum_over_its_characters(model: NGramModel) -> None:
    parts = [model.score(c, before="the sea "[:i]) for i, c in enumerate("the sea ")]
    assert model.score("the sea ") == pytest.approx(sum(parts))


def test_text_like_the_estimated_one_scores_higher(model: NGramModel) -> None:
    assert model.score("sea shells") > model.score("shla lsese")


def test_only_the_last_characters_matter(model: NGramModel) -> None:
    assert model.context("the quick") is model.context("quick")
    assert model.context("oodchuck") is not model.context("d")


def test_an_unknown_character_gets_a_small_but_finite_score(model: NGramModel) -> None:
    assert -30 < model.score("é") < model.score("z") < 0


def test_unknown_characters_are_told(model: NGramModel) -> None:
    assert model.unknown("déjà vu") == ("à", "é")


def test_rare_characters_count_as_unknown() -> None:
    model = estimate(["abababa", "abz"], order=2, min_counts=(2, 1))
    assert "z" not in model.characters
    assert model.score("z") == pytest.approx(model.score("q"))


def test_pruning_drops_rare_ngrams_and_keeps_frequent_ones(model: NGramModel) -> None:
    pruned = estimate(TEXTS * 3 + ["jxj"], order=4, min_counts=(1, 1, 2))
    whole = estimate(TEXTS * 3 + ["jxj"], order=4)
    assert len(pruned.levels[1]) == len(whole.levels[1])
    assert 0 < len(pruned.levels[2]) < len(whole.levels[2])
    assert pruned.score("woodchuck") == pytest.approx(whole.score("woodchuck"), rel=0.2)


def test_scores_do_not_depend_on_how_many_contexts_are_kept(
    model: NGramModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [model.score(text) for text in TEXTS]
    monkeypatch.setattr(NGramModel, "contexts_kept", 3)
    assert [model.score(text) for text in TEXTS] == before


@pytest.mark.parametrize("texts", [[], [""], [" \n ", "\t"]])
def test_no_text_is_an_error(texts: List[str]) -> None:
    with pytest.raises(LanguageModelError, match="found none"):
        estimate(texts)


def test_text_too_short_for_the_order_is_an_error() -> None:
    with pytest.raises(LanguageModelError, match="lower order"):
        estimate(["ab"], order=6)


def test_impossible_options_are_errors() -> None:
    with pytest.raises(ConfigError, match="at least 1, found 0"):
        estimate(TEXTS, order=0)
    with pytest.raises(ConfigError, match="must not decrease"):
        estimate(TEXTS, order=4, min_counts=(1, 3, 2))
