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
    machined = [row for row in rows if _is_machined(row)]
    if not machined:
        return list(rows)
    lengths = [len(row.columns) for row in machined]
    shares = np.average([_machine_shares(row) for row in machined], axis=0, weights=lengths)
    common = int(shares.argmax())
    return [
        _favoring(common, row) if _is_machined(row) and _machine_shares(row).max() < SURE else row
        for row in rows
    ]


def _is_machined(row: Core) -> bool:
    return len(row.kinds) > 0 and row.kinds.argmax() != _WRITTEN


def _machine_shares(row: Core) -> Floats:
    """(K,) probabilities of a line's kinds if it is not handwritten."""
    shares = row.kinds.copy()
    shares[_WRITTEN] = 0.0
    shares /= shares.sum()
    return shares


def _favoring(common: int, row: Core) -> Core:
    """Exchange a line's largest probability with that of a kind."""
    kinds, best = row.kinds.copy(), int(row.kinds.argmax())
    kinds[[best, common]] = kinds[[common, best]]
    return replace(row, kinds=kinds)
