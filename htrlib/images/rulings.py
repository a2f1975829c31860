"""Remove the printed squares of squared paper, and keep the strokes that cross them.

A ruling is taken out only where it is a lattice for sure: thin lines at equal distances, across and
down. Ruled lines alone stay; networks know them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.images.filters import extended, maximum_filter, median_filter, percentiles, ranked

Page = NDArray[np.uint8]
Floats = NDArray[np.float32]

STRIP = 48  # pixels: height of the strips in which lines are searched, and hardly slope
ROWS = 4  # of a strip, every n-th row is examined
USUAL = 0.6  # quantile of the gray levels of a column
LOOKED_AT = 10  # number of strips that decide whether there may be a ruling
THICKEST = 9  # pixels: thicker lines are not rulings
SAME = 0.02  # of a distance: it differs by less from itself, measured again
CLOSEST, FEWEST = 5, 6  # minimum pixels between lines, and minimum lines on a page
PERIODIC = 0.3  # correlation of a strip with itself, shifted by one distance
OVERTONE, TRIED = 0.3, 5  # of the best correlation, which may be that after several distances
STRIPS = 0.5  # fraction of strips that must have it
FFT_STEP = 240  # pixels: multiples of it are transformed fast, as they have small prime factors
LEAST_DARKNESS = 5.0  # gray levels of a strip's mean: fainter rulings do no harm
MOST_RULINGS = 3  # of one direction: Séyès has strong and weak lines, a form its own beside them
SLACK = 0.08  # in distances: maximum offset of a line from its place
DRAWN = 0.4, 0.7  # of its darkness, and share of a ruling that has as much: rows of text have gaps
FAINT = 0.1  # fraction of a line's darkness: fainter pixels next to its center are paper
ON_RULE = 1.25, 10.0  # multiple of a ruling's darkness plus gray levels: darker pixels are strokes


@dataclass(frozen=True, eq=False)
class Ruling:
    """The vertical lines of a ruling.

    Attributes:
        distance: pixels from line to line.
        middles: (S,) float64 heights at which the lines are known.
        places: (S, N) float64 where each line is there.
        darkness: (S, N) float32 gray levels by which it is darker than the paper.
        profile: (2 R + 1,) float32 share of it that the pixels beside a line's middle have.
    """

    distance: float
    middles: NDArray[np.float64]
    places: NDArray[np.float64]
    darkness: Floats
    profile: Floats


def without_squares(page: Page) -> Page:
    """Remove the squares of a page; a page without squares is returned unchanged.

    Args:
        page: (H, W) uint8, 0 is black.
    """
    down = find_ruling(page)
    if down is None:
        return page
    likely = down.distance, down.distance / 4  # squares, and the French ruling
    across = find_ruling(page.T, likely)
    if across is None:
        return page
    without = _without_lines(page, down)
    return np.ascontiguousarray(_without_lines(without.T, across, likely).T)


def _without_lines(page: Page, first: Ruling, likely: Tuple[float, ...] = ()) -> Page:
    """The page without the rulings that run down it; one may lie under another.

    Args:
        first: one of them, as found while those across were there: where these go, they leave
            gaps in it.
    """
    ruling: Optional[Ruling] = first
    for _ in range(MOST_RULINGS):
        if ruling is None:
            break
        page = erased(page, ruling)
        ruling = find_ruling(page, likely)
    return page


def find_ruling(page: Page, likely: Tuple[float, ...] = ()) -> Optional[Ruling]:
    """Find the vertical ruling of a page, or return None unless it is certain.

    Args:
        page: (H, W) uint8, 0 is black.
        likely: further distances between lines to try.
    """
    if page.shape[0] < STRIP or page.shape[1] < FEWEST * CLOSEST:
        return None
    some = max(1, page.shape[0] // STRIP // LOOKED_AT)
    if not likely and not _distances(ridges_of(page, some, FEWEST / 3)[0]):
        return None
    ridges, middles = ridges_of(page)
    likely = tuple(one for one in likely if one >= CLOSEST)
    # squares are as wide as they are high: what is measured across settles what is nearly so down
    measured = [
        next((one for one in likely if abs(one - distance) < SAME * one), distance)
        for distance in _distances(ridges)
    ]
    tried = dict.fromkeys((*measured, *likely))
    if not tried:
        return None
    stepping = stepping_ridges(page)
    found = (
        ruling_at(_places(ridges, distance), distance, ridges, stepping, middles)
        for distance in tried
    )
    return next((ruling for ruling in found if ruling is not None), None)


def ruling_at(
    places: NDArray[np.float64],
    distance: float,
    ridges: Floats,
    stepping: Floats,
    middles: NDArray[np.float64],
) -> Optional[Ruling]:
    """Return the ruling whose lines are at the given places, or None if they are not drawn there.

    Args:
        places: (S, N) where each line is in each strip.
        distance: pixels from line to line.
        ridges: (S, W) result of `ridges_of`.
        stepping: (S, W) result of `stepping_ridges`.
        middles: (S,) vertical centers of the strips.
    """
    width = ridges.shape[1]
    columns = np.clip(np.rint(places).astype(int), 0, width - 1)
    darkness = np.take_along_axis(ridges, columns, axis=1)
    inside = (places >= 0) & (places < width)
    usual = float(np.median(darkness[inside]))
    if usual < LEAST_DARKNESS:
        return None
    seen = np.maximum(darkness, np.take_along_axis(stepping, columns, axis=1))
    if _drawn(ridges, columns, seen > DRAWN[0] * usual, inside) < DRAWN[1]:
        return None
    darkness = np.where(inside, np.minimum(seen, 1.5 * usual), usual)
    profile = _profile(ridges, columns, inside)
    if np.ptp(places[:, 0]) > 1:  # lines that slope are now here, now a pixel further
        profile = maximum_filter(extended(profile, 1, 1, "zero"), 3)
    return Ruling(distance, middles, places, darkness, profile)


def ridges_of(page: Page, step: int = 1, fewest: float = 0.0) -> Tuple[Floats, NDArray[np.float64]]:
    """Compute how much darker each column of a strip is than its neighbors.

    Args:
        page: (H, W) uint8.
        step: use every `step`-th strip.
        fewest: dark columns of a strip, on average: where there are fewer, there are no ridges.
    Returns:
        (S, W) gray levels, and the heights of the strips' middles.
    """
    grays = _usual_grays(_strips(page, step))
    middles = (np.arange(0, page.shape[0] // STRIP, step) + 0.5) * STRIP
    window = 2 * THICKEST + 1
    dark = maximum_filter(grays, window) - grays >= LEAST_DARKNESS
    if np.count_nonzero(dark) < fewest * len(grays):
        return np.zeros_like(grays), middles
    return np.maximum(median_filter(grays, window) - grays, 0), middles


def stepping_ridges(page: Page) -> Floats:
    """Compute (S, W) `ridges_of` that also respond to lines that change column within a strip.

    A thin sloping line fills two columns half where it steps, so neither of them shows it alone.
    """
    strips = _strips(page)
    around = median_filter(_usual_grays(strips), 2 * THICKEST + 1)
    grays = _usual_grays(np.minimum(strips[..., 1:], strips[..., :-1]))
    pairs = extended(grays, 1, 1)
    grays = np.minimum(pairs[:, 1:], pairs[:, :-1])
    return np.asarray(np.maximum(around - grays, 0), np.float32)


def _strips(page: Page, step: int = 1) -> NDArray[np.uint8]:
    """Return (S, STRIP / ROWS, W) some rows of every `step`-th strip of a page."""
    count = page.shape[0] // STRIP
    strips = page[: count * STRIP].reshape(count, STRIP, -1)[::step, ::ROWS]
    return strips.copy(order="K")  # in the order of the page's memory, which is faster


def _usual_grays(strips: NDArray[np.uint8]) -> Floats:
    """(S, W) the gray of each column of a strip that has a line in most of its rows, or has none.

    Most of a column is ruling, but a line that slopes leaves it, and strokes come in.
    """
    place = USUAL * (strips.shape[1] - 1)
    low = int(place)
    rows = strips.swapaxes(0, 1).copy()
    lower, upper = (gray.astype(np.float32) for gray in ranked(rows, (low, low + 1)))
    return np.asarray(lower + (upper - lower) * np.float32(place - low))


def _distances(ridges: Floats) -> List[float]:
    """Return candidate distances between lines: those at which enough strips repeat."""
    if not ridges.any():
        return []
    width = ridges.shape[1]
    beside = extended(ridges, 1, 1)
    capped = (beside[:, :-2] + ridges + beside[:, 2:]) / 3
    capped = np.minimum(capped, percentiles(capped, (98,))[0, :, np.newaxis])
    capped -= capped.mean(axis=1, keepdims=True)
    lags = width // FEWEST + 2
    size = -(-(width + lags) // FFT_STEP) * FFT_STEP
    spectrum = np.fft.rfft(capped, size, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    repeats = np.fft.irfft(power, size, axis=1)[:, :lags]
    repeats = repeats / np.maximum(repeats[:, :1], 1e-6)
    overlap = 1.0 - np.arange(repeats.shape[1]) / width
    together = np.median(repeats / overlap, axis=0)
    if len(together) <= CLOSEST + 1:
        return []
    inner = together[CLOSEST:-1]
    peaks = (inner >= together[CLOSEST - 1 : -2]) & (inner >= together[CLOSEST + 1 :])
    strongest = CLOSEST + np.flatnonzero(peaks & (inner > OVERTONE * inner.max()))
    often = ((repeats / overlap)[:, strongest] >= PERIODIC).mean(axis=0) >= STRIPS
    return [_refined(together, int(lag)) for lag in strongest[often][:TRIED]]


def _refined(together: NDArray[np.float64], lag: int) -> float:
    """Refine the distance to a fraction of a pixel, by its multiples."""
    distance = float(lag)
    for times in range(2, (len(together) - 2) // lag + 1):
        near = round(times * distance)
        window = together[max(0, near - 3) : near + 4]
        if len(window) < 7:
            continue
        measured = (near - 3 + int(window.argmax())) / times
        if abs(measured - lag) < 1:
            distance = measured
    return distance


def _places(ridges: Floats, distance: float) -> NDArray[np.float64]:
    """Locate the lines (S, N): a comb over each strip, whose teeth are moved to the ridges."""
    strips, width = ridges.shape
    beside = extended(ridges, 1, 1)
    smooth = 0.25 * beside[:, :-2] + 0.5 * ridges + 0.25 * beside[:, 2:]
    capped = np.minimum(smooth, np.percentile(smooth, 98, axis=1, keepdims=True))
    count = int(width / distance) + 1
    teeth = np.arange(count) * distance
    phases = np.arange(0.0, distance, 0.5)
    at = np.clip(np.rint(phases[:, np.newaxis] + teeth).astype(int), 0, width - 1)
    fits = capped[:, at].sum(axis=2)
    found: List[NDArray[np.float64]] = []
    slack = max(1, round(SLACK * distance))
    offsets = np.arange(-slack, slack + 1)
    for strip in range(strips):
        comb = phases[fits[strip].argmax()] + teeth
        near = np.clip(np.rint(comb)[:, np.newaxis].astype(int) + offsets, 0, width - 1)
        weights = smooth[strip][near] - 0.1 * np.abs(offsets)
        found.append(near[np.arange(count), weights.argmax(axis=1)].astype(np.float64))
    return _continued(np.array(found), distance)


def _continued(places: NDArray[np.float64], distance: float) -> NDArray[np.float64]:
    """Continue the lines from strip to strip, adding those that enter from the sides."""
    for strip in range(1, len(places)):
        step = float(np.median(places[strip] - places[strip - 1]))
        places[strip] -= round(step / distance) * distance
    # lines are parallel except for lens distortion
    drift = np.median(places - places.mean(axis=0), axis=1, keepdims=True)
    along = np.median(places - drift, axis=0) + drift
    places = along + median_filter((places - along).T, 5).T
    beyond = np.arange(1, 2 + int(np.ptp(drift) / distance)) * distance
    return np.concatenate((places[:, :1] - beyond[::-1], places, places[:, -1:] + beyond), axis=1)


def _drawn(
    ridges: Floats, columns: NDArray[np.int64], dark: NDArray[np.bool_], inside: NDArray[np.bool_]
) -> float:
    """Return the fraction of a ruling that is dark, in the strips with the least writing."""
    width = ridges.shape[1]
    beside = np.ones(ridges.shape, bool)
    for offset in (-2, -1, 0, 1, 2):
        np.put_along_axis(beside, np.clip(columns + offset, 0, width - 1), False, axis=1)
    written = np.where(beside, ridges, 0).sum(axis=1) / np.maximum(beside.sum(axis=1), 1)
    quiet = np.argsort(written, kind="stable")[: max(1, len(ridges) // 3)]
    return float(dark[quiet][inside[quiet]].mean())


def _profile(ridges: Floats, columns: NDArray[np.int64], inside: NDArray[np.bool_]) -> Floats:
    """Return the profile of a line across its width, normalized to 1 at the center."""
    half = THICKEST // 2
    offsets = np.arange(-half, half + 1)
    around = np.clip(columns[..., np.newaxis] + offsets, 0, ridges.shape[1] - 1)
    beside = np.take_along_axis(ridges, around.reshape(len(ridges), -1), axis=1)
    profile = np.median(beside.reshape(around.shape)[inside], axis=0)
    profile = np.maximum(profile, profile[::-1]) / max(float(profile.max()), 1e-6)
    profile[half] = 1.0
    dark = np.flatnonzero(profile > FAINT)
    return np.asarray(profile[dark[0] : dark[-1] + 1], np.float32)


def erased(page: Page, ruling: Ruling) -> Page:
    """Fill each line from both sides, except pixels that are darker than the line."""
    height, width = page.shape
    rows = np.arange(height)
    cleaned = page.copy()
    reach = len(ruling.profile) // 2 + 1
    for line in range(ruling.places.shape[1]):
        x = np.rint(np.interp(rows, ruling.middles, ruling.places[:, line])).astype(int)
        inside = (x >= reach + 1) & (x < width - reach - 1)
        y, x = rows[inside], x[inside]
        darkness = np.interp(y, ruling.middles, ruling.darkness[:, line])
        left = page[y, x - reach].astype(np.float32)
        right = page[y, x + reach].astype(np.float32)
        paper = np.maximum(left, right)
        for offset in range(1 - reach, reach):
            share = (offset + reach) / (2 * reach)
            between = left + share * (right - left)
            gray = page[y, x + offset]
            usual = darkness * ruling.profile[offset + reach - 1]
            rule = paper - gray <= ON_RULE[0] * usual + ON_RULE[1]
            filled = np.where(rule, np.maximum(between, gray), gray)
            cleaned[y, x + offset] = filled.astype(np.uint8)
    return cleaned
