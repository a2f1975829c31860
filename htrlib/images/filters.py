"""Filters for small arrays in NumPy: SciPy would double the size of an installation.

Edges and windows of even size behave as in `scipy.ndimage`: such a window reaches one further to
the left.
"""

from __future__ import annotations

import math
from functools import lru_cache, reduce
from typing import Any, List, Sequence, Tuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from htrlib import compiled

Numbers = NDArray[Any]

SPOTS = 4  # of a run, at equal distances, that must be there before it is looked at whole
FEW = 8  # values of a window: fewer are added one after the other, as NumPy does, but all at once
LARGEST_WINDOW = 255  # of medians in C
MOST_ROWS = 64  # of so many, `ranked` finds order statistics faster than `numpy.partition`


def percentiles(values: Numbers, percents: Sequence[float]) -> NDArray[np.float64]:
    """Compute percentiles along the last axis, like `numpy.percentile` but faster.

    Args:
        values: (..., N), N at least 1.
        percents: P numbers between 0 and 100.
    Returns:
        (P, ...) percentiles.
    """
    places = [percent / 100.0 * (values.shape[-1] - 1) for percent in percents]
    around = [(math.floor(place), math.ceil(place)) for place in places]
    parted = np.partition(values, sorted({index for pair in around for index in pair}), axis=-1)
    found = [
        (parted[..., low] * (1.0 - (place - low)) + parted[..., high] * (place - low))
        for place, (low, high) in zip(places, around)
    ]
    return np.stack(found)


def median(values: Numbers) -> float:
    """Return the median, as `numpy.median` does, but faster for small arrays.

    Args:
        values: (N,) integers or float64, N at least 1.
    """
    ordered = np.sort(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return float(ordered[middle])
    return (float(ordered[middle - 1]) + float(ordered[middle])) / 2.0


def upper_percentile(values: Numbers, percent: float, least: float) -> float:
    """Return a percentile of all values, or `least` if that is higher.

    Only values above `least` are sorted, which are few if most of a picture is paper.
    """
    place = percent / 100.0 * (values.size - 1)
    low, high = math.floor(place), math.ceil(place)
    above = values[values > least]
    hidden = values.size - len(above)
    if high < hidden:
        return least
    if low < hidden:  # between a value at most `least` and one above it
        return max(least, float(percentiles(values.ravel(), (percent,))[0]))
    parted = np.partition(above, (low - hidden, high - hidden))
    one, other = float(parted[low - hidden]), float(parted[high - hidden])
    return one + (other - one) * (place - low)


def mean_filter(values: Numbers, size: int, mode: str = "edge") -> NDArray[np.float64]:
    """Compute the mean of the window around each value, along the last axis.

    Args:
        values: (..., N).
        mode: mode of `numpy.pad` for values beyond the ends.
    """
    count = values.shape[-1]
    if size < FEW:
        padded = _padded(values, size, mode).astype(np.float64)
        sums = reduce(np.add, (padded[..., k : k + count] for k in range(size)))
        return np.asarray(sums / size)
    means: NDArray[np.float64] = _windows(values, size, mode).mean(axis=-1, dtype=np.float64)
    return means


def maximum_filter(values: Numbers, size: int, mode: str = "edge") -> Numbers:
    """Compute the maximum of the window around each value; see `mean_filter`."""
    return running_maximum(_padded(values, size, mode), size)


def running_maximum(values: Numbers, size: int) -> Numbers:
    """Compute the maximum of each window of a size, along the last axis.

    Args:
        values: (..., N), N at least `size`.
    Returns:
        (..., N - size + 1), from the first window to the last.
    """
    reached = 1
    while reached < size:  # the maximum of two windows is that of a window of twice the size
        step = min(reached, size - reached)
        values = np.maximum(values[..., :-step], values[..., step:])
        reached += step
    return values


def median_filter(values: Numbers, size: int) -> Numbers:
    """Compute the median of the window around each value, along the last axis.

    Args:
        values: (..., N), none of them NaN; extended by its first and last value.
        size: size of the window, odd.
    """
    in_c = getattr(compiled.library, "running_medians", None)  # earlier builds are without it
    if in_c is not None and values.dtype == np.float32 and size <= LARGEST_WINDOW:
        padded = np.ascontiguousarray(_padded(values, size, "edge"))
        found = in_c(padded, padded.shape[-1], size, _exchange_array(size))
        return np.frombuffer(found, np.float32).reshape(values.shape)
    around = np.moveaxis(_windows(values, size, "edge"), -1, 0)
    return ranked(around.copy(), (size // 2,))[0]


def ranked(rows: Numbers, ranks: Sequence[int]) -> Tuple[Numbers, ...]:
    """Compute order statistics along the first axis, fast for a few long rows.

    Sorting all columns at once takes one pass over two rows for each exchange of Batcher's
    merge exchange (Knuth, The Art of Computer Programming 3, 5.2.2, algorithm M).

    Args:
        rows: (N, ...); it is overwritten.
        ranks: which of the N values to return, from the smallest, 0.
    Returns:
        An array (...) for each rank.
    """
    places, spare = list(rows), np.empty_like(rows[0])
    for one, other in _exchanges(len(places), tuple(ranks)):
        first, second = places[one], places[other]
        places[one] = np.minimum(first, second, out=spare)
        places[other] = np.maximum(first, second, out=second)
        spare = first
    return tuple(places[rank] for rank in ranks)


@lru_cache(maxsize=32)
def _exchanges(count: int, ranks: Tuple[int, ...]) -> Tuple[Tuple[int, int], ...]:
    """Return which pairs to exchange, in turn, to have the given ranks in place."""
    pairs: List[Tuple[int, int]] = []
    largest = 1 << max(0, (count - 1).bit_length() - 1)
    part = largest if count > 1 else 0
    while part > 0:
        last, residue, apart = largest, 0, part
        while True:
            pairs += [(i, i + apart) for i in range(count - apart) if i & part == residue]
            if last == part:
                break
            apart, last, residue = last - part, last // 2, part
        part //= 2
    wanted, needed = set(ranks), []
    for pair in reversed(pairs):
        if wanted & set(pair):
            needed.append(pair)
            wanted |= set(pair)
    return tuple(reversed(needed))


@lru_cache(maxsize=32)
def _exchange_array(size: int) -> NDArray[np.int64]:
    """Return (P, 2) which pairs to exchange to have the median of `size` values in place."""
    return np.array(_exchanges(size, (size // 2,)), np.int64).reshape(-1, 2)


def gray_percentile(gray: NDArray[np.uint8], percent: float) -> float:
    """Compute a percentile of all values, like `numpy.percentile` but faster.

    Args:
        gray: uint8 of any shape, not empty.
    """
    gray = np.ascontiguousarray(gray)
    place = percent / 100.0 * (gray.size - 1)
    rank, level = math.floor(place), 0
    for bit in (128, 64, 32, 16, 8, 4, 2, 1):  # as many values as the rank, at most, are below it
        if np.count_nonzero(gray < np.uint8(level + bit)) <= rank:
            level += bit
    if rank == place or np.count_nonzero(gray <= np.uint8(level)) > rank + 1:
        return float(level)
    return level + (int(gray[gray > level].min()) - level) * (place - rank)


def percentile_filter(values: Numbers, percent: float, size: int) -> Numbers:
    """Compute a percentile of the window around each value, `size` long in all directions.

    Args:
        values: (N,) or (H, W); extended by its edge values.
    """
    wide = _padded(values, size, "edge")
    if values.ndim > 1:
        wide = _padded(wide.T, size, "edge").T
    windows = sliding_window_view(wide, (size,) * values.ndim)
    rank = int(size**values.ndim * percent / 100.0)
    if values.ndim > 1 and size**values.ndim <= MOST_ROWS:
        around = np.moveaxis(windows, range(-values.ndim, 0), range(values.ndim))
        return ranked(around.copy().reshape(-1, *values.shape), (rank,))[0]
    found: Numbers = np.partition(windows.reshape(*values.shape, -1), rank, axis=-1)[..., rank]
    return found


def long_runs(mask: NDArray[np.bool_], length: int) -> NDArray[np.bool_]:
    """Keep the runs of a mask with at least the given length, along the last axis.

    Args:
        mask: (..., N) bool.
    """
    if mask.shape[-1] < length:
        return np.zeros_like(mask)
    spots = mask[..., :: max(1, length // SPOTS)]
    rows = ~running_maximum(~spots, min(SPOTS, length)).all(axis=-1)
    runs = np.zeros_like(mask)
    if rows.any():
        runs[rows] = _long_runs(mask[rows], length)
    return runs


def _long_runs(rows: NDArray[np.bool_], length: int) -> NDArray[np.bool_]:
    """Keep the long runs of (R, N) bool."""
    counts = np.cumsum(extended(rows, 1, 0, "zero"), axis=-1, dtype=np.int32)
    starts = counts[:, length:] - counts[:, :-length] == length
    begun = np.cumsum(extended(starts, length, length - 1, "zero"), axis=-1, dtype=np.int32)
    runs: NDArray[np.bool_] = begun[:, length:] > begun[:, :-length]
    return runs


def _windows(values: Numbers, size: int, mode: str) -> Numbers:
    """Return (..., N, size), the window around each value."""
    return sliding_window_view(_padded(values, size, mode), size, axis=-1)


def _padded(values: Numbers, size: int, mode: str) -> Numbers:
    """Extend the last axis so far that there is a window around each value."""
    return extended(values, size // 2, size - size // 2 - 1, mode)


def extended(values: Numbers, before: int, after: int, mode: str = "edge") -> Numbers:
    """Extend the last axis as `numpy.pad` does, which takes longer than a filter of a small array.

    Args:
        values: (..., N), N at least 1.
        before, after: number of values to add.
        mode: "edge" repeats the first and last value, "symmetric" mirrors values, "zero" adds 0.
    """
    count = values.shape[-1]
    if mode == "symmetric" and max(before, after) > count:
        ends = [(0, 0)] * (values.ndim - 1)
        return np.pad(values, [*ends, (before, after)], mode="symmetric")
    wide = np.empty((*values.shape[:-1], before + count + after), values.dtype)
    head, tail = wide[..., :before], wide[..., before + count :]
    wide[..., before : before + count] = values
    if mode == "symmetric":
        head[...], tail[...] = values[..., :before][..., ::-1], values[..., ::-1][..., :after]
    elif mode == "edge":
        head[...], tail[...] = values[..., :1], values[..., -1:]
    else:
        head[...] = tail[...] = 0
    return wide
