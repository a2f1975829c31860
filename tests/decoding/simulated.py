"""Simulated output of the recognizer."""

from __future__ import annotations

import numpy as np

from htrlib.document.charset import Charset
from htrlib.document.results import LogProbs

CHARSET = Charset.from_text("abc")


def said(characters: int, probability: float) -> LogProbs:
    """Simulated output for a line of characters with this probability, each after a blank."""
    probabilities = np.full((2 * characters + 1, 4), (1 - probability) / 3)
    probabilities[::2] = (0.01, 0.01, 0.01, 0.97)
    probabilities[1::2, 0] = probability
    return LogProbs(np.log(probabilities).astype(np.float32), CHARSET)
