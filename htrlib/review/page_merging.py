"""Merge a new reading into a page, keeping the lines that people confirmed."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, List, Optional, Sequence, Set

from htrlib.data.corrected_pages import CorrectedLine, CorrectedPage
from htrlib.data.corrections import Splice
from htrlib.document.geometry import Box
from htrlib.review.requested_edits import new_id

_SAME = 0.5  # overlap, as a fraction of the smaller box, above which two boxes are the same line


def reread_page(page: CorrectedPage, read: CorrectedPage) -> Splice:
    """Return the edit that replaces all unconfirmed lines by a new reading.

    A confirmed line takes the place of the new line at the same position. If there is none, it
    stays after the confirmed line that preceded it.
    """
    confirmed = [line for line in page.lines if line.confirmed]
    lines: List[CorrectedLine] = []
    placed: Set[str] = set()
    for line in map(_renamed, read.lines):  # a reading gives the ids of earlier ones again
        known = _best_match(line, confirmed)
        if known is None:
            lines.append(line)
        elif known.id not in placed:
            placed.add(known.id)
            lines.append(known)
    before: Optional[str] = None
    for line in confirmed:
        if line.id not in placed:
            at = [other.id for other in lines].index(before) + 1 if before is not None else 0
            lines.insert(at, line)
        before = line.id
    done = False if page.done and len(lines) > len(confirmed) else None
    inserted = tuple(enumerate(_in_regions(lines, page)))
    return Splice(tuple(line.id for line in page.lines), inserted, done)


def reread_lines(page: CorrectedPage, read: Dict[str, CorrectedLine]) -> Splice:
    """Return the edit that gives lines new, unconfirmed readings."""
    changed = [(i, line) for i, line in enumerate(page.lines) if line.id in read]
    inserted = [
        (
            index,
            replace(
                line,
                text=read[line.id].text,
                words=read[line.id].words,
                alternatives=read[line.id].alternatives,
                confidence=read[line.id].confidence,
                confirmed=False,
            ),
        )
        for index, line in changed
    ]
    return Splice(
        tuple(line.id for _, line in changed), tuple(inserted), False if page.done else None
    )


def _in_regions(lines: Sequence[CorrectedLine], page: CorrectedPage) -> List[CorrectedLine]:
    """Put lines into a page's regions such that these, one after the other, give their order."""
    regions = list(dict.fromkeys(line.region for line in page.lines)) or [""]
    latest = 0
    placed = []
    for line in lines:
        if line.region in regions:
            latest = max(latest, regions.index(line.region))
        placed.append(replace(line, region=regions[latest]))
    return placed


def _renamed(line: CorrectedLine) -> CorrectedLine:
    name = new_id()
    place = None if line.place is None else replace(line.place, id=name)
    return replace(line, id=name, place=place, region="")


def _best_match(line: CorrectedLine, others: List[CorrectedLine]) -> Optional[CorrectedLine]:
    """Return the line at the same position as another one, or None."""
    if line.place is None:
        return None
    box = line.place.box
    common = [
        (_common(box, other.place.box), index)
        for index, other in enumerate(others)
        if other.place is not None
    ]
    best = max(common, default=(0.0, -1))
    return others[best[1]] if best[0] >= _SAME else None


def _common(first: Box, second: Box) -> float:
    """Return the overlap of two boxes as a fraction of the smaller one."""
    return first.intersection_area(second) / min(first.area, second.area)
