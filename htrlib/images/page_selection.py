"""The selection of pages, such as `--pages 2-5,9-`, and the resolution of PDF pages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Optional, Tuple

from htrlib.errors import ConfigError

DPI = 300
"""Dots per inch at which the pages of a PDF are drawn, unless another resolution is asked for."""

_RANGE = re.compile(r"\s*(\d{1,9})\s*(-?)\s*(\d{1,9})?\s*")


@dataclass(frozen=True)
class PageSelection:
    """Pages by their numbers, from 1.

    Attributes:
        ranges: (first, last) each, inclusive; None stands for the last page of the file.

    >>> selection = PageSelection.parse("2-3,7-")
    >>> [number for number in range(1, 9) if number in selection]
    [2, 3, 7, 8]
    """

    ranges: Tuple[Tuple[int, Optional[int]], ...]

    @classmethod
    def parse(cls, text: str) -> PageSelection:
        """Parse a selection such as "3", "2-5" or "1,4-6,9-".

        Raises:
            ConfigError: the text is not a selection.
        """
        return cls(tuple(_range(part, text) for part in text.split(",")))

    def __contains__(self, number: int) -> bool:
        return any(
            first <= number and (last is None or number <= last) for first, last in self.ranges
        )

    def __str__(self) -> str:
        return ",".join(
            f"{first}" if first == last else f"{first}-{'' if last is None else last}"
            for first, last in self.ranges
        )

    @property
    def first(self) -> int:
        """Lowest number."""
        return min(first for first, _ in self.ranges)

    @property
    def last(self) -> Optional[int]:
        """Highest number, or None if the selection is open-ended."""
        ends = [last for _, last in self.ranges]
        return None if None in ends else max(end for end in ends if end is not None)


ALL_PAGES = PageSelection(((1, None),))


def _range(part: str, text: str) -> Tuple[int, Optional[int]]:
    match = _RANGE.fullmatch(part)
    if match is not None and (match[2] or match[3] is None):
        first = int(match[1])
        last = int(match[3]) if match[3] else (None if match[2] else first)
        if first >= 1 and (last is None or last >= first):
            return first, last
    raise ConfigError(
        f'pages are numbers from 1 and ranges, as "3", "2-5" or "1,4-": found {text!r}'
    )
