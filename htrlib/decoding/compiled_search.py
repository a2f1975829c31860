"""The inner loop of the beam search in C: the same numbers in a fraction of the time."""

from __future__ import annotations

import math
from typing import Any, Optional, Tuple

import numpy as np

from htrlib import compiled
from htrlib.decoding.search_steps import SearchHistory, Steps
from htrlib.language.scoring import BEFORE, FLOOR, LanguageModelScorer, Scorer


def compiled_search(
    steps: Steps, classes: int, beam_width: int, margin: float, scorer: Scorer
) -> Optional[SearchHistory]:
    """Search the frames of a line, or return None if only Python can.

    C knows only the library's language models as scorers, and may not have been built. The
    arguments are those of `prefix_search`.
    """
    model_scorer = type(scorer) is LanguageModelScorer
    if compiled.library is None or not (model_scorer or type(scorer) is Scorer):
        return None
    model: Optional[Tuple[Any, ...]] = None
    if isinstance(scorer, LanguageModelScorer):
        levels = scorer.model.compiled_levels
        if levels is None:
            return None
        symbols = np.array(scorer.symbols, np.int32)
        before = scorer.model.symbol_id(BEFORE)
        weights = scorer.weight, scorer.bonus, FLOOR, scorer.pairs
        model = levels, symbols, before, scorer.unknown, *weights
    parents, labels, scores, recorded, ends, prefixes, probabilities, log_scale = (
        compiled.library.search(
            steps.starts,
            steps.labels,
            steps.probabilities,
            steps.blanks,
            classes,
            beam_width,
            margin,
            math.exp(scorer.highest),
            steps.log_scale,
            model,
        )
    )
    return SearchHistory(
        np.frombuffer(parents, np.int32).tolist(),
        np.frombuffer(labels, np.int32).tolist(),
        np.frombuffer(scores, np.float64).tolist(),
        np.frombuffer(recorded, np.int32).astype(np.int64),
        np.frombuffer(ends, np.int64),
        np.frombuffer(prefixes, np.int32).astype(np.int64),
        np.frombuffer(probabilities, np.float64),
        log_scale,
    )
