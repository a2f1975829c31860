from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from htrlib.decoding.best_path import best_path
from htrlib.decoding.decoding_options import DecodingOptions
from htrlib.document.charset import Charset
from htrlib.document.results import LogProbs
from htrlib.language.estimation import estimate
from htrlib.metrics import ErrorRate
from htrlib.training import tuning
from htrlib.training.tuning import fit_temperature, refit, text_log_probs

CHARSET = Charset.from_text("ab ")


def normalized(values):
    values = np.asarray(values, np.float64)
    return (values - np.log(np.exp(values).sum(axis=1, keepdims=True))).astype(np.float32)


def collapsed(path, blank):
    kept = [label for label, _ in itertools.groupby(path)]
    return [label for label in kept if label != blank]


@pytest.mark.parametrize("labels", [[0], [0, 0], [1, 0], [0, 1, 0], [0, 0, 0]])
def test_the_probability_of_a_text_is_that_of_all_its_paths(labels):
    values = normalized(np.random.default_rng(1).normal(size=(4, 4)))
    expected = sum(
        np.exp(sum(values[frame, label] for frame, label in enumerate(path)))
        for path in itertools.product(range(4), repeat=4)
        if collapsed(path, 3) == labels
    )
    assert np.exp(text_log_probs(values, labels, [1.0]))[0] == pytest.approx(expected, rel=1e-5)


def noisy_lines(sharpness, count=150):
    """Frames with calibrated probabilities, sharpened by a factor."""
    rng = np.random.default_rng(3)
    lines = []
    for _ in range(count):
        values = normalized(rng.normal(0, 2.0, (24, 4)))
        drawn = [int(rng.choice(4, p=np.exp(row) / np.exp(row).sum())) for row in values]
        text = CHARSET.decode(collapsed(drawn, 3))
        lines.append((LogProbs(normalized(values * sharpness), CHARSET), text))
    return lines


@pytest.mark.parametrize("sharpness", [0.7, 1.0, 2.0])
def test_the_temperature_undoes_how_sure_a_recognizer_is(sharpness):
    assert fit_temperature(noisy_lines(sharpness)) == pytest.approx(sharpness, rel=0.12)


def test_texts_that_cannot_be_written_leave_the_temperature_alone():
    lines = [(line, "é" * 40) for line, _ in noisy_lines(2.0, 3)]
    assert fit_temperature(lines) == 1.0


def test_refitting_gives_a_section_for_the_bundle():
    lines = noisy_lines(2.0, 60)
    section, rates = refit(lines, DecodingOptions(beam_width=4), {"method": "beam"})
    assert section["method"] == "beam"
    assert section["temperature"] == pytest.approx(2.0, rel=0.2)
    assert set(section["calibration"]) == {"weights", "bias", "line_exponent"}
    assert rates["after"] <= rates["before"] + 0.05


@pytest.mark.parametrize("best", [(0.45, 0.6), (1.05, 2.4), (0.0, 0.0)])
def test_the_weights_of_the_fewest_errors_are_found(monkeypatch, best):
    tried = []

    def error_rate(lines, options):
        tried.append((options.lm_weight, options.insertion_bonus))
        return abs(options.lm_weight - best[0]) + abs(options.insertion_bonus - best[1])

    monkeypatch.setattr(tuning, "error_rate", error_rate)
    chosen = tuning.choose_weights([], DecodingOptions())
    assert (chosen.lm_weight, chosen.insertion_bonus) == best
    assert len(tried) == len(set(tried)) <= 20


def test_too_few_wrong_words_leave_the_confidences_as_they_were():
    lines = [
        (line, CHARSET.decode(best_path(line.values).labels)) for line, _ in noisy_lines(9.0, 6)
    ]
    section, _ = refit(lines, DecodingOptions(beam_width=4), {"calibration": "as it was"})
    assert section["calibration"] == "as it was"


def easy_lines(count):
    return [
        (line, CHARSET.decode(best_path(line.values).labels)) for line, _ in noisy_lines(3.0, count)
    ]


MODEL = estimate(["ab ba abba bab a b " * 20], 3)
CURRENT = DecodingOptions(beam_width=4, language_model=MODEL, lm_weight=0.53, insertion_bonus=2.0)


def weights_of(section):
    return section["lm_weight"], section["insertion_bonus"], section["temperature"]


def test_a_few_lines_leave_the_weights_and_the_temperature_as_they_were():
    section, _ = refit(noisy_lines(2.0, 20), CURRENT, {})
    assert weights_of(section) == (0.53, 2.0, 1.0)


def test_lines_that_other_weights_read_no_better_leave_them_as_they_were(monkeypatch):
    monkeypatch.setattr(tuning, "errors", lambda lines, options: ErrorRate(9, 1000))
    section, rates = refit(easy_lines(40), CURRENT, {})
    assert weights_of(section) == (0.53, 2.0, 1.0)
    assert rates["after"] == rates["before"]


def test_weights_that_save_errors_are_taken(monkeypatch):
    def errors(lines, options):
        return ErrorRate(30 if options.lm_weight == 0.53 else 20, 1000)

    monkeypatch.setattr(tuning, "errors", errors)
    section, _ = refit(easy_lines(40), CURRENT, {})
    assert section["lm_weight"] == 0.6  # the nearest of those that are as good


def test_weights_that_save_fewer_errors_than_chance_does_are_not_taken(monkeypatch):
    def errors(lines, options):
        return ErrorRate(400 if options.lm_weight == 0.53 else 385, 10000)

    monkeypatch.setattr(tuning, "errors", errors)
    section, _ = refit(easy_lines(40), CURRENT, {})
    assert weights_of(section) == (0.53, 2.0, 1.0)


def test_of_weights_as_good_those_nearest_to_the_current_ones_are_chosen(monkeypatch):
    monkeypatch.setattr(tuning, "error_rate", lambda lines, options: 0.1)
    chosen = tuning.choose_weights([], CURRENT)
    assert (chosen.lm_weight, chosen.insertion_bonus) == (0.6, 1.8)


@pytest.mark.parametrize("best", [0.0, 0.4])
def test_the_internal_model_stays_or_goes_by_the_errors(monkeypatch, best):
    def errors(lines, options):
        start = options.lm_weight == 0.53
        return ErrorRate(30 if start or options.internal_weight != best else 10, 1000)

    monkeypatch.setattr(tuning, "errors", errors)
    options = replace(CURRENT, internal_model=MODEL, internal_weight=0.4)
    section, _ = refit(easy_lines(40), options, {})
    assert section["internal_weight"] == best


def test_a_section_without_an_internal_model_gets_no_weight_of_one():
    section, _ = refit(easy_lines(40), CURRENT, {})
    assert "internal_weight" not in section
