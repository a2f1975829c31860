"""Calibrate word confidences by logistic regression on several features ("evidence") of a word.

Platt 1999, "Probabilistic Outputs for Support Vector Machines and Comparisons to Regularized
Likelihood Methods", with several features instead of one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from htrlib.errors import ConfigError

EVIDENCE = ("posterior", "lowest_peak", "mean_peak", "language", "length")
"""Names of the columns of evidence; `word_evidence` explains them."""

_LEAST = 1e-6


def word_evidence(
    posterior: float, peaks: NDArray[np.float64], language: NDArray[np.float64]
) -> Tuple[float, ...]:
    """Compute the evidence for one word, in the order of `EVIDENCE`.

    Args:
        posterior: fraction of the beam, at the end of the word, that contains the word.
        peaks: (L,) highest probability of each character within its frames.
        language: (L,) natural-log probability of each character by the language model; zeros
            without one.
    Returns:
        Log odds of the posterior, log of the lowest peak, mean log peak, mean log probability by
        the language model, log of the length.
    """
    clipped = min(max(posterior, _LEAST), 1 - _LEAST)
    log_peaks = np.log(np.maximum(peaks, _LEAST))
    return (
        math.log(clipped / (1 - clipped)),
        float(log_peaks.min()),
        float(log_peaks.mean()),
        float(language.mean()),
        math.log(len(peaks)),
    )


@dataclass(frozen=True)
class Calibration:
    """Maps evidence to probabilities.

    Attributes:
        weights: weight of each kind of evidence, in the order of `EVIDENCE`.
        bias: constant added to the weighted sum.
        line_exponent: power of the product of word probabilities that is a line's probability;
            below 1, because errors in a line are correlated.
    """

    weights: Tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 0.0)
    bias: float = 0.0
    line_exponent: float = 1.0

    def __post_init__(self) -> None:
        if len(self.weights) != len(EVIDENCE):
            raise ConfigError(
                f"a calibration needs {len(EVIDENCE)} weights ({', '.join(EVIDENCE)}), found "
                f"{len(self.weights)}"
            )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Calibration:
        """Create a calibration from a bundle's configuration.

        Raises:
            ConfigError: a kind of evidence is unknown.
        """
        weights: Dict[str, float] = dict(data["weights"])
        unknown = sorted(set(weights) - set(EVIDENCE))
        if unknown:
            raise ConfigError(f"evidence must be among {', '.join(EVIDENCE)}; found {unknown}")
        return cls(
            tuple(float(weights.get(name, 0.0)) for name in EVIDENCE),
            float(data["bias"]),
            float(data.get("line_exponent", 1.0)),
        )

    def to_dict(self) -> Dict[str, Any]:
        """Convert the calibration to its form in a bundle's configuration."""
        return {
            "weights": dict(zip(EVIDENCE, self.weights)),
            "bias": self.bias,
            "line_exponent": self.line_exponent,
        }

    def words(self, evidence: Sequence[Sequence[float]]) -> Tuple[float, ...]:
        """Return the probability that each word is correct."""
        return tuple(
            _logistic(self.bias + sum(w * x for w, x in zip(self.weights, row))) for row in evidence
        )

    def line(self, words: Sequence[float]) -> float:
        """Return the probability that a line is correct, given those of its words."""
        return float(math.prod(words) ** self.line_exponent)


UNCALIBRATED = Calibration()
"""Takes the beam's posterior for the probability."""


def fit_calibration(
    evidence: NDArray[np.float64], correct: NDArray[np.bool_], ridge: float = 1.0
) -> Calibration:
    """Fit the word part of a calibration by logistic regression.

    Args:
        evidence: (N, len(EVIDENCE)) evidence of words with known transcription.
        correct: (N,) whether each word was read correctly.
        ridge: penalty on the squared weights, with evidence scaled to unit variance.
    Raises:
        ConfigError: all words are correct, or all are wrong, or the shapes do not match.
    """
    if evidence.ndim != 2 or evidence.shape != (len(correct), len(EVIDENCE)):
        raise ConfigError(
            f"expected evidence of shape ({len(correct)}, {len(EVIDENCE)}), a row per word; found "
            f"{evidence.shape}"
        )
    if correct.all() or not correct.any():
        raise ConfigError("a calibration needs both correct and wrong words, found only one kind")
    mean, scale = evidence.mean(axis=0), evidence.std(axis=0)
    scale[scale < 1e-9] = np.inf  # constant evidence gets no weight
    inputs = np.column_stack([(evidence - mean) / scale, np.ones(len(correct))])
    penalty = np.append(np.full(len(EVIDENCE), ridge), 0.0)
    solution = np.zeros(inputs.shape[1])
    for _ in range(50):
        predicted = 1 / (1 + np.exp(-np.clip(inputs @ solution, -30, 30)))
        gradient = inputs.T @ (predicted - correct) + penalty * solution
        curvature = (inputs.T * np.maximum(predicted * (1 - predicted), 1e-9)) @ inputs
        change = np.linalg.solve(curvature + np.diag(penalty + 1e-9), gradient)
        solution -= np.clip(change, -2.0, 2.0)
        if np.abs(change).max() < 1e-9:
            break
    weights = solution[:-1] / scale
    return Calibration(tuple(weights.tolist()), float(solution[-1] - weights @ mean))


def fit_line_exponent(
    words: Sequence[Sequence[float]], correct: NDArray[np.bool_], candidates: int = 100
) -> float:
    """Fit `line_exponent` by maximum likelihood.

    Args:
        words: calibrated probabilities of each line's words.
        correct: (N,) whether each line was read correctly.
        candidates: number of exponents to try, evenly spaced between 0 and 2.
    """
    log_products = np.array([math.log(max(math.prod(line), 1e-300)) for line in words])
    log_products = np.minimum(log_products, -1e-6)
    powers = np.linspace(0.0, 2.0, candidates + 1)[1:]
    log_right = powers[:, None] * log_products
    likelihoods = np.where(correct, log_right, np.log(-np.expm1(log_right))).sum(axis=1)
    return float(powers[likelihoods.argmax()])


def expected_calibration_error(
    confidences: NDArray[np.float64], correct: NDArray[np.bool_], bins: int = 15
) -> float:
    """Compute the mean difference of confidence and accuracy, over bins of equal size.

    Nguyen and O'Connor 2015, "Posterior calibration and exploratory analysis for natural language
    processing models".

    >>> expected_calibration_error(np.array([0.5, 0.5]), np.array([True, False]), bins=1)
    0.0
    """
    parts = reliability(confidences, correct, bins)
    return sum(size * abs(mean - share) for mean, share, size in parts) / len(confidences)


def reliability(
    confidences: NDArray[np.float64], correct: NDArray[np.bool_], bins: int = 15
) -> Tuple[Tuple[float, float, int], ...]:
    """Return (mean confidence, fraction of correct words, number of words) of equal-size bins."""
    parts = np.array_split(np.argsort(confidences, kind="stable"), bins)
    return tuple(
        (float(confidences[part].mean()), float(correct[part].mean()), len(part))
        for part in parts
        if len(part)
    )


def auroc(confidences: NDArray[np.float64], correct: NDArray[np.bool_]) -> float:
    """Compute the area under the ROC curve of the confidences; ties count half.

    >>> auroc(np.array([0.9, 0.2, 0.8]), np.array([True, False, True]))
    1.0
    """
    _, inverse, counts = np.unique(confidences, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    right, wrong = int(correct.sum()), int((~correct).sum())
    if not right or not wrong:
        raise ConfigError("AUROC needs both correct and wrong words, found only one kind")
    return float((ranks[correct].sum() - right * (right + 1) / 2) / (right * wrong))


def words_right(read: Sequence[str], truth: Sequence[str]) -> Tuple[bool, ...]:
    """Return whether each word is correct, by a minimum-cost alignment with the true words.

    >>> words_right(["the", "cot", "sat"], ["the", "cat", "sat"])
    (True, False, True)
    """
    right = [False] * len(read)
    for operation in Levenshtein.opcodes(read, truth):
        if operation.tag == "equal":
            for position in range(operation.src_start, operation.src_end):
                right[position] = True
    return tuple(right)


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-min(max(x, -30.0), 30.0)))
