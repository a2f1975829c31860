"""Remove the printed staves of music paper, and keep the strokes that cross them.

Staves are taken out only where they are sure: several groups of five thin lines at one distance,
across most of the page.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Optional, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.images.filters import maximum_filter, median, median_filter
from htrlib.images.rulings import (
    LEAST_DARKNESS,
    STRIP,
    Floats,
    Page,
    Ruling,
    erased,
    ridges_of,
    ruling_at,
    stepping_ridges,
)

LINES = 5  # of a staff
FEWEST_STAVES = 3  # on a page: a form may have five lines at equal distances, too
AT_ONCE = 1 << 18  # pairs of lines that are compared at once
CLOSEST, WIDEST = 5, 1 / 40  # pixels and of the page's longer side: distances between lines
LOOKED_AT = 5  # strips that decide whether there may be staves
MANY = 1.0  # staves in a strip, on average, whose lines have the same distance
SAME = 0.08  # of the distance between lines: it differs by less
LEAST_SAME = 1.5  # pixels
FAINTEST = 0.4  # of the usual darkness of a line
GAP = 0.4  # of a line's darkness: less is a gap
CONTINUOUS = 0.9  # share of a line without gaps: staves have 0.99, rows of print up to 0.8
STEEPEST = 0.1  # slope of staves
LONGEST_PAIR = 16  # strips: the slope is measured between strips so far apart, at last


def without_staves(page: Page) -> Page:
    """Remove the staves of a page; a page without staves is returned unchanged.

    Args:
        page: (H, W) uint8, 0 is black.
    """
    down = find_staves(page.T)
    return page if down is None else np.ascontiguousarray(erased(page.T, down).T)


def find_staves(page: Page) -> Optional[Ruling]:
    """Find the lines of staves that run down a page, or return None unless they are certain.

    Args:
        page: (H, W) uint8, 0 is black.
    """
    height, width = page.shape
    widest = WIDEST * max(page.shape)
    if height < 2 * STRIP or width < 2 * LINES * FEWEST_STAVES * CLOSEST:
        return None
    some = max(1, height // STRIP // LOOKED_AT)
    if _distance(ridges_of(page, some, LINES * MANY)[0], widest) is None:
        return None
    ridges, middles = ridges_of(page)
    distance = _distance(ridges, widest)
    if distance is None:
        return None
    shifts = _shifts(_only_staves(ridges, distance), distance)
    lines = _staff_lines(_profile(ridges, shifts), distance)
    if not len(lines):
        return None
    places = lines + shifts[:, np.newaxis]
    stepping = stepping_ridges(page)
    drawn = _drawn(np.maximum(ridges, stepping), places)
    if not _is_continuous(page, places[drawn], middles[drawn], distance):
        return None
    found = ruling_at(places[drawn], distance, ridges[drawn], stepping[drawn], middles[drawn])
    if found is None:
        return None
    darkness = np.zeros(places.shape, np.float32)
    darkness[drawn] = found.darkness
    return replace(found, middles=middles, places=places, darkness=darkness)


def _is_continuous(
    page: Page, places: NDArray[np.float64], middles: NDArray[np.float64], distance: float
) -> bool:
    """Return whether ink follows the lines without gaps, unlike rows of close print."""
    if len(middles) < 2:
        return False
    rows = np.arange(int(middles[0]), int(middles[-1]))
    along = np.stack([np.interp(rows, middles, line) for line in places.T], axis=1)
    at = np.rint(along).astype(int)
    last = page.shape[1] - 1

    def gray(offset: int) -> NDArray[np.int16]:
        beside = page[rows[:, np.newaxis], np.clip(at + offset, 0, last)]
        return np.asarray(beside, np.int16)

    line = np.minimum.reduce([gray(offset) for offset in (-1, 0, 1)])
    half = max(2, round(distance / 2))
    ink = np.maximum(gray(-half), gray(half)) - line
    dark = GAP * np.percentile(ink, 80, axis=0)
    return bool(np.median((ink > dark).mean(axis=0)) >= CONTINUOUS)


def _drawn(ridges: Floats, places: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return (S,) which strips have the staves: these end before the paper does."""
    at = np.clip(np.rint(places).astype(int), 0, ridges.shape[1] - 1)
    usual = np.median(np.take_along_axis(ridges, at, axis=1), axis=1)
    return np.asarray(usual >= FAINTEST * usual.max())


def _distance(ridges: Floats, widest: float) -> Optional[float]:
    """Return the distance between lines of which most strips have staves, or None."""
    if not ridges.any():
        return None
    found = _staves(ridges, widest)[2]
    if not len(found):
        return None
    ordered = np.sort(found)
    alike = np.searchsorted(ordered, found + 1, "right") - np.searchsorted(ordered, found - 1)
    if alike.max() < MANY * len(ridges):
        return None
    return float(np.median(found[np.abs(found - found[alike.argmax()]) <= 1]))


def _staves(
    ridges: Floats, widest: float
) -> Tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return strips, first lines, and distances between lines, of what looks like staves."""
    strips, width = ridges.shape
    strip, line = _peaks(ridges, CLOSEST // 2)
    steps = LINES - 1
    apart = width + int((LINES + 1) * (widest + 1)) + 1  # no staff reaches into the next strip
    lines = strip * apart + line
    there = np.zeros((strips, apart), bool)
    for offset in (-1, 0, 1):
        there[strip, np.clip(line + offset, 0, width - 1)] = True
    nearest = np.searchsorted(lines, lines + steps * CLOSEST)
    counts = np.searchsorted(lines, lines + steps * widest, "right") - nearest
    first = np.repeat(np.arange(len(lines)), counts)
    last = np.arange(len(first)) + np.repeat(nearest - np.cumsum(counts) + counts, counts)
    start, distance = line[first], (line[last] - line[first]) / steps
    staff = np.zeros(len(first), bool)
    for begin in range(0, len(first), AT_ONCE):  # a dithered scan has millions
        some = slice(begin, begin + AT_ONCE)
        steps_down = np.arange(-1, LINES + 1)[:, np.newaxis] * distance[some]
        at = np.rint(start[some] + steps_down).astype(int)
        drawn = (at >= 0) & there[strip[first[some]], np.maximum(at, 0)]
        staff[some] = drawn[1:-1].all(axis=0) & ~drawn[0] & ~drawn[-1]
    return strip[first][staff], start[staff], distance[staff]


def _only_staves(ridges: Floats, distance: float) -> Floats:
    """Return (S, W) the strips without all that is no staff with the given distance of lines."""
    found = np.zeros_like(ridges)
    strips, starts, distances = _staves(ridges, distance + 1)
    fits = np.abs(distances - distance) <= 1
    strips, starts = strips[fits, np.newaxis], starts[fits, np.newaxis]
    lines = np.rint(starts + distance * np.arange(LINES)).astype(int)
    for offset in (-1, 0, 1):
        at = np.clip(lines + offset, 0, ridges.shape[1] - 1)
        found[strips, at] = ridges[strips, at]
    return found


def _shifts(ridges: Floats, distance: float) -> NDArray[np.float64]:
    """Return (S,) how far the lines lie to the right in each strip, 0 on average.

    Strips far apart tell their slope precisely, and near ones which of its multiples it is.
    """
    strips, width = ridges.shape
    spectrum = np.fft.rfft(ridges, 2 * width, axis=1)
    slope, apart, reach = 0.0, 1, STEEPEST * STRIP
    while apart < min(strips, LONGEST_PAIR + 1):
        together = (spectrum[:-apart].conj() * spectrum[apart:]).sum(axis=0)
        alike = np.fft.irfft(together, 2 * width)
        near = np.arange(round(slope * apart - reach), round(slope * apart + reach) + 1)
        slope = float(near[alike[near].argmax()]) / apart
        apart, reach = 2 * apart, min(distance / 2, 2.0)
    shifts = slope * (np.arange(strips) - (strips - 1) / 2)
    usual = _profile(ridges, shifts)
    reach = max(1.0, distance / 3)
    offsets = np.arange(-int(reach), int(reach) + 1)
    fits = np.array([(ridges * _shifted(usual, shifts + one)).sum(axis=1) for one in offsets])
    bent = offsets[fits.argmax(axis=0)].astype(np.float64)
    return np.asarray(shifts + median_filter(bent, 5))


def _shifted(profile: Floats, shifts: NDArray[np.float64]) -> Floats:
    """Return (S, W) a profile moved to the right by each of (S,) shifts."""
    at = np.arange(len(profile)) - np.rint(shifts).astype(int)[:, np.newaxis]
    return np.asarray(profile[np.clip(at, 0, len(profile) - 1)])


def _profile(ridges: Floats, shifts: NDArray[np.float64]) -> Floats:
    """Return (W,) the usual darkness of each place, in strips moved back by their shifts."""
    width = ridges.shape[1]
    at = np.arange(width) + np.rint(shifts).astype(int)[:, np.newaxis]
    moved = np.take_along_axis(ridges, np.clip(at, 0, width - 1), axis=1)
    return np.asarray(np.median(moved, axis=0))


def _staff_lines(profile: Floats, distance: float) -> NDArray[np.int64]:
    """Return (N,) the places of the lines of all staves; none unless there are enough."""
    slack = max(LEAST_SAME, SAME * distance)
    lines = _peaks(profile[np.newaxis], int(distance / 2))[1]
    steps = lines - lines[:, np.newaxis]
    following = np.abs(steps - distance) <= slack
    first = np.flatnonzero(~following.any(axis=0))
    staves = 0
    for start in first:
        length, line = 1, start
        while following[line].any():
            length, line = length + 1, int(following[line].argmax())
        staves += length == LINES
    joined = following.any(axis=0) | following.any(axis=1)
    return lines[joined] if staves >= FEWEST_STAVES else lines[:0]


def _peaks(profiles: Floats, reach: int) -> Tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the places of lines: darker than all within `reach`, and not much less than most.

    Args:
        profiles: (S, W) darkness.
    Returns:
        The profile of each line, ascending, and where it is there, ascending.
    """
    highest = maximum_filter(profiles, 2 * reach + 1)
    number, place = np.nonzero((profiles == highest) & (profiles >= LEAST_DARKNESS))
    darkness = profiles[number, place]
    ends = np.searchsorted(number, np.arange(len(profiles) + 1))
    usual = [
        median(darkness[start:end].astype(np.float64)) if end > start else 0.0
        for start, end in zip(ends, ends[1:])
    ]
    dark = darkness >= FAINTEST * np.array(usual)[number]
    return number[dark], place[dark]
