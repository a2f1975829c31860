"""Metrics of text and lines: error rates, detection F1, confusions.

Rates are corpus rates, as fractions: the edits of all samples divided by the length of all
references, so a rate can exceed 1. `normalize` is applied before texts are compared: Unicode form
NFC, white space collapsed to single spaces and stripped; upper and lower case differ unless
`ignore_case` is set; accents and punctuation always count. A word is a run of characters between
spaces, including punctuation.
"""

from __future__ import annotations

import collections
import unicodedata
from dataclasses import dataclass
from typing import Counter, Dict, Hashable, Iterable, Optional, Sequence, Set, Tuple

import numpy as np
from rapidfuzz.distance import Levenshtein

from htrlib.document.geometry import Box
from htrlib.errors import ConfigError

RESAMPLES = 1000


@dataclass
class ErrorRate:
    """Edits and reference length, summed over samples.

    A string is compared by its characters, a list of words by its words.

    >>> rate = ErrorRate()
    >>> rate.add("kitten", "sitting")
    >>> rate.edits, rate.length, rate.rate
    (3, 6, 0.5)
    """

    edits: int = 0
    length: int = 0

    def add(self, reference: Sequence[Hashable], hypothesis: Sequence[Hashable]) -> None:
        """Add one sample, without normalizing it."""
        self.edits += Levenshtein.distance(reference, hypothesis)
        self.length += len(reference)

    def __add__(self, other: ErrorRate) -> ErrorRate:
        return ErrorRate(self.edits + other.edits, self.length + other.length)

    @property
    def rate(self) -> float:
        """Edits over length; for empty references, 0 if nothing was read, else infinity."""
        if self.length == 0:
            return 0.0 if self.edits == 0 else float("inf")
        return self.edits / self.length


def normalize(text: str, *, ignore_case: bool = False) -> str:
    """Normalize a text for comparison.

    >>> normalize("  Two\\n Words ", ignore_case=True)
    'two words'
    """
    if ignore_case:
        text = text.casefold()
    return " ".join(unicodedata.normalize("NFC", text).split())


def page_text(lines: Iterable[str]) -> str:
    """Join a page's lines with spaces and normalize them for comparison."""
    return normalize(" ".join(lines))


def character_error_rate(pairs: Iterable[Tuple[str, str]], *, ignore_case: bool = False) -> float:
    """Corpus character error rate of (reference, hypothesis) pairs.

    >>> character_error_rate([("abcd", "abxd"), ("efgh", "efgh")])
    0.125
    """
    total = ErrorRate()
    for reference, hypothesis in pairs:
        total.add(
            normalize(reference, ignore_case=ignore_case),
            normalize(hypothesis, ignore_case=ignore_case),
        )
    return total.rate


def word_error_rate(pairs: Iterable[Tuple[str, str]], *, ignore_case: bool = False) -> float:
    """Corpus word error rate of (reference, hypothesis) pairs.

    >>> word_error_rate([("a fine day", "a fine, day")])
    0.3333333333333333
    """
    total = ErrorRate()
    for reference, hypothesis in pairs:
        total.add(
            normalize(reference, ignore_case=ignore_case).split(),
            normalize(hypothesis, ignore_case=ignore_case).split(),
        )
    return total.rate


def confusions(
    pairs: Iterable[Tuple[str, str]], *, ignore_case: bool = False
) -> Counter[Tuple[str, str]]:
    """Count how often each character was read as which other one.

    Characters are paired by one of the alignments with the fewest edits.

    Args:
        pairs: (reference, hypothesis).
        ignore_case: treat upper and lower case as equal.
    Returns:
        counts of (reference character, character read); '' stands for an inserted or a missed
        character.

    >>> confusions([("modern", "modem")]).most_common()
    [(('r', 'm'), 1), (('n', ''), 1)]
    """
    counts: Counter[Tuple[str, str]] = collections.Counter()
    for raw_reference, raw_hypothesis in pairs:
        reference = normalize(raw_reference, ignore_case=ignore_case)
        hypothesis = normalize(raw_hypothesis, ignore_case=ignore_case)
        for edit in Levenshtein.editops(reference, hypothesis):
            expected = "" if edit.tag == "insert" else reference[edit.src_pos]
            found = "" if edit.tag == "delete" else hypothesis[edit.dest_pos]
            counts[expected, found] += 1
    return counts


def bootstrap_interval(
    edits: Sequence[int], lengths: Sequence[int], seed: int
) -> Tuple[float, float]:
    """Estimate the 95 % interval of a corpus error rate by resampling.

    The percentile interval of Efron 1979, "Bootstrap Methods: Another Look at the Jackknife".
    If lines of one page or writer are similar, give one sample per page or writer.

    Args:
        edits: edits of each sample.
        lengths: reference length of each sample.
        seed: random seed.
    Returns:
        (low, high), fractions.
    Raises:
        ValueError: there are no samples, the lengths of the sequences differ, or a length is not
            positive.
    """
    if not edits or len(edits) != len(lengths):
        raise ValueError(
            "an interval needs edits and a length for at least one sample, found "
            f"{len(edits)} edits and {len(lengths)} lengths"
        )
    if min(lengths) <= 0:
        raise ValueError(
            f"reference lengths must be positive, found {min(lengths)}; omit such samples"
        )
    all_edits, all_lengths = np.asarray(edits), np.asarray(lengths)
    generator = np.random.default_rng(seed)
    rates = []
    for _ in range(RESAMPLES):
        drawn = generator.integers(len(all_edits), size=len(all_edits))
        rates.append(all_edits[drawn].sum() / all_lengths[drawn].sum())
    low, high = np.percentile(rates, [2.5, 97.5])
    return float(low), float(high)


@dataclass
class DetectionF1:
    """Boxes expected, found and matched, summed over pages.

    A found box matches an expected one if their IoU is at least `iou`; each box is matched at
    most once, and the number of matches is maximal.

    >>> score = DetectionF1()
    >>> score.add([Box(0, 0, 10, 10), Box(0, 20, 10, 30)], [Box(0, 0, 10, 9)])
    >>> score.precision, score.recall
    (1.0, 0.5)
    """

    iou: float = 0.5
    matched: int = 0
    expected: int = 0
    found: int = 0

    def __post_init__(self) -> None:
        if not 0.0 < self.iou <= 1.0:
            raise ConfigError(f"the IoU of a match must be above 0 and at most 1, found {self.iou}")

    def add(self, expected: Sequence[Box], found: Sequence[Box]) -> None:
        """Add the boxes of one page."""
        self.matched += _matches(expected, found, self.iou)
        self.expected += len(expected)
        self.found += len(found)

    def __add__(self, other: DetectionF1) -> DetectionF1:
        if self.iou != other.iou:
            raise ValueError(f"scores at IoU {self.iou} and {other.iou} cannot be added")
        return DetectionF1(
            self.iou,
            self.matched + other.matched,
            self.expected + other.expected,
            self.found + other.found,
        )

    @property
    def precision(self) -> float:
        """Matched over found; 1 if nothing was found."""
        return self.matched / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """Matched over expected; 1 if nothing was expected."""
        return self.matched / self.expected if self.expected else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of the two; 1 if nothing was expected and nothing found."""
        boxes = self.expected + self.found
        return 2 * self.matched / boxes if boxes else 1.0


def detection_f1(
    expected: Iterable[Sequence[Box]], found: Iterable[Sequence[Box]], iou: float = 0.5
) -> DetectionF1:
    """Score the boxes found on each page against the expected ones.

    Raises:
        ValueError: the numbers of expected and found pages differ.
    """
    expected_pages, found_pages = list(expected), list(found)
    if len(expected_pages) != len(found_pages):
        raise ValueError(
            f"boxes are expected on {len(expected_pages)} pages, found on {len(found_pages)}; give "
            "an empty sequence for a page without boxes"
        )
    score = DetectionF1(iou)
    for expected_boxes, found_boxes in zip(expected_pages, found_pages):
        score.add(expected_boxes, found_boxes)
    return score


def _matches(expected: Sequence[Box], found: Sequence[Box], iou: float) -> int:
    """Return the maximum number of pairs of an expected and a found box, each box used once.

    Kuhn 1955, "The Hungarian Method for the Assignment Problem": if all partners of a box are
    taken, it takes one whose current box can be matched with another.
    """
    fits = [[i for i, box in enumerate(found) if wanted.iou(box) >= iou] for wanted in expected]
    partners: Dict[int, int] = {}  # found -> expected

    def paired(wanted: int, tried: Set[int]) -> bool:
        for box in sorted(fits[wanted], key=partners.__contains__):  # free ones first
            if box not in tried:
                tried.add(box)
                if box not in partners or paired(partners[box], tried):
                    partners[box] = wanted
                    return True
        return False

    return sum(paired(wanted, set()) for wanted in range(len(expected)))


def mean_iou(pairs: Iterable[Tuple[Optional[Box], Optional[Box]]]) -> float:
    """Mean IoU of (expected, found) boxes. None means no box: two score 1, one scores 0.

    Raises:
        ValueError: there are no pairs.
    """
    values = [
        float(expected is found) if expected is None or found is None else expected.iou(found)
        for expected, found in pairs
    ]
    if not values:
        raise ValueError("the mean IoU needs at least one pair of boxes")
    return sum(values) / len(values)
