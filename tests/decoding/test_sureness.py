from __future__ import annotations

import numpy as np
import pytest

from htrlib.decoding.sureness import FULL_SAMPLE, mean_sureness, sureness
from htrlib.document.charset import Charset
from htrlib.document.results import LogProbs

CHARSET = Charset.from_text("abc")


def said(characters: int, probability: float) -> LogProbs:
    """Simulated output for a line of characters with this probability, each after a blank."""
    probabilities = np.full((2 * characters + 1, 4), (1 - probability) / 3)
    probabilities[::2] = (0.01, 0.01, 0.01, 0.97)
    probabilities[1::2, 0] = probability
    return LogProbs(np.log(probabilities).astype(np.float32), CHARSET)


def test_sure_characters_make_a_page_sure_and_blanks_do_not() -> None:
    assert sureness([said(FULL_SAMPLE, 0.9)]) == pytest.approx(0.8, abs=1e-3)
    assert sureness([said(FULL_SAMPLE, 0.5)]) == pytest.approx(0.0, abs=1e-3)
    assert sureness([said(0, 0.9)]) == 0.0
    assert sureness([]) == 0.0


def test_a_few_characters_say_little() -> None:
    assert sureness([said(FULL_SAMPLE // 4, 0.9)]) == pytest.approx(0.2, abs=1e-3)


def test_a_character_that_spans_columns_counts_once() -> None:
    twice = np.repeat(said(FULL_SAMPLE, 0.9).values, 2, axis=0)
    assert sureness([LogProbs(twice, CHARSET)]) == pytest.approx(0.8, abs=1e-3)


def test_the_mean_is_that_of_a_few_characters_too() -> None:
    assert mean_sureness([said(3, 0.9)]) == pytest.approx(0.8, abs=1e-3)
    assert mean_sureness([]) == 0.0
