"""What a dataset contains, and which problems in the data were worked around."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Dict, Tuple

from htrlib.document.charset import Charset


@dataclass(frozen=True)
class Problem:
    """A problem in the data that was worked around.

    Attributes:
        reason: short constant text, the same for all problems of a kind.
        source: page or line with the problem.
        detail: what was found and what was expected.
        skipped: "page" or "line" if that was left out, "file" for files of another format and
            folders that are not searched, or else empty.
    """

    reason: str
    source: str
    detail: str = ""
    skipped: str = ""

    def __str__(self) -> str:
        detail = f" ({self.detail})" if self.detail else ""
        return f"{self.source}: {self.reason}{detail}"


@dataclass(frozen=True)
class Report:
    """A summary of a dataset, and of samples that were skipped or repaired, with reasons.

    Attributes:
        pages: number of page samples.
        lines: number of lines, on pages and single.
        lines_without_place: number of lines of pages without position.
        lines_without_text: number of lines of pages without text.
        words: number of words, separated by white space.
        characters: number of characters in all lines' texts, including white space.
        counts: occurrences of each character, most frequent first.
        writers: number of different known writers.
        problems: all problems, in order of appearance.
    """

    pages: int
    lines: int
    lines_without_place: int
    lines_without_text: int
    words: int
    characters: int
    counts: Dict[str, int]
    writers: int
    problems: Tuple[Problem, ...]

    @property
    def charset(self) -> Charset:
        """Charset of all characters in the texts.

        Raises:
            CharsetError: there is no text.
        """
        return Charset.from_text("".join(self.counts))

    @property
    def skipped(self) -> Dict[str, int]:
        """Number of pages and lines left out, by reason."""
        return dict(Counter(p.reason for p in self.problems if p.skipped))

    @property
    def mended(self) -> Dict[str, int]:
        """Number of pages and lines kept in spite of a problem, by reason."""
        return dict(Counter(p.reason for p in self.problems if not p.skipped))

    def __str__(self) -> str:
        rows = [
            f"pages {self.pages}, lines {self.lines} ({self.lines_without_place} without a place, "
            f"{self.lines_without_text} without text), "
            f"words {self.words}, characters {self.characters}, writers {self.writers}",
            f"charset ({len(self.counts)}): {''.join(sorted(self.counts))}",
        ]
        rows += [f"left out, {reason}: {count}" for reason, count in self.skipped.items()]
        rows += [f"kept, {reason}: {count}" for reason, count in self.mended.items()]
        return "\n".join(rows)
