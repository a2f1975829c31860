"""Choose the language model that fits a page: a bundle has one per language."""

from __future__ import annotations

from typing import Optional, Sequence

from htrlib.decoding.best_path import best_path
from htrlib.document.results import LogProbs
from htrlib.language.ngram import NGramModel

ADVANTAGE = 0.1  # natural-log probability per character by which a later model must be better
DOUBT = 5.0  # and in total, since a few characters are little evidence


def fitting_model(models: Sequence[NGramModel], lines: Sequence[LogProbs]) -> Optional[NGramModel]:
    """Return the model that gives the lines' best paths the highest probability, or None.

    Args:
        models: models, the most common language first; a later one must be clearly better.
        lines: lines of one page or passage.
    """
    if len(models) < 2:
        return models[0] if models else None
    texts = [line.charset.decode(best_path(line.values).labels) for line in lines]
    return fitting_text(models, texts)


def fitting_text(models: Sequence[NGramModel], texts: Sequence[str]) -> NGramModel:
    """Return the model that gives the texts the highest probability; see `fitting_model`."""
    characters = sum(map(len, texts)) + 1
    least = ADVANTAGE + DOUBT / characters
    best, best_score = models[0], _score(models[0], texts) / characters
    for model in models[1:]:
        score = _score(model, texts) / characters
        if score > best_score + least:
            best, best_score = model, score
    return best


def _score(model: NGramModel, texts: Sequence[str]) -> float:
    return sum(float(model.character_scores(text, before=" ").sum()) for text in texts)
