"""Merge several workers' transcripts of the same page into one."""

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
        text: transcript of the piece.
        points: outline.
        line_number: number of the line on the page, if the worker gave one.
        kind: "handwritten", "printed" or another choice of the template.
        confidence: agreement of the workers, from 0 to 1.
    """

    text: str
    points: Tuple[Point, ...]
    line_number: Optional[int] = None
    kind: str = "handwritten"
    confidence: float = 1.0

    @property
    def box(self) -> Box:
        """Box around the outline.

        Raises:
            ValueError: the outline has no area.
        """
        return Box.around(self.points)


def consolidate(answers: Sequence[Sequence[MarkedText]]) -> Tuple[MarkedText, ...]:
    """Keep pieces that at least half of the workers marked, with the text they agree on best.

    Overlapping pieces, at most one per worker, are matched. The result has the text with the fewest
    edits to all others, and the outline whose box overlaps the others most.

    Args:
        answers: the pieces of each worker; their outlines must have an area.
    Returns:
        The merged pieces in order of appearance. The confidence is the mean similarity of the text
        to those of all workers, counting 0 for a worker who marked nothing there.
    """
    if len(answers) == 1:
        return tuple(answers[0])
    groups: List[List[MarkedText]] = []
    for answer in answers:
        open_groups = list(groups)  # each group gets at most one piece from each worker
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
