from __future__ import annotations

import pytest

from htrlib.evaluation.scores import RATES, Rate, TextErrors
from htrlib.metrics import bootstrap_interval, character_error_rate, word_error_rate

PAIRS = [("One fine day", "one fin day"), ("in May", "in  may"), ("snow", "snow")]


def counted(groups: object = None) -> TextErrors:
    errors = TextErrors()
    for pair in PAIRS:
        errors.add(*pair, group=groups)
    return errors


def test_rates_are_those_of_the_metrics() -> None:
    errors = counted()
    assert errors.rate("cer").value == character_error_rate(PAIRS)
    assert errors.rate("wer").value == word_error_rate(PAIRS)
    assert errors.rate("cer_any_case").value == character_error_rate(PAIRS, ignore_case=True)
    assert errors.rate("wer_any_case").value == word_error_rate(PAIRS, ignore_case=True)


def test_the_interval_is_of_the_texts() -> None:
    assert counted().rate("cer", seed=5).interval == bootstrap_interval([2, 1, 0], [12, 6, 4], 5)


def test_texts_of_a_group_are_drawn_together() -> None:
    errors = TextErrors()
    for group, pair in zip(["a", "b", "a"], PAIRS):
        errors.add(*pair, group=group)
    assert len(errors) == 2
    assert errors.rate("cer", seed=5).interval == bootstrap_interval([2, 1], [16, 6], 5)


def test_one_group_has_no_interval() -> None:
    assert all(counted("page").rate(name).interval is None for name in RATES)


def test_a_number_names_a_group_of_its_own() -> None:
    errors = TextErrors()
    errors.add("a", "a")
    errors.add("b", "b", group=0)
    assert len(errors) == 2


def test_each_text_says_its_own_rate() -> None:
    errors = TextErrors()
    assert [errors.add(*pair, group="page") for pair in PAIRS] == [2 / 12, 1 / 6, 0.0]


def test_a_rate_prints_with_its_interval_or_without() -> None:
    assert str(Rate(1, 8)) == "0.1250"
    assert str(Rate(1, 8, (0.0, 0.5))) == "0.1250 [0.000, 0.500]"


def test_an_empty_reference_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        TextErrors().add(" ", "a")
