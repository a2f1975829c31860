"""Find the connected components of a mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Part:
    """A connected component.

    Attributes:
        rows, columns: bounds of the part in the mask.
        mask: (rows, columns) bool, only this part.
    """

    rows: slice
    columns: slice
    mask: NDArray[np.bool_]

    @property
    def area(self) -> int:
        """Number of pixels."""
        return int(np.count_nonzero(self.mask))


def connected_parts(mask: NDArray[np.bool_]) -> Tuple[Part, ...]:
    """Return the 8-connected components of a (H, W) mask, ordered by their first pixels.

    Works on runs of pixels in rows: L. He, Y. Chao, K. Suzuki, 2008, "A Run-Based Two-Scan Labeling
    Algorithm".
    """
    rows, starts, ends = _runs(mask)
    if not len(rows):
        return ()
    numbers = _numbered(*_touching(rows, starts, ends, mask.shape[1]), len(rows))
    labels = np.zeros(mask.shape, np.int32)
    labels[mask] = np.repeat(numbers + 1, ends - starts)
    order = np.argsort(numbers, kind="stable")
    first = np.searchsorted(numbers[order], np.arange(numbers.max() + 1))
    left = np.minimum.reduceat(starts[order], first)
    right = np.maximum.reduceat(ends[order], first)
    top = np.minimum.reduceat(rows[order], first)
    bottom = np.maximum.reduceat(rows[order], first) + 1
    found = []
    for number, (x, to_x, y, to_y) in enumerate(zip(left, right, top, bottom), start=1):
        within = slice(int(y), int(to_y)), slice(int(x), int(to_x))
        found.append(Part(*within, labels[within] == number))
    return tuple(found)


def _runs(mask: NDArray[np.bool_]) -> Tuple[Ints, Ints, Ints]:
    """Return row, first column and end column of each run of pixels, row by row."""
    width = mask.shape[1] + 2
    bordered = np.pad(mask, ((0, 0), (1, 1))).ravel()
    changes = np.flatnonzero(bordered[1:] != bordered[:-1])
    rows = changes[::2] // width
    return rows, changes[::2] - rows * width, changes[1::2] - rows * width


def _touching(rows: Ints, starts: Ints, ends: Ints, width: int) -> Tuple[Ints, Ints]:
    """Return the indices of runs in neighboring rows that touch: upper runs, lower runs."""
    pitch = width + 2  # so that the runs of a row sort before those of the next row
    above = (rows - 1) * pitch
    first = np.searchsorted(rows * pitch + ends, above + starts, side="left")
    last = np.searchsorted(rows * pitch + starts, above + ends, side="right")
    counts = np.maximum(last - first, 0)
    lower = np.repeat(np.arange(len(rows)), counts)
    offsets = np.arange(len(lower)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(first, counts) + offsets, lower


def _numbered(upper: Ints, lower: Ints, count: int) -> Ints:
    """Return (count,) the component of each run, numbered by first run."""
    roots = list(range(count))

    def root(run: int) -> int:
        while roots[run] != run:
            roots[run] = run = roots[roots[run]]
        return run

    for one, other in zip(upper.tolist(), lower.tolist()):
        a, b = root(one), root(other)
        if a != b:
            roots[max(a, b)] = min(a, b)
    found = np.array([root(run) for run in range(count)])
    numbers: Ints = np.unique(found, return_inverse=True)[1]
    return numbers
