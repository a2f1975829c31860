"""Make one transcript out of several workers' answers for the same page."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import List, Optional, Sequence, Tuple

from rapidfuzz.distance import Levenshtein

from htrlib.document.geometry import Box, Point

SAME_PLACE = 0.5
"""Least intersection over union of two workers' boxes around the same writing."""


@dataclass(frozen=True)
class MarkedText:
    """A piece of text that a worker marked on a page.

    Attributes:
        text: what the worker read there.
        points: the outline.
        line_number: of the line on the page, where the worker said so.
        kind: "handwritten", "printed" or whatever else the template offers.
        confidence: how far the workers agree, between 0 and 1.
    """

    text: str
    points: Tuple[Point, ...]
    line_number: Optional[int] = None
    kind: str = "handwritten"
    confidence: float = 1.0

    @property
    def box(self) -> Box:
        """The box around the outline.

        Raises:
            ValueError: the outline has no area.
        """
        return Box.around(self.points)


def consolidate(answers: Sequence[Sequence[MarkedText]]) -> Tuple[MarkedText, ...]:
    """Keep lines that at least half of the workers marked, with the text they agree on best.

    Pieces whose boxes overlap belong together, one of each worker. The text is the one with the
    fewest edits to all the others, the outline that of the box that overlaps the others most.

    Args:
        answers: one sequence of each worker; outlines have an area.
    Returns:
        In the order in which they were met. The confidence is the mean similarity of the text to
        those of all workers, 0 for one who marked nothing there.
    """
    if len(answers) == 1:
        return tuple(answers[0])
    groups: List[List[MarkedText]] = []
    for answer in answers:
        open_groups = list(groups)  # a worker adds at most one piece to each of these
        for piece in answer:
            best = max(open_groups, key=lambda group: _overlap(piece, group), default=None)
            if best is not None and _overlap(piece, best) >= SAME_PLACE:
                open_groups.remove(best)
                best.append(piece)
            else:
                groups.append([piece])
    return tuple(_agreed(group, len(answers)) for group in groups if 2 * len(group) >= len(answers))


def _overlap(piece: MarkedText, group: Sequence[MarkedText]) -> float:
    return sum(piece.box.iou(other.box) for other in group) / len(group)


def _agreed(group: Sequence[MarkedText], workers: int) -> MarkedText:
    text = min(
        (piece.text for piece in group),
        key=lambda text: sum(Levenshtein.distance(text, other.text) for other in group),
    )
    outline = max(group, key=lambda piece: _overlap(piece, group)).points
    numbers = Counter(piece.line_number for piece in group if piece.line_number is not None)
    similarity = sum(Levenshtein.normalized_similarity(text, piece.text) for piece in group)
    return replace(
        group[0],
        text=text,
        points=outline,
        line_number=numbers.most_common(1)[0][0] if numbers else None,
        kind=Counter(piece.kind for piece in group).most_common(1)[0][0],
        confidence=similarity / workers,
    )
