"""Fit a bundle's decoding to lines whose text is known: temperature, weights, confidences."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from htrlib.decoding.calibration import (
    Calibration,
    fit_calibration,
    fit_line_exponent,
    words_right,
)
from htrlib.decoding.decoding_options import DecodingOptions
from htrlib.document.results import LogProbs
from htrlib.errors import ConfigError, UnknownCharacterError
from htrlib.metrics import ErrorRate
from htrlib.stages.decoding import read_line, read_with_evidence

WEIGHTS = (0.0, 0.3, 0.45, 0.6, 0.75, 0.9, 1.05)
BONUSES = (0.0, 0.6, 1.2, 1.8, 2.4)
TEMPERATURES = tuple(np.exp(np.linspace(np.log(0.6), np.log(2.5), 15)).tolist())
FEWEST_WORDS = 40  # of either kind, right and wrong, that a calibration is fitted to

Lines = Sequence[Tuple[LogProbs, str]]


@dataclass(frozen=True, eq=False)
class Judged:
    """The words that were read: what speaks for each, and whether it is right."""

    evidence: NDArray[np.float64]
    correct: NDArray[np.bool_]
    lines: Tuple[int, ...]  # the number of words of each line that has any

    def by_line(self, values: Sequence[Any]) -> List[Sequence[Any]]:
        """The words' values, line by line."""
        ends = list(itertools.accumulate(self.lines))
        return [values[end - count : end] for count, end in zip(self.lines, ends)]


def error_rate(lines: Lines, options: DecodingOptions) -> float:
    """Character error rate."""
    rate = ErrorRate()
    for log_probs, text in lines:
        rate.add(text, read_line(log_probs, options).text)
    return rate.rate


def choose_weights(lines: Lines, options: DecodingOptions) -> DecodingOptions:
    """The options with the weights of the fewest errors, out of `WEIGHTS` and `BONUSES`.

    Every other one of each is tried, then those around the best of them.
    """
    rates: Dict[Tuple[int, int], float] = {}
    coarse = itertools.product(range(0, len(WEIGHTS), 2), range(0, len(BONUSES), 2))
    with tqdm(desc="choosing weights", leave=False, disable=None) as bar:
        for pairs in (coarse, _around(rates)):
            for pair in pairs:
                rates[pair] = error_rate(lines, _weighted(options, pair))
                bar.update()
    return _weighted(options, min(rates, key=lambda pair: (rates[pair], pair)))


def _around(rates: Mapping[Tuple[int, int], float]) -> Iterator[Tuple[int, int]]:
    """The neighbors of the best pair that have not been tried; evaluated when first asked for."""
    best = min(rates, key=lambda pair: (rates[pair], pair))
    for step in itertools.product((-1, 0, 1), repeat=2):
        weight, bonus = best[0] + step[0], best[1] + step[1]
        inside = 0 <= weight < len(WEIGHTS) and 0 <= bonus < len(BONUSES)
        if inside and (weight, bonus) not in rates:
            yield weight, bonus


def _weighted(options: DecodingOptions, pair: Tuple[int, int]) -> DecodingOptions:
    return replace(options, lm_weight=WEIGHTS[pair[0]], insertion_bonus=BONUSES[pair[1]])


def judge(lines: Lines, options: DecodingOptions) -> Judged:
    """Read lines, and compare their words with the true ones."""
    evidence: List[Tuple[float, ...]] = []
    correct: List[bool] = []
    counts: List[int] = []
    for log_probs, text in lines:
        found, rows = read_with_evidence(log_probs, options)
        if rows:
            evidence += rows
            correct += words_right([word.text for word in found.words], text.split())
            counts.append(len(rows))
    return Judged(np.array(evidence), np.array(correct, dtype=bool), tuple(counts))


def calibrate(judged: Judged) -> Calibration:
    """The confidences of words and lines, fitted.

    Raises:
        ConfigError: all words are right, or all wrong.
    """
    fitted = fit_calibration(judged.evidence, judged.correct)
    by_line = judged.by_line(fitted.words(judged.evidence.tolist()))
    lines_right = np.array([all(line) for line in judged.by_line(judged.correct.tolist())])
    return replace(fitted, line_exponent=fit_line_exponent(by_line, lines_right))


def fit_temperature(lines: Lines, temperatures: Sequence[float] = TEMPERATURES) -> float:
    """The temperature under which the true texts are likeliest, each line counting alike.

    Texts that cannot be aligned say nothing. After C. Guo et al., 2017, "On Calibration of Modern
    Neural Networks", with CTC's likelihood of a text for that of a class.
    """
    total = np.zeros(len(temperatures))
    for log_probs, text in lines:
        try:
            labels = log_probs.charset.encode(text)
        except UnknownCharacterError:
            continue
        said = text_log_probs(log_probs.values, labels, temperatures)
        if np.isfinite(said).all():
            total += said / max(1, len(labels))
    if not total.any():
        return 1.0
    return float(temperatures[int(total.argmax())])


def text_log_probs(
    values: NDArray[np.floating[Any]], labels: Sequence[int], temperatures: Sequence[float]
) -> NDArray[np.float64]:
    """Natural-log probabilities of a text under each temperature (CTC's forward algorithm).

    Args:
        values: (T, C) natural-log probabilities, blank last.
        labels: of the text.

    >>> frames = np.log([[0.6, 0.4], [0.5, 0.5]])
    >>> np.exp(text_log_probs(frames, [0], [1.0])).round(6)
    array([0.8])
    """
    blank = values.shape[1] - 1
    states = np.full(2 * len(labels) + 1, blank)
    states[1::2] = labels
    skips = np.zeros(len(states), bool)  # from two states before, without the blank between
    skips[2:] = (states[2:] != blank) & (states[2:] != states[:-2])
    heats = np.asarray(temperatures)[:, np.newaxis, np.newaxis]
    cooled = values / heats
    sums = np.logaddexp.reduce(cooled, axis=-1, keepdims=True)
    emitted = (cooled - sums)[:, :, states]
    now = np.full((len(temperatures), len(states)), -np.inf)
    now[:, :2] = emitted[:, 0, :2]
    for frame in range(1, len(values)):
        ways = np.full((3, *now.shape), -np.inf)
        ways[0] = now
        ways[1, :, 1:] = now[:, :-1]
        ways[2, :, 2:] = np.where(skips[2:], now[:, :-2], -np.inf)
        now = np.logaddexp(np.logaddexp(ways[0], ways[1]), ways[2]) + emitted[:, frame]
    result: NDArray[np.float64] = np.logaddexp.reduce(now[:, -2:], axis=1)
    return result


def refit(
    lines: Lines, options: DecodingOptions, section: Mapping[str, Any]
) -> Tuple[Dict[str, Any], Dict[str, float]]:
    """The decoding section of a bundle's configuration, fitted to lines.

    Args:
        lines: what the recognizer says of them, and what they say; not those it was trained on.
        options: with the bundle's language model.
        section: what the bundle's configuration has so far.
    Returns:
        The section, and the character error rates with the old and the new numbers. Where too few
        words are right or wrong to fit confidences to, those stay as they were.
    """
    before = error_rate(lines, options)
    fitted = replace(options, temperature=fit_temperature(lines))
    if options.language_model is not None:
        fitted = choose_weights(lines, fitted)
    judged = judge(lines, fitted)
    calibration: Optional[Calibration] = None
    right = int(judged.correct.sum())
    if min(right, len(judged.correct) - right) >= FEWEST_WORDS:
        try:
            calibration = calibrate(judged)
        except ConfigError:  # lines all right or all wrong
            calibration = None
    result = {
        **section,
        "temperature": fitted.temperature,
        "lm_weight": fitted.lm_weight,
        "insertion_bonus": fitted.insertion_bonus,
    }
    if calibration is not None:
        result["calibration"] = calibration.to_dict()
    return result, {"before": before, "after": error_rate(lines, fitted)}
