from __future__ import annotations

import numpy as np
import pytest

from htrlib.decoding.sureness import FULL_SAMPLE, mean_sureness, sureness
from htrlib.document.results import LogProbs
from tests.decoding.simulated import CHARSET, said


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
