"""Cut lines where print and handwriting follow each other, in the space between two words."""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, List, Sequence

import numpy as np
from numpy.typing import NDArray

from htrlib.images.filters import mean_filter, percentiles
from htrlib.layout.line_outlines import Core

SHORTEST_OF_KIND = 3.0  # in core thicknesses: the kind of shorter pieces is undecided
SURE_OF_KIND = 0.75
SPACE = 0.7  # in core thicknesses: least width of the space between two words
REACH = 4.0  # in core thicknesses: kinds are labeled so far beyond the end of a word, at most
RULE = 0.3  # in core thicknesses, above the baseline: the ink of a ruled line is no letter
FAINT, FAINTEST = 0.4, 24  # of the line's darkest columns, and of 255: fainter ink is paper
LETTERS = 95.0  # percentile of the darkest columns

Ink = NDArray[np.uint8]


def darkest_ink(mask: NDArray[np.bool_], ink: Ink, usual: float) -> Ink:
    """Return the darkest ink in each column of a core, above ruled lines at its baseline.

    Args:
        mask: (h, w) where the core is.
        ink: (h, w) 0 is paper.
        usual: typical thickness of a core.
    Returns:
        (N,) for the columns where the core is.
    """
    above = np.pad(mask, ((0, max(1, round(RULE * usual))), (0, 0)))[-len(mask) :]
    darkest: Ink = np.where(mask & above, ink, 0).max(axis=0)[mask.any(axis=0)]
    return darkest


def pieces_of_one_kind(
    core: Core, kinds: NDArray[np.float32], ink: Callable[[], Ink], usual: float
) -> List[Core]:
    """Cut a core where print and handwriting follow each other; return pieces with their kinds.

    Args:
        kinds: (K, N) probability of each kind at each column.
        ink: gives the (N,) darkest ink in each column; few cores need it.
        usual: typical thickness of a core.
    """
    if not len(kinds):
        return [core]
    shortest = max(2, round(SHORTEST_OF_KIND * usual))
    if kinds.shape[1] < 2 * shortest:
        return [replace(core, kinds=kinds.mean(axis=1).astype(np.float64))]
    written = mean_filter(kinds[0], shortest) > 0.5
    ends = [0, *(1 + np.flatnonzero(np.diff(written))), len(written)]
    cuts = [cut for i, cut in enumerate(ends[1:-1], 1) if cut - ends[i - 1] >= shortest]
    cuts = [cut for cut in cuts if len(written) - cut >= shortest]
    shares = [float(part.mean()) for part in np.split(kinds[0], cuts)]
    # Print-like handwriting is labeled inconsistently: cut only if both sides are certain.
    cuts = [
        cut
        for cut, one, other in zip(cuts, shares, shares[1:])
        if min(one, other) < 1 - SURE_OF_KIND and max(one, other) > SURE_OF_KIND
    ]
    if cuts:
        cuts = _between_words(cuts, ink(), usual)
    return [
        replace(
            core.picked(np.arange(start, end)),
            kinds=kinds[:, start:end].mean(axis=1).astype(np.float64),
        )
        for start, end in zip([0, *cuts], [*cuts, len(written)])
    ]


def _between_words(cuts: Sequence[int], ink: Ink, usual: float) -> List[int]:
    """Move cuts to the nearest spaces between words; leave out those that have none near."""
    paper = ink <= max(FAINTEST, FAINT * percentiles(ink, (LETTERS,)).item())
    changes = np.flatnonzero(np.diff(np.pad(paper, 1).astype(np.int8)))
    starts, ends = changes[::2], changes[1::2]
    margin = SPACE * usual / 2
    wide = ends - starts >= 2 * margin
    firsts, lasts = np.ceil(starts[wide] + margin), np.floor(ends[wide] - margin)
    moved = set()
    for cut in cuts:
        places = np.clip(cut, firsts, np.maximum(firsts, lasts)).astype(np.int64)
        away = np.abs(places - cut)
        if len(away) and away.min() <= REACH * usual:
            moved.add(int(places[away.argmin()]))
    return sorted(moved - {0, len(ink)})
