"""Choose the language model that fits a page: a bundle has one per language."""

from __future__ import annotations

from typing import Callable, List, Optional, Sequence

from htrlib.decoding.best_path import best_path
from htrlib.document.results import LogProbs
from htrlib.language.ngram import NGramModel

ADVANTAGE = 0.1  # natural-log probability per character by which a later model must be better
DOUBT = 5.0  # and in total, since a few characters are little evidence
CLEAR = 0.3  # the same for best paths: below, they are so full of errors that a search must decide
SEARCHED = 4  # lines, the longest ones

SearchScore = Callable[[LogProbs, NGramModel], float]


def fitting_model(
    models: Sequence[NGramModel],
    lines: Sequence[LogProbs],
    search_score: Optional[SearchScore] = None,
) -> Optional[NGramModel]:
    """Return the model that gives the lines' best paths the highest probability, or None.

    Where that does not decide clearly, the page is hard to read, and the model of a language of
    which little is known fits its errors best. The model with which some lines are read best then
    decides.

    Args:
        models: models, the most common language first; a later one must be clearly better.
        lines: lines of one page or passage.
        search_score: gives the score of the best text that the search finds with a model; None
            means that best paths alone decide.
    """
    if len(models) < 2:
        return models[0] if models else None
    texts = [line.charset.decode(best_path(line.values).labels) for line in lines]
    scores = _text_scores(models, texts)
    close = [model for model, score in zip(models, scores) if score > max(scores) - CLEAR]
    if search_score is None or len(close) == 1:
        return _clearly_best(models, scores, texts)
    longest = sorted(range(len(lines)), key=lambda index: -len(texts[index]))[:SEARCHED]
    read = [texts[index] for index in longest]
    characters = _characters(read)
    found = [sum(search_score(lines[i], model) for i in longest) / characters for model in close]
    return _clearly_best(close, found, read)


def fitting_text(models: Sequence[NGramModel], texts: Sequence[str]) -> NGramModel:
    """Return the model that gives the texts the highest probability; see `fitting_model`."""
    return _clearly_best(models, _text_scores(models, texts), texts)


def _text_scores(models: Sequence[NGramModel], texts: Sequence[str]) -> List[float]:
    """The log-probability of the texts by each model, per character."""
    return [
        sum(float(model.character_scores(text, before=" ").sum()) for text in texts)
        / _characters(texts)
        for model in models
    ]


def _clearly_best(
    models: Sequence[NGramModel], scores: Sequence[float], texts: Sequence[str]
) -> NGramModel:
    """The model of the highest score per character, earlier ones being preferred."""
    least = ADVANTAGE + DOUBT / _characters(texts)
    best, best_score = models[0], scores[0]
    for model, score in zip(models[1:], scores[1:]):
        if score > best_score + least:
            best, best_score = model, score
    return best


def _characters(texts: Sequence[str]) -> int:
    return sum(map(len, texts)) + 1
