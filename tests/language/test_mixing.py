from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import List

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from htrlib.errors import ConfigError, LanguageModelError
from htrlib.language.estimation import estimate
from htrlib.language.files import load_model, save_model
from htrlib.language.mixing import best_share, mix
from htrlib.language.ngram import NGramModel

SEA = ["She sells sea shells by the sea shore."] * 2
WOOD = ["How much wood would a woodchuck chuck, if a woodchuck could?"] * 2
texts = st.lists(st.text("ab c", min_size=3).filter(str.strip), min_size=1, max_size=4)
others = st.lists(st.text("bcd ", min_size=3).filter(str.strip), min_size=1, max_size=4)


def shortest(*texts: List[str]) -> int:
    return 2 + min(len(" ".join(text.split())) for piece in texts for text in piece)


def probabilities(model: NGramModel, before: str, characters: str) -> List[float]:
    row = np.exp(model.row(model.context(before)).astype(np.float64))
    known = set(model.characters)
    return [float(row[model.symbol_id(c)]) if c in known else 0.0 for c in characters]


@given(texts, others, st.integers(1, 4), st.integers(1, 4), st.floats(0.05, 0.95), st.text("abcd "))
@settings(max_examples=60, deadline=None)
def test_every_mixed_distribution_sums_to_one(
    first: List[str], second: List[str], order: int, other: int, share: float, before: str
) -> None:
    models = [estimate(t, min(n, shortest(t))) for t, n in ((first, order), (second, other))]
    mixed = mix(models[0], models[1], share)
    row = mixed.row(mixed.context(before)).astype(np.float64)
    assert np.exp(row).sum() == pytest.approx(1.0, abs=0.01)


def test_rounded_scores_shut_nothing_out_that_did_not_follow_before(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    words = ["".join(rng.choice(list("abcdefgh"), rng.integers(1, 7))) for _ in range(300)]
    text = " ".join(words[int(300 * rng.random() ** 3)] for _ in range(6000))
    save_model(estimate([text], order=5), tmp_path / "rounded.lm")
    rounded = load_model(tmp_path / "rounded.lm")
    assert any(len(level) > 256 for level in rounded.levels), "nothing was rounded"
    mixed = mix(estimate(SEA, order=5), rounded, 0.02)
    backoffs = np.concatenate([level.backoffs for level in mixed.levels])
    assert backoffs.min() > -6.0
    assert backoffs.max() <= 0.0
    for end in range(200, 600):
        row = mixed.row(mixed.context(text[end - 5 : end])).astype(np.float64)
        assert row.max() <= 0.0
        assert np.exp(row).sum() == pytest.approx(1.0, abs=0.1)


def test_what_either_model_has_seen_has_the_mixed_probability() -> None:
    sea, wood = estimate(SEA, order=4), estimate(WOOD, order=4)
    mixed = mix(sea, wood, 0.3)
    for before, after in (("sea", " "), ("she", "l"), ("woo", "d"), ("", "W"), ("", "H")):
        expected = 0.3 * np.array(probabilities(sea, before, after)) + 0.7 * np.array(
            probabilities(wood, before, after)
        )
        assert probabilities(mixed, before, after) == pytest.approx(expected.tolist(), rel=1e-4)


def test_a_mixture_knows_the_words_of_both() -> None:
    cats, dogs = (estimate([f"the {it} saw the {it} once"], order=2) for it in ("cat", "dog"))
    assert cats.words == {"the", "cat"}
    assert mix(cats, dogs, 0.3).words == {"the", "cat", "dog"}


def test_a_model_mixed_with_itself_stays_what_it_is() -> None:
    model = estimate(SEA, order=5)
    mixed = mix(model, model, 0.5)
    for text in ("sea shells", "shore sells", "eeh"):
        assert mixed.score(text) == pytest.approx(model.score(text), abs=1e-3)


def test_the_models_may_be_of_different_orders_and_characters() -> None:
    mixed = mix(estimate(SEA, order=2), estimate(WOOD, order=5), 0.5)
    assert mixed.order == 5
    assert set(mixed.characters) == set("".join(SEA + WOOD))


def test_the_best_share_is_that_of_the_model_like_the_texts() -> None:
    sea, wood = estimate(SEA, order=4), estimate(WOOD, order=4)
    assert best_share(sea, wood, ["sea shells by the shore"]) > 0.8
    assert best_share(sea, wood, ["a woodchuck would"]) < 0.2
    assert best_share(sea, wood, ["sea shells, would a woodchuck"]) == pytest.approx(0.5, abs=0.4)


def test_texts_that_neither_model_knows_say_nothing() -> None:
    sea, wood = estimate(SEA, order=4), estimate(WOOD, order=4)
    assert best_share(sea, wood, ["ΩΩ"]) == 0.5
    assert best_share(sea, wood, []) == 0.5


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0, float("nan")])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    model = estimate(SEA, order=2)
    with pytest.raises(ConfigError, match="between 0 and 1"):
        mix(model, model, share)


def test_a_model_without_the_endings_of_its_ngrams_is_refused() -> None:
    model = estimate(["abab"], order=3)
    bigrams = model.levels[1]
    ends = bigrams.first_child.copy()
    parents = np.repeat(np.arange(len(model.vocabulary)), np.diff(model.levels[0].first_child))
    b_a = next(
        index
        for index, (parent, symbol) in enumerate(zip(parents, bigrams.symbols))
        if model.vocabulary[parent] == "b" and model.vocabulary[symbol] == "a"
    )
    gone = slice(int(ends[b_a]), int(ends[b_a + 1]))
    unigram_ends = model.levels[0].first_child - (
        np.arange(len(model.vocabulary) + 1) > model.symbol_id("b")
    )
    keep = np.arange(len(bigrams)) != b_a
    counts = np.diff(ends)[keep]
    trigrams = model.levels[2]
    left = np.ones(len(trigrams), dtype=bool)
    left[gone] = False
    holed = NGramModel(
        model.vocabulary,
        [
            replace(model.levels[0], first_child=unigram_ends),
            replace(
                bigrams,
                symbols=bigrams.symbols[keep],
                first_child=np.concatenate(([0], np.cumsum(counts))),
                log_probs=bigrams.log_probs[keep],
                backoffs=bigrams.backoffs[keep],
            ),
            replace(
                trigrams,
                symbols=trigrams.symbols[left],
                first_child=np.zeros(int(left.sum()) + 1, dtype=np.int64),
                log_probs=trigrams.log_probs[left],
                backoffs=trigrams.backoffs[left],
            ),
        ],
    )
    with pytest.raises(LanguageModelError, match="3-grams without the 2-grams"):
        mix(holed, holed, 0.5)
