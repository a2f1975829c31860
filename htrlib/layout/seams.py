"""Separate neighboring lines along the path that crosses the least ink."""

from __future__ import annotations

from typing import List, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib import compiled

SAMPLES = 25  # sampled rows between two lines on which a seam may run
OFF_CENTER = 0.08  # cost of a seam at the edge of the gap; full ink costs 1
STEP = 0.01  # cost of a change to the next sampled row
Floats = NDArray[np.float64]


class Seams:
    """Seams between lines.

    For each pair of neighbors, the space between the upper line's baseline and the lower line's
    upper edge is sampled on `SAMPLES` rows, and dynamic programming finds the cheapest path from
    left to right, for all pairs at once. After S. Avidan, A. Shamir, 2007, "Seam Carving for
    Content-Aware Image Resizing".

    Args:
        ink: (H, W) uint8, 0 is paper.
        cores: upper and lower edge of each line's core over all W columns.
        extents: first and last column (exclusive) of each line.
    """

    def __init__(
        self,
        ink: NDArray[np.uint8],
        cores: Sequence[Tuple[Floats, Floats]],
        extents: Sequence[Tuple[int, int]],
    ) -> None:
        width = ink.shape[1]
        self._ceilings = [np.full(width, -np.inf) for _ in cores]
        self._floors = [np.full(width, np.inf) for _ in cores]
        pairs = _neighbors(cores, extents)
        if not pairs:
            return
        upper = np.stack([cores[i][1] for i, _ in pairs]).astype(np.float64)
        lower = np.stack([cores[j][0] for _, j in pairs]).astype(np.float64)
        for (i, j), seam in zip(pairs, _cheapest(ink, upper, lower)):
            reach = max(extents[i][1], extents[j][1]), min(extents[i][0], extents[j][0])
            span = slice(max(0, reach[1]), reach[0])
            self._floors[i][span] = np.minimum(self._floors[i][span], seam[span])
            self._ceilings[j][span] = np.maximum(self._ceilings[j][span], seam[span])

    def limits(self, index: int) -> Tuple[Floats, Floats]:
        """Return a line's upper and lower limit at each column; infinite without a neighbor."""
        return self._ceilings[index], self._floors[index]


def _neighbors(
    cores: Sequence[Tuple[Floats, Floats]], extents: Sequence[Tuple[int, int]]
) -> List[Tuple[int, int]]:
    """Return pairs (upper, lower) of lines that overlap with no third line between them."""
    below_each: List[List[Tuple[float, int]]] = [[] for _ in extents]
    for i, (left, right) in enumerate(extents):
        for j, (other_left, other_right) in enumerate(extents[:i]):
            start, end = max(left, other_left), min(right, other_right)
            if end - start < 2:
                continue
            distance = float((cores[j][1][start:end] - cores[i][1][start:end]).sum())
            distance /= end - start
            if distance > 0:
                below_each[i].append((distance, j))
            elif distance < 0:
                below_each[j].append((-distance, i))
    pairs = []
    for i, below in enumerate(below_each):
        below.sort()
        if below:
            # Two short lines side by side below a long one are both its neighbors.
            nearest = below[0][0]
            pairs += [(i, j) for distance, j in below if distance < 1.4 * nearest]
    return pairs


def _cheapest(ink: NDArray[np.uint8], upper: Floats, lower: Floats) -> Floats:
    """Return (P, W) vertical positions of the seams between P pairs of edges."""
    pairs, width = upper.shape
    share = np.linspace(0.0, 1.0, SAMPLES)
    penalty = OFF_CENTER * (2 * share - 1) ** 2
    if compiled.library is not None:
        arrays = np.ascontiguousarray(ink), upper, lower, share, penalty
        seams = compiled.library.cheapest_seams(*arrays, width, STEP)
        return np.frombuffer(seams, np.float64).reshape(upper.shape)
    gap = np.maximum(lower - upper, 1.0)
    heights = upper[:, np.newaxis] + share[:, np.newaxis] * gap[:, np.newaxis]  # (P, S, W)
    rows = np.clip(np.rint(heights), 0, ink.shape[0] - 1).astype(np.int64)
    cost = ink[rows, np.arange(width)] / 255.0 + penalty[:, np.newaxis]
    total = np.empty_like(cost)
    total[:, :, 0] = cost[:, :, 0]
    padded = np.full((pairs, SAMPLES + 2), np.inf)
    for column in range(1, width):
        padded[:, 1:-1] = total[:, :, column - 1]
        best = np.minimum(padded[:, 1:-1], np.minimum(padded[:, :-2], padded[:, 2:]) + STEP)
        total[:, :, column] = cost[:, :, column] + best
    seams = np.empty((pairs, width))
    every = np.arange(pairs)
    at = total[:, :, -1].argmin(axis=1)
    for column in range(width - 1, -1, -1):
        if column < width - 1:
            near = np.clip(at[:, np.newaxis] + np.array([0, -1, 1]), 0, SAMPLES - 1)
            step = np.array([0.0, STEP, STEP])
            choice = (total[every[:, np.newaxis], near, column] + step).argmin(axis=1)
            at = near[every, choice]
        seams[:, column] = heights[every, at, column]
    return seams
