from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from htrlib.decoding.calibration import (
    EVIDENCE,
    Calibration,
    auroc,
    expected_calibration_error,
    fit_calibration,
    fit_line_exponent,
    reliability,
    word_evidence,
    words_right,
)
from htrlib.errors import ConfigError

RNG = np.random.default_rng(0)


def test_fitting_recovers_the_probabilities_that_made_the_outcomes() -> None:
    evidence = RNG.normal(size=(20000, len(EVIDENCE))) * [2, 1, 1, 3, 0.5]
    truth = Calibration((0.5, 1.0, -0.3, 0.2, 0.0), bias=0.7)
    p = np.array(truth.words(evidence))
    fitted = fit_calibration(evidence, RNG.random(len(p)) < p)
    assert np.abs(np.array(fitted.words(evidence)) - p).max() < 0.06


def test_fitting_makes_overconfident_evidence_honest() -> None:
    p = RNG.uniform(0.3, 0.99, 5000)
    correct = RNG.random(5000) < p
    evidence = np.zeros((5000, len(EVIDENCE)))
    evidence[:, 0] = 3 * np.log(p / (1 - p))  # three times too sure of itself
    before = np.array(Calibration().words(evidence))
    after = np.array(fit_calibration(evidence, correct).words(evidence))
    assert expected_calibration_error(before, correct) > 0.08
    assert expected_calibration_error(after, correct) < 0.03
    assert auroc(after, correct) == pytest.approx(auroc(before, correct))


def test_separable_words_give_finite_weights() -> None:
    evidence = np.zeros((40, len(EVIDENCE)))
    evidence[:, 0] = np.linspace(-1, 1, 40)
    fitted = fit_calibration(evidence, evidence[:, 0] > 0)
    assert np.isfinite(fitted.weights).all() and fitted.weights[0] > 0


def test_fitting_needs_both_kinds_of_words() -> None:
    with pytest.raises(ConfigError, match="only one kind"):
        fit_calibration(np.zeros((3, len(EVIDENCE))), np.ones(3, dtype=bool))
    with pytest.raises(ConfigError, match="a row per word; found"):
        fit_calibration(np.zeros((3, 2)), np.array([True, False, True]))


def test_a_calibration_survives_the_configuration_file() -> None:
    calibration = Calibration((0.5, 1.0, -0.3, 0.2, 0.1), bias=0.7, line_exponent=0.8)
    assert Calibration.from_dict(calibration.to_dict()) == calibration


def test_unknown_evidence_is_an_error() -> None:
    with pytest.raises(ConfigError, match="mood"):
        Calibration.from_dict({"weights": {"mood": 1.0}, "bias": 0.0})
    with pytest.raises(ConfigError, match="found 2"):
        Calibration((1.0, 2.0))


def test_the_line_exponent_is_recovered() -> None:
    words = [tuple(RNG.uniform(0.5, 1.0, 6)) for _ in range(4000)]
    products = np.array([np.prod(line) for line in words])
    correct = RNG.random(len(words)) < products**0.6
    assert fit_line_exponent(words, correct) == pytest.approx(0.6, abs=0.06)


def test_evidence_is_finite_at_the_extremes() -> None:
    for posterior in (0.0, 1.0):
        row = word_evidence(posterior, np.array([0.0, 1.0]), np.array([-3.0, -1.0]))
        assert len(row) == len(EVIDENCE) and np.isfinite(row).all()


def test_calibration_error_is_the_mean_gap_over_bins_of_equal_size() -> None:
    confidences = np.array([0.1, 0.2, 0.8, 1.0])
    correct = np.array([False, True, True, True])
    assert reliability(confidences, correct, bins=2) == (
        (pytest.approx(0.15), 0.5, 2),
        (pytest.approx(0.9), 1.0, 2),
    )
    assert expected_calibration_error(confidences, correct, bins=2) == pytest.approx(0.225)
    assert expected_calibration_error(confidences, correct, bins=15) == pytest.approx(0.275)


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=20))
@settings(max_examples=40, deadline=None)
def test_auroc_counts_pairs(rows: list) -> None:
    confidences = np.array([float(c) for c, _ in rows])
    correct = np.array([right for _, right in rows])
    if correct.all() or not correct.any():
        with pytest.raises(ConfigError):
            auroc(confidences, correct)
        return
    right, wrong = confidences[correct], confidences[~correct]
    wins = (right[:, None] > wrong) + 0.5 * (right[:, None] == wrong)
    assert auroc(confidences, correct) == pytest.approx(wins.mean())


@pytest.mark.parametrize(
    ("read", "truth", "right"),
    [
        ("the cat sat", "the cat sat", (True, True, True)),
        ("the cot sat", "the cat sat", (True, False, True)),
        ("cat sat", "the cat sat", (True, True)),
        ("the the cat", "the cat", (True, False, True)),
        ("a bc", "abc", (False, False)),
        ("", "abc", ()),
        ("abc", "", (False,)),
    ],
)
def test_words_are_right_where_they_align_with_the_truth(
    read: str, truth: str, right: object
) -> None:
    found = words_right(read.split(), truth.split())
    assert sorted(found) == sorted(right) and len(found) == len(read.split())  # type: ignore[call-overload]
    if read != "the the cat":  # either of the two may be the surplus one
        assert found == right
