"""Error rates of many texts, with bootstrap intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Hashable, List, Optional, Tuple

from htrlib.metrics import ErrorRate, bootstrap_interval, normalize

RATES = ("cer", "wer", "cer_any_case", "wer_any_case")
"""Characters and words, then both with upper and lower case the same."""


@dataclass(frozen=True)
class Rate:
    """A corpus error rate.

    Attributes:
        edits: number of edits in all texts.
        length: total length of all references.
        interval: the 95 % bootstrap interval, or None if there is only one group to resample.

    >>> str(Rate(5, 50, (0.08, 0.12)))
    '0.1000 [0.080, 0.120]'
    """

    edits: int
    length: int
    interval: Optional[Tuple[float, float]] = None

    @property
    def value(self) -> float:
        """Edits over length."""
        return ErrorRate(self.edits, self.length).rate

    def __str__(self) -> str:
        if self.interval is None:
            return f"{self.value:.4f}"
        low, high = self.interval
        return f"{self.value:.4f} [{low:.3f}, {high:.3f}]"


class TextErrors:
    """Edits and lengths by group, which are resampled for intervals.

    >>> errors = TextErrors()
    >>> errors.add("A fine day", "a fine day")
    0.1
    >>> str(errors.rate("cer")), str(errors.rate("cer_any_case"))
    ('0.1000', '0.0000')
    """

    def __init__(self) -> None:
        self._groups: Dict[Hashable, List[ErrorRate]] = {}

    def __len__(self) -> int:
        """Return the number of groups."""
        return len(self._groups)

    def add(self, reference: str, hypothesis: str, group: Optional[Hashable] = None) -> float:
        """Add one text, normalized by `htrlib.metrics.normalize`.

        Args:
            reference: true text, not empty.
            hypothesis: text that was read.
            group: texts of one group, such as lines of a page, are resampled together; by default
                each text is its own group.
        Returns:
            The character error rate of the text.
        Raises:
            ValueError: the reference is empty.
        """
        a, b = normalize(reference), normalize(hypothesis)
        if not a:
            raise ValueError("a reference must not be empty")
        folded_a = normalize(a, ignore_case=True)
        folded_b = normalize(b, ignore_case=True)
        key = len(self._groups) if group is None else (group,)
        rates = self._groups.setdefault(key, [ErrorRate() for _ in RATES])
        before = rates[0].edits
        rates[0].add(a, b)
        rates[1].add(a.split(), b.split())
        rates[2].add(folded_a, folded_b)
        rates[3].add(folded_a.split(), folded_b.split())
        return (rates[0].edits - before) / len(a)

    def rate(self, name: str, seed: int = 1) -> Rate:
        """Return one of `RATES` over all texts; the interval depends on the seed."""
        rates = [group[RATES.index(name)] for group in self._groups.values()]
        edits, lengths = [rate.edits for rate in rates], [rate.length for rate in rates]
        interval = bootstrap_interval(edits, lengths, seed) if len(rates) > 1 else None
        return Rate(sum(edits), sum(lengths), interval)
