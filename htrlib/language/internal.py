"""Take back what a recognizer learned of the language of its training lines.

A recognizer sees whole words, so its probabilities already contain a language model, that of the
texts it was trained on; a language model beside it counts them twice. E. McDermott et al., 2019, "A
Density Ratio Approach to Language Model Fusion in End-to-End Automatic Speech Recognition", divide
by a model of the training texts. A model of pairs of letters is enough; longer ones take back what
is true of all texts.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from htrlib.document.charset import Charset
from htrlib.language.ngram import UNKNOWN, NGramModel

LEAST = -8.0
"""Least natural-log probability of a pair, so that rare ones are not favored without limit."""


@functools.lru_cache(maxsize=8)
def pair_scores(model: NGramModel, charset: Charset, weight: float) -> NDArray[np.float64]:
    """Return what each label is given back after each other one.

    Args:
        model: of the texts that the recognizer was trained on.
        weight: of its natural-log probabilities.
    Returns:
        (C + 1, C) float64, at least 0, C = len(charset): rows are the label before, the last one
        is for a line's first label.
    """
    unknown = model.symbol_ids[UNKNOWN]
    symbols = [model.symbol_ids.get(symbol, unknown) for symbol in charset.symbols]
    start = model.context(" ")
    contexts = [*(model.follow(start, symbol) for symbol in symbols), start]
    rows = [
        [LEAST if s == unknown else max(LEAST, model.log_prob(context, s)) for s in symbols]
        for context in contexts
    ]
    scores: NDArray[np.float64] = -weight * np.array(rows)
    return scores
