"""Decide between typescript and print by the other lines of a page, where a line leaves it open."""

from __future__ import annotations

from dataclasses import replace
from typing import List, Sequence

import numpy as np

from htrlib.document.kinds import HANDWRITTEN, KINDS
from htrlib.layout.line_outlines import Core, Floats

SURE = 0.8
"""Share of the likelier of both kinds: surer lines keep it, such as what is typed into a form."""

_WRITTEN = KINDS.index(HANDWRITTEN)


def settled_kinds(rows: Sequence[Core]) -> List[Core]:
    """Give doubtful lines of typescript or print the kind of most of the text that is either.

    The labeler judges each line by its letters alone, but few pages hold both kinds.

    Args:
        rows: lines of a page, as cores.
    """
    machined = [row for row in rows if len(row.kinds) and row.kinds.argmax() != _WRITTEN]
    if not machined:
        return list(rows)
    lengths = [len(row.columns) for row in machined]
    shares = [_machine_shares(row) for row in machined]
    common = int(np.average(shares, axis=0, weights=lengths).argmax())
    doubtful = {id(row) for row, own in zip(machined, shares) if own.max() < SURE}
    return [_favoring(common, row) if id(row) in doubtful else row for row in rows]


def _machine_shares(row: Core) -> Floats:
    """(K - 1,) shares of the kinds that are not handwriting, of what they have together."""
    others: Floats = np.delete(row.kinds, _WRITTEN)
    others /= others.sum()
    return others


def _favoring(common: int, row: Core) -> Core:
    """Exchange the largest probability but that of handwriting with the one of a kind."""
    others = np.delete(row.kinds, _WRITTEN)
    best = int(others.argmax())
    others[[best, common]] = others[[common, best]]
    return replace(row, kinds=np.insert(others, _WRITTEN, row.kinds[_WRITTEN]))
