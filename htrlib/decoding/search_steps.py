"""Input and output of the inner loop of the beam search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

_NEGLIGIBLE = -700.0  # e to this is representable, but negligible next to another class


class Steps(NamedTuple):
    """The frames to search, without those that repeat the only class of the frame before.

    Attributes:
        frames: (F,) int64, numbers of the frames.
        blanks: (F,) float64, probability of the blank in each.
        starts: (F + 1,) int64, index of each frame's first label in `labels`.
        labels: (N,) int32, labels of the frames, the most probable of a frame first.
        probabilities: (N,) float64, their probabilities.
        log_scale: sum of the log-probabilities of the skipped frames.
    """

    frames: NDArray[np.int64]
    blanks: NDArray[np.float64]
    starts: NDArray[np.int64]
    labels: NDArray[np.int32]
    probabilities: NDArray[np.float64]
    log_scale: float


@dataclass(frozen=True, eq=False)
class SearchHistory:
    """The tree of prefixes found by a search, and its beams.

    Attributes:
        parents, labels: each prefix is its parent plus one label; prefix 0 is the empty one, whose
            parent and label are -1.
        scores: natural log of the product of the scorer's factors for each prefix.
        steps: (B,) steps after which a beam was recorded, ascending.
        ends: (B,) end of each beam in `beam_prefixes` and `beam_probabilities`.
        beam_prefixes: prefixes of the candidates, best first.
        beam_probabilities: their probabilities; the scale is common within a beam.
        log_scale: natural log of the scale of the last beam.
    """

    parents: Sequence[int]
    labels: Sequence[int]
    scores: Sequence[float]
    steps: NDArray[np.int64]
    ends: NDArray[np.int64]
    beam_prefixes: NDArray[np.int64]
    beam_probabilities: NDArray[np.float64]
    log_scale: float

    def beam(self, number: int) -> List[Tuple[float, int]]:
        """Return probability and prefix of each candidate of a beam, best first."""
        part = slice(self.ends[number - 1] if number else 0, self.ends[number])
        return list(zip(self.beam_probabilities[part].tolist(), self.beam_prefixes[part].tolist()))

    def read(self, prefixes: Sequence[int]) -> List[Tuple[int, ...]]:
        """Return the labels of each prefix; the candidates of a beam differ in few of them."""
        first: Tuple[int, ...] = ()
        lengths = {0: 0}  # of the first prefix and of those that it continues
        found: List[Tuple[int, ...]] = []
        for prefix in prefixes:
            path: List[int] = []
            while prefix not in lengths:
                path.append(prefix)
                prefix = self.parents[prefix]
            path.reverse()
            known = first[: lengths[prefix]]
            found.append(known + tuple([self.labels[one] for one in path]))
            if len(found) == 1:
                first = found[0]
                lengths.update(zip(path, range(1, len(path) + 1)))
        return found


def steps_of(values: NDArray[np.floating[Any]], pruning: Optional[float]) -> Steps:
    """Return the frames to search.

    Args:
        values: (T, C) natural-log probabilities, blank last.
        pruning: see `beam_search`.
    """
    floor = _NEGLIGIBLE if pruning is None else pruning
    shown = values >= floor
    shown[np.arange(len(values)), values.argmax(axis=1)] = True
    rows, classes = np.nonzero(shown)
    kept = values[rows, classes].astype(np.float64)
    likeliest_first = np.lexsort((-kept, rows))
    classes, kept = classes[likeliest_first], kept[likeliest_first]
    starts = np.searchsorted(rows, np.arange(len(values) + 1))
    only = np.where(np.diff(starts) == 1, classes[starts[:-1]], -1)
    repeated = np.concatenate(([False], (only[1:] == only[:-1]) & (only[1:] >= 0)))
    stays = ~repeated[rows]
    is_blank = classes == values.shape[1] - 1
    frames = np.flatnonzero(~repeated)
    probabilities = np.exp(kept)
    blanks = np.zeros(len(values))
    blanks[rows[is_blank]] = probabilities[is_blank]
    labels = stays & ~is_blank
    return Steps(
        frames,
        blanks[frames],
        np.searchsorted(rows[labels], np.append(frames, len(values))),
        classes[labels].astype(np.int32),
        probabilities[labels],
        float(kept[starts[:-1][repeated]].sum()),
    )
