"""A page is read with the best-fitting of several language models."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from htrlib.bundle import load_bundle, write_bundle
from htrlib.decoding.decoding_options import bundled_models
from htrlib.decoding.model_choice import fitting_model, fitting_text
from htrlib.document.charset import Charset
from htrlib.document.results import LogProbs
from htrlib.language.estimation import estimate
from htrlib.language.files import save_model
from htrlib.language.ngram import NGramModel
from htrlib.stages.decoding import decode, decode_lines

ENGLISH = ["the cat that sat on the mat then ate the other hat", "these are those that they think"]
FRENCH = ["le chat qui est sur la table et les autres", "nous avons vu que vous etes la aussi"]
CHARSET = Charset.from_text("abcdefghijklmnopqrstuvwxyz ")


@pytest.fixture(scope="module")
def models():
    return estimate(ENGLISH * 3, 3), estimate(FRENCH * 3, 3)


def spelled(text: str, sureness: float = 0.98) -> LogProbs:
    """A line whose best path is the text, with a blank before each character."""
    classes = len(CHARSET) + 1
    frames = np.full((2 * len(text), classes), (1 - sureness) / (classes - 1))
    for index, label in enumerate(CHARSET.encode(text)):
        frames[2 * index, -1] = sureness
        frames[2 * index + 1, label] = sureness
    return replace(as_line(frames), values=np.log(frames).astype(np.float32))


def as_line(frames) -> LogProbs:
    from htrlib.decoding.input_checks import as_log_probs

    return as_log_probs(np.log(frames), CHARSET, None)


def test_the_model_of_the_pages_language_is_chosen(models):
    english, french = models
    page = [spelled("the other cat sat"), spelled("on those mats that they think")]
    assert fitting_model(models, page) is english
    assert fitting_model(models, [spelled("les autres nous avons vu que le chat")]) is french


def test_a_short_line_follows_its_page(models):
    _, french = models
    page = [spelled("at"), spelled("nous avons vu que vous etes sur la table")]
    assert fitting_model(models, page) is french


def test_a_few_characters_are_read_with_the_usual_model(models):
    assert fitting_text(models, ["et"]) is models[0]
    assert fitting_text(models, []) is models[0]


def test_without_models_there_is_none(models):
    assert fitting_model((), [spelled("the")]) is None
    assert fitting_model(models[:1], []) is models[0]


def test_where_best_paths_are_full_of_errors_the_search_decides(models):
    english, french = models
    page = [spelled("xqzk vwj"), spelled("qzjx kwxv qqzx jjk")]
    assert fitting_model(models, page) is english

    def read_best(line: LogProbs, model: NGramModel) -> float:
        return -10.0 if model is french else -40.0

    assert fitting_model(models, page, read_best) is french
    assert fitting_model(models[::-1], page, read_best) is french


def test_the_search_is_spared_where_best_paths_are_clear(models):
    def never(line: LogProbs, model: NGramModel) -> float:
        raise AssertionError("searched")

    page = [spelled("les autres nous avons vu que le chat")]
    assert fitting_model(models, page, never) is models[1]


def test_only_the_longest_lines_are_searched(models):
    searched = set()

    def remember(line: LogProbs, model: NGramModel) -> float:
        searched.add(len(line.values))
        return 0.0

    fitting_model(models, [spelled("qxz" * length) for length in range(1, 9)], remember)
    assert searched == {2 * 3 * length for length in range(5, 9)}


@given(st.lists(st.text(max_size=12), max_size=4))
def test_any_text_gets_one_of_the_models(texts):
    both = tuple(estimate(text, 2) for text in (ENGLISH, FRENCH))
    assert fitting_text(both, texts) in both


def test_a_bundle_with_two_models_reads_each_page_with_its_own(models, tmp_path):
    files = {}
    for name, model in zip(("english.lm", "french.lm"), models):
        save_model(model, tmp_path / name)
        files[name] = (tmp_path / name).read_bytes()
    decoding = {
        "language_models": {"english": "english.lm", "french": "french.lm"},
        "lm_weight": 1.0,
        "insertion_bonus": 1.0,
    }
    config = {"name": "two", "version": "1", "networks": {}, "decoding": decoding}
    write_bundle(tmp_path / "two", config, CHARSET, {}, files)
    bundle = load_bundle(tmp_path / "two")
    assert len(bundled_models(bundle)) == 2
    page = [spelled("le chat", 0.4), spelled("nous avons vu que vous etes sur la table")]
    french = bundled_models(bundle)[1]
    assert decode_lines(page, bundle=bundle) == tuple(
        decode(line, bundle=bundle, language_model=french) for line in page
    )
    assert decode(page[1], bundle=bundle) == decode(page[1], bundle=bundle, language_model=french)
    assert json.loads((tmp_path / "two" / "config.json").read_text())["decoding"] == decoding
