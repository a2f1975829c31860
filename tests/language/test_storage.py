from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from htrlib.errors import LanguageModelError
from htrlib.language.estimation import estimate
from htrlib.language.files import load_model, save_model
from htrlib.language.ngram import NGramModel

TEXT = "It was the best of times, it was the worst of times, it was the age of wisdom. " * 3


@pytest.fixture
def model() -> NGramModel:
    return estimate([TEXT, TEXT[7:]], order=5, min_counts=(1, 1, 1, 2))


def test_a_model_read_back_scores_nearly_the_same(model: NGramModel, tmp_path: Path) -> None:
    save_model(model, tmp_path / "a.lm")
    again = load_model(tmp_path / "a.lm")
    assert again.vocabulary == model.vocabulary and again.order == model.order
    for text in ("it was the age", "Wisdom! xé"):
        ours, theirs = again.character_scores(text), model.character_scores(text)
        assert np.abs(ours - theirs).max() < 0.05


def test_a_model_read_back_and_written_again_is_the_same_file(
    model: NGramModel, tmp_path: Path
) -> None:
    save_model(model, tmp_path / "a.lm")
    save_model(load_model(tmp_path / "a.lm"), tmp_path / "b.lm")
    assert (tmp_path / "a.lm").read_bytes() == (tmp_path / "b.lm").read_bytes()


def test_the_words_that_a_model_knows_are_kept(model: NGramModel, tmp_path: Path) -> None:
    words = frozenset(("été", "cat", "ſo"))
    knowing = NGramModel(model.vocabulary, model.levels, words)
    save_model(knowing, tmp_path / "model.lm")
    assert load_model(tmp_path / "model.lm").words == words
    save_model(NGramModel(model.vocabulary, model.levels), tmp_path / "without.lm")
    assert load_model(tmp_path / "without.lm").words == frozenset()


def test_many_distinct_scores_are_kept_to_a_small_error(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("abcdefgh "), 400)) + "." for _ in range(40)]
    model = estimate(texts, order=4)
    assert len(np.unique(model.levels[3].log_probs)) > 256
    save_model(model, tmp_path / "a.lm")
    again = load_model(tmp_path / "a.lm")
    for ours, theirs in zip(again.levels, model.levels):
        assert np.square(ours.log_probs - theirs.log_probs).mean() < 0.03**2
        assert np.square(ours.backoffs - theirs.backoffs).mean() < 0.03**2


def test_a_missing_file_is_told() -> None:
    with pytest.raises(LanguageModelError, match="there is no language model at nowhere"):
        load_model("nowhere.lm")


@pytest.mark.parametrize("cut", [10, 0.5, 0.99])
def test_a_truncated_file_is_told(model: NGramModel, tmp_path: Path, cut: float) -> None:
    path = tmp_path / "a.lm"
    save_model(model, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(cut if cut > 1 else cut * len(content))])
    with pytest.raises(LanguageModelError, match="damaged"):
        load_model(path)


def test_a_flipped_bit_is_told(model: NGramModel, tmp_path: Path) -> None:
    path = tmp_path / "a.lm"
    save_model(model, path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(bytes(content))
    with pytest.raises(LanguageModelError):
        load_model(path)


def test_another_archive_is_told(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, weights=np.zeros(3))
    (tmp_path / "a.lm").write_bytes(buffer.getvalue())
    with pytest.raises(LanguageModelError, match="not a language model of htrlib"):
        load_model(tmp_path / "a.lm")


def test_pickles_are_not_read(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, header=np.array([{"format": "x"}], dtype=object))
    (tmp_path / "a.lm").write_bytes(buffer.getvalue())
    with pytest.raises(LanguageModelError):
        load_model(tmp_path / "a.lm")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("symbols_2", lambda a: a + 100),
        ("children_1", lambda a: a + 1),
        ("scores_3", lambda a: a[:-1]),
        ("score_values_3", lambda a: a[:1]),
        ("score_values_3", lambda a: a * np.float32(np.nan)),
    ],
)
def test_parts_that_do_not_fit_are_told(
    model: NGramModel, tmp_path: Path, name: str, change: object
) -> None:
    path = tmp_path / "a.lm"
    save_model(model, path)
    arrays = dict(np.load(path))
    arrays[name] = change(arrays[name])  # type: ignore[operator]
    with path.open("wb") as file:
        np.savez(file, **arrays)
    with pytest.raises(LanguageModelError):
        load_model(path)


def test_a_newer_version_is_told(
    model: NGramModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("htrlib.language.storage.FORMAT_VERSION", 9)
    save_model(model, tmp_path / "a.lm")
    monkeypatch.undo()
    with pytest.raises(LanguageModelError, match="version 1, found 9"):
        load_model(tmp_path / "a.lm")
