"""Fit a bundle's decoding to lines with known text: temperature, weights, confidences."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

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
FEWEST_WORDS = 40  # minimum number of correct words, and of wrong ones, to fit a calibration
FEWEST_LINES = 30  # minimum number of lines to fit anything else
FEWEST_SAVED = 10  # edits that other weights must save, and at least the root of those there are:
# so much a count of edits varies by chance, and the best of many weights is the luckiest too

Lines = Sequence[Tuple[LogProbs, str]]


@dataclass(frozen=True, eq=False)
class Judged:
    """Recognized words: the features of each, and whether it is correct."""

    evidence: NDArray[np.float64]
    correct: NDArray[np.bool_]
    lines: Tuple[int, ...]  # number of words of each line that has words

    def by_line(self, values: Sequence[Any]) -> List[Sequence[Any]]:
        """Divide the words' values by line."""
        ends = list(itertools.accumulate(self.lines))
        return [values[end - count : end] for count, end in zip(self.lines, ends)]


def errors(lines: Lines, options: DecodingOptions) -> ErrorRate:
    """Count the edits of characters."""
    rate = ErrorRate()
    for log_probs, text in lines:
        rate.add(text, read_line(log_probs, options).text)
    return rate


def error_rate(lines: Lines, options: DecodingOptions) -> float:
    """Return the character error rate."""
    return errors(lines, options).rate


def choose_weights(lines: Lines, options: DecodingOptions) -> DecodingOptions:
    """Return the options with the weights from `WEIGHTS` and `BONUSES` that give the fewest errors.

    Every second value of each is tried first, then the neighbors of the best pair. Of pairs with as
    few errors, the one nearest to the current weights counts as the best.
    """
    rates: Dict[Tuple[int, int], float] = {}

    def badness(pair: Tuple[int, int]) -> Tuple[float, float]:
        weight, bonus = WEIGHTS[pair[0]], BONUSES[pair[1]]
        return rates[pair], abs(weight - options.lm_weight) + abs(bonus - options.insertion_bonus)

    coarse = itertools.product(range(0, len(WEIGHTS), 2), range(0, len(BONUSES), 2))
    with tqdm(desc="choosing weights", leave=False, disable=None) as bar:
        for pairs in (coarse, _around(rates, badness)):
            for pair in pairs:
                rates[pair] = error_rate(lines, _weighted(options, pair))
                bar.update()
    return _weighted(options, min(rates, key=badness))


def _around(
    rates: Mapping[Tuple[int, int], float], badness: Callable[[Tuple[int, int]], Any]
) -> Iterator[Tuple[int, int]]:
    """Yield the untried neighbors of the best pair."""
    best = min(rates, key=badness)
    for step in itertools.product((-1, 0, 1), repeat=2):
        weight, bonus = best[0] + step[0], best[1] + step[1]
        inside = 0 <= weight < len(WEIGHTS) and 0 <= bonus < len(BONUSES)
        if inside and (weight, bonus) not in rates:
            yield weight, bonus


def _weighted(options: DecodingOptions, pair: Tuple[int, int]) -> DecodingOptions:
    return replace(options, lm_weight=WEIGHTS[pair[0]], insertion_bonus=BONUSES[pair[1]])


def judge(lines: Lines, options: DecodingOptions) -> Judged:
    """Decode lines, and compare their words with the references."""
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
    """Fit the confidences of words and lines.

    Raises:
        ConfigError: all words are correct, or all are wrong.
    """
    fitted = fit_calibration(judged.evidence, judged.correct)
    by_line = judged.by_line(fitted.words(judged.evidence.tolist()))
    lines_right = np.array([all(line) for line in judged.by_line(judged.correct.tolist())])
    return replace(fitted, line_exponent=fit_line_exponent(by_line, lines_right))


def fit_temperature(lines: Lines, temperatures: Sequence[float] = TEMPERATURES) -> float:
    """Fit the temperature that maximizes the likelihood of the references, lines equally weighted.

    Texts that cannot be aligned are ignored. After C. Guo et al., 2017, "On Calibration of Modern
    Neural Networks", with the CTC likelihood of a text in place of a class probability.
    """
    total = np.zeros(len(temperatures))
    for log_probs, text in lines:
        try:
            labels = log_probs.charset.encode(text)
        except UnknownCharacterError:
            continue
        scores = text_log_probs(log_probs.values, labels, temperatures)
        if np.isfinite(scores).all():
            total += scores / max(1, len(labels))
    if not total.any():
        return 1.0
    return float(temperatures[int(total.argmax())])


def text_log_probs(
    values: NDArray[np.floating[Any]], labels: Sequence[int], temperatures: Sequence[float]
) -> NDArray[np.float64]:
    """Compute natural-log probabilities of a text at each temperature (CTC's forward algorithm).

    Args:
        values: (T, C) natural-log probabilities, blank last.
        labels: class indices of the text.

    >>> frames = np.log([[0.6, 0.4], [0.5, 0.5]])
    >>> np.exp(text_log_probs(frames, [0], [1.0])).round(6)
    array([0.8])
    """
    blank = values.shape[1] - 1
    states = np.full(2 * len(labels) + 1, blank)
    states[1::2] = labels
    skips = np.zeros(len(states), bool)  # from two states before, skipping the blank in between
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
    """Fit the decoding section of a bundle's configuration to lines.

    Args:
        lines: log probabilities and reference of lines that the recognizer was not trained on.
        options: decoding options with the bundle's language model.
        section: current decoding section.
    Returns:
        The fitted section, and the character error rates before and after. The temperature and the
        weights stay unchanged if there are too few lines to fit them, or others save too few errors
        beside a language model; the confidences, if there are too few correct or wrong words.
    """
    before = errors(lines, options)
    fitted, after = options, before
    if len(lines) >= FEWEST_LINES:
        fitted, after = _fitted(lines, options, before)
    judged = judge(lines, fitted)
    calibration: Optional[Calibration] = None
    right = int(judged.correct.sum())
    if min(right, len(judged.correct) - right) >= FEWEST_WORDS:
        try:
            calibration = calibrate(judged)
        except ConfigError:  # all words correct, or all wrong
            calibration = None
    result = {
        **section,
        "temperature": fitted.temperature,
        "lm_weight": fitted.lm_weight,
        "insertion_bonus": fitted.insertion_bonus,
    }
    if options.internal_weight > 0:
        result["internal_weight"] = fitted.internal_weight
    if calibration is not None:
        result["calibration"] = calibration.to_dict()
    return result, {"before": before.rate, "after": after.rate}


def _fitted(
    lines: Lines, options: DecodingOptions, before: ErrorRate
) -> Tuple[DecodingOptions, ErrorRate]:
    """Return other weights and their errors, or what there is if they save too few of the edits."""
    fitted = replace(options, temperature=fit_temperature(lines))
    if options.language_model is None:
        return fitted, errors(lines, fitted)
    tried = [choose_weights(lines, fitted)]
    if fitted.internal_weight > 0:  # fine-tuning changes what the recognizer knows of the language
        tried.append(choose_weights(lines, replace(fitted, internal_weight=0.0)))
    found = [(one, errors(lines, one)) for one in tried]
    best, after = min(found, key=lambda pair: pair[1].edits)
    enough = max(FEWEST_SAVED, math.sqrt(before.edits))
    return (best, after) if before.edits - after.edits >= enough else (options, before)
