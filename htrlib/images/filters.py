"""Filters for small arrays in NumPy: SciPy would double the size of an installation.

Edges and windows of even size behave as in `scipy.ndimage`: such a window reaches one further to
the left.
"""

from __future__ import annotations

import math
from typing import Any, Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Numbers = NDArray[Any]


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
    means: NDArray[np.float64] = _windows(values, size, mode).mean(axis=-1, dtype=np.float64)
    return means


def maximum_filter(values: Numbers, size: int, mode: str = "edge") -> Numbers:
    """Compute the maximum of the window around each value; see `mean_filter`."""
    largest: Numbers = _windows(values, size, mode).max(axis=-1)
    return largest


def median_filter(values: Numbers, size: int) -> Numbers:
    """Compute the median of the window around each value, along the last axis.

    Args:
        values: (..., N); extended by its first and last value.
        size: size of the window, odd.
    """
    middle = size // 2
    medians: Numbers = np.partition(_windows(values, size, "edge"), middle, axis=-1)[..., middle]
    return medians


def percentile_filter(values: Numbers, percent: float, size: int) -> Numbers:
    """Compute a percentile of the window around each value, `size` long in all directions.

    Args:
        values: (N,) or (H, W); extended by its edge values.
    """
    reach = [(size // 2, size - size // 2 - 1)] * values.ndim
    windows = sliding_window_view(np.pad(values, reach, mode="edge"), (size,) * values.ndim)
    flat = windows.reshape(*values.shape, -1)
    rank = int(flat.shape[-1] * percent / 100.0)
    ranked: Numbers = np.partition(flat, rank, axis=-1)[..., rank]
    return ranked


def long_runs(mask: NDArray[np.bool_], length: int) -> NDArray[np.bool_]:
    """Keep the runs of a mask with at least the given length, along the last axis.

    Args:
        mask: (..., N) bool.
    """
    if mask.shape[-1] < length:
        return np.zeros_like(mask)
    ends = [(0, 0)] * (mask.ndim - 1)
    counts = np.cumsum(np.pad(mask, [*ends, (1, 0)]), axis=-1, dtype=np.int32)
    starts = counts[..., length:] - counts[..., :-length] == length
    if not starts.any():
        return np.zeros_like(mask)
    begun = np.cumsum(np.pad(starts, [*ends, (length, length - 1)]), axis=-1, dtype=np.int32)
    runs: NDArray[np.bool_] = begun[..., length:] > begun[..., :-length]
    return runs


def _windows(values: Numbers, size: int, mode: str) -> Numbers:
    """Return (..., N, size), the window around each value."""
    ends = [(0, 0)] * (values.ndim - 1)
    reach = (size // 2, size - size // 2 - 1)
    padded = np.pad(values, [*ends, reach], mode=mode)  # type: ignore[call-overload]
    return sliding_window_view(padded, size, axis=-1)
