"""Normalize a page's orientation: dark ink on light paper, lines level, letters upright.

All estimates use a picture of about 200,000 pixels and take a few hundredths of the time of
reading a page. It is hard to tell without reading whether letters are upside down, so `upright`
asks how well a page can be read before it turns it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Callable, Iterable, NamedTuple, Optional, Tuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image

from htrlib import compiled
from htrlib.document.geometry import Box, Point, Polygon, Size
from htrlib.images.filters import (
    extended,
    long_runs,
    maximum_filter,
    mean_filter,
    percentile_filter,
    percentiles,
    upper_percentile,
)

SMALL_AREA = 200_000  # pixels of the shrunk picture
CELL = 24  # pixels of it: side of the squares that vote on polarity
LEAST_CONTRAST = 36  # gray levels of contrast for a square to count
LIGHTEST_GROUND = 160  # gray level: pages with a lighter background have dark ink
LARGEST_TILT = 18.5  # degrees: 15 for the paper, plus the slope of the lines on it
COARSE_STEP, FINE_STEP = 2.5, 0.5  # degrees
COARSE_ANGLES = np.arange(-7, 8) * COARSE_STEP
LEAST_TILT = 5.5  # degrees: the line finder follows smaller slopes
CLEAR_TILT = 3.0  # degrees: tilts from here on are leveled where they are clear, as on ruled paper
CLEAR_GAIN = 2.2  # sharpness of its leveled lines relative to that of the page as given
LEAST_GAIN = 1.15  # minimum sharpness of leveled lines relative to that of the page as given
STRIPS = 48  # number of vertical strips whose profiles are shifted against each other
GROUPS = 4  # number of groups of strips, which are rated separately
LONGEST_RUN = 0.12  # in picture widths: longer runs are rules, not strokes
SIDEWAYS = (1, 3)  # quarter turns that set a page on its side upright
TURNED = 1.1  # sharpness of columns over that of rows, above which a page may be on its side
HEADS_DOWN = -0.02  # balance of ascenders and descenders below which a page may be upside down
PAPER = 80  # percentile of a page's gray levels
READS = 0.6  # readability, of 1, of a page that is upright
BETTER = 0.04  # increase in readability, of 1, required to turn a page
# Of 20 `validation` pages of the archives and 21 rendered ones, each turned by 90, 180 and 270
# degrees, none reached 0.7.
SURE = 0.8  # readability, of 1, of upright pages only
TIMES_BETTER = 1.5  # and its ratio, required for pages that hardly read: noise has an order too

Page = NDArray[np.uint8]
Floats = NDArray[np.float64]
Readability = Callable[[Page], float]
Strips = Tuple[NDArray[np.int32], Floats]


@dataclass(frozen=True)
class PageTransform:
    """How a page was rotated, and the inverse.

    Attributes:
        size: size of the page as given.
        inverted: True if the page was light on dark.
        quarter_turns: number of counterclockwise rotations by 90 degrees, 0 to 3.
        tilt: degrees by which lines then fell to the right, before they were leveled.
        margin: pixels of paper added around the page first.
    """

    size: Size
    inverted: bool = False
    quarter_turns: int = 0
    tilt: float = 0.0
    margin: int = 0

    @property
    def is_identity(self) -> bool:
        """True if the page is unchanged."""
        return self == PageTransform(self.size)

    @property
    def _turned(self) -> Size:
        """Size after the quarter turns."""
        width, height = self.size.width + 2 * self.margin, self.size.height + 2 * self.margin
        return Size(height, width) if self.quarter_turns % 2 else Size(width, height)

    @property
    def upright_size(self) -> Size:
        """Size of the upright page; a leveled page is enlarged to contain all of it."""
        if self.tilt == 0.0:
            return self._turned
        turned = self._turned
        cosine, sine = _cosine_sine(self.tilt)
        return Size(
            math.ceil(turned.width * cosine + turned.height * abs(sine)),
            math.ceil(turned.width * abs(sine) + turned.height * cosine),
        )

    def apply(self, page: Page) -> Page:
        """Return the page upright.

        Args:
            page: (H, W) uint8 of the given size, 0 is black.
        """
        if self.inverted:
            page = ~page
        if self.margin:
            page = np.pad(page, self.margin, constant_values=int(np.percentile(page, PAPER)))
        if self.quarter_turns:
            page = np.ascontiguousarray(np.rot90(page, self.quarter_turns))
        if self.tilt == 0.0:
            return page
        size = self.upright_size
        (a, d), (b, e) = self._unleveled(1.0, 0.0), self._unleveled(0.0, 1.0)
        c, f = self._unleveled(0.0, 0.0)
        # Pillow maps the centers of pixels and adds the halves itself.
        matrix = (a - c, b - c, c, d - f, e - f, f)
        return np.asarray(
            Image.fromarray(page).transform(
                (size.width, size.height),
                Image.Transform.AFFINE,
                matrix,
                Image.Resampling.BILINEAR,
                fillcolor=int(np.percentile(page[::8, ::8], 75)),
            )
        )

    def point_as_given(self, x: float, y: float) -> Point:
        """Map a point of the upright page to the page as given."""
        x, y = self._unleveled(x, y)
        margin = float(self.margin)
        width, height = self.size.width + margin, self.size.height + margin
        if self.quarter_turns == 1:
            return width - y, x - margin
        if self.quarter_turns == 2:
            return width - x, height - y
        if self.quarter_turns == 3:
            return y - margin, height - x
        return x - margin, y - margin

    def polygon_as_given(self, polygon: Polygon) -> Polygon:
        """Map a polygon of the upright page to the page as given."""
        return Polygon(tuple(self.point_as_given(x, y) for x, y in polygon.points))

    def box_as_given(self, box: Box) -> Box:
        """Map a box of the upright page to its bounding box on the page as given."""
        corners = [(x, y) for x in (box.left, box.right) for y in (box.top, box.bottom)]
        return Box.around([self.point_as_given(x, y) for x, y in corners])

    def _unleveled(self, x: float, y: float) -> Point:
        if self.tilt == 0.0:
            return x, y
        turned, upright = self._turned, self.upright_size
        cosine, sine = _cosine_sine(self.tilt)
        dx, dy = x - upright.width / 2, y - upright.height / 2
        return (
            turned.width / 2 + dx * cosine - dy * sine,
            turned.height / 2 + dx * sine + dy * cosine,
        )


LEAST_FOR_TILT = 200
"""Pixels; a picture less high or wide is that of a word or a line, whose slant is no tilt."""


class Upright(NamedTuple):
    """A page as `upright` turned it.

    Attributes:
        page: (H, W) uint8, 0 is black; the array as given if unchanged.
        transform: how it was rotated.
        looks_turned: whether it may be on its side or upside down, and no one could say, since
            `upright` was called without `readability`.
    """

    page: Page
    transform: PageTransform
    looks_turned: bool


def upright(
    page: Page,
    *,
    readability: Optional[Readability] = None,
    turns: Optional[Tuple[int, ...]] = None,
    margin: int = 0,
) -> Upright:
    """Turn a page upright.

    Args:
        page: (H, W) uint8, 0 is black.
        readability: `f(page)` -> how well a page can be read, from 0 to 1. It is called only if a
            page may be on its side or upside down; without it, such pages stay as they are.
        turns: quarter turns to try; by default those that the page's appearance suggests.
        margin: pixels of paper to add around the page.
    """
    size = Size(page.shape[1], page.shape[0])
    small = _reduced(page)
    inverted = is_light_on_dark(small)
    ink = _ink(~small if inverted else small)
    given = PageTransform(size, inverted, margin=margin)
    strips = strips_of(ink)
    sharpness = _sharpness(strips, COARSE_ANGLES)
    leveled = replace(given, tilt=_tilt(page, strips, sharpness))
    tried = doubtful_turns(ink, strips, sharpness) if turns is None else turns
    transform = leveled
    if readability is not None and tried:
        turned = (_turned(page, ink, given, turn) for turn in tried)
        # columns of a page on its side may look like sloping lines
        doubtful = leveled.tilt != 0.0 and set(SIDEWAYS) <= set(tried)
        if doubtful and readability(leveled.apply(page)) < READS:
            leveled = given
        transform = _most_readable(page, leveled, turned, readability)
    looks_turned = readability is None and bool(tried)
    found = page if transform.is_identity else transform.apply(page)
    return Upright(found, transform, looks_turned)


def _tilt(page: Page, strips: Strips, sharpness: Floats) -> float:
    return tilt_of(strips, sharpness) if min(page.shape) >= LEAST_FOR_TILT else 0.0


def _turned(page: Page, ink: Page, given: PageTransform, turn: int) -> PageTransform:
    """Return the transform with the given quarter turns and leveled lines."""
    strips = strips_of(np.rot90(ink, turn))
    tilt = _tilt(page, strips, _sharpness(strips, COARSE_ANGLES))
    return replace(given, quarter_turns=turn, tilt=tilt)


def _most_readable(
    page: Page, first: PageTransform, others: Iterable[PageTransform], readability: Readability
) -> PageTransform:
    """Return the transform with the best readability, or the first if none is clearly better.

    The others are not tried if the first is sure to be upright.
    """
    scores = [readability(first.apply(page))]
    if scores[0] >= SURE:
        return first
    candidates = [first, *others]
    scores += [readability(candidate.apply(page)) for candidate in candidates[1:]]
    best = int(np.argmax(scores))
    clearly = scores[best] > scores[0] + BETTER
    clearly &= scores[best] >= READS or scores[best] >= TIMES_BETTER * scores[0]
    return candidates[best] if clearly else first


def is_light_on_dark(page: Page) -> bool:
    """Return whether ink is lighter than the paper.

    Squares with sufficient contrast vote: paper covers more of a square than ink, so the mean lies
    on the ink's side of the median. Dark borders alone do not invert a page.
    """
    page = _reduced(page)
    height, width = (n - n % CELL for n in page.shape)
    if min(height, width) == 0:
        return False
    cells = page[:height, :width].reshape(height // CELL, CELL, width // CELL, CELL)
    cells = cells.transpose(0, 2, 1, 3).reshape(-1, CELL * CELL)
    if ((cells >= LIGHTEST_GROUND).sum(axis=1) > CELL * CELL // 2).all():
        return False
    low, median, high = percentiles(cells, (3, 50, 97))
    clear = high - low >= LEAST_CONTRAST
    if not clear.any():
        return False
    lean = (cells[clear].mean(axis=1) - median[clear]) / (high - low)[clear]
    return bool(np.median(median) < LIGHTEST_GROUND and lean.mean() > 0 and np.median(lean) > 0)


def tilt_of(ink: Strips, coarse: Floats) -> float:
    """Return the degrees by which lines fall to the right, or 0 if leveling is unnecessary.

    Args:
        ink: see `strips_of`.
        coarse: sharpness of its rows at `COARSE_ANGLES`.
    """
    near = float(COARSE_ANGLES[coarse.argmax()])
    level = coarse[np.abs(COARSE_ANGLES) < COARSE_STEP].max()
    if abs(near) < LEAST_TILT - COARSE_STEP or coarse.max() <= level:
        return 0.0
    fine = near + np.arange(-COARSE_STEP, COARSE_STEP + FINE_STEP / 2, FINE_STEP)
    sharpness = _sharpness(ink, fine)
    tilt = float(fine[sharpness.argmax()])
    gain = sharpness.max() / max(level, 1.0)
    least = CLEAR_TILT if gain >= CLEAR_GAIN else LEAST_TILT
    if not least <= abs(tilt) <= LARGEST_TILT or gain < LEAST_GAIN:
        return 0.0
    return tilt


def doubtful_turns(ink: Page, strips: Strips, rows: Floats) -> Tuple[int, ...]:
    """Return the quarter turns that may set a page upright; empty if it seems to be upright.

    Args:
        ink: (H, W) uint8, 0 is paper.
        strips: its strips, see `strips_of`.
        rows: sharpness of its rows at `COARSE_ANGLES`.
    """
    columns = _sharpness(strips_of(np.rot90(ink)), COARSE_ANGLES)
    if columns.max() > TURNED * rows.max():
        return SIDEWAYS
    if heads_balance(strips, float(COARSE_ANGLES[rows.argmax()])) < HEADS_DOWN:
        return (2,)
    return ()


def heads_balance(ink: Strips, tilt: float) -> float:
    """Return the balance of ink in ascenders and descenders, from -1 to 1.

    Latin letters with ascenders and capitals are more frequent than those with descenders.

    Args:
        ink: see `strips_of`.
        tilt: degrees by which lines fall to the right.
    """
    sums, middles = ink
    height = sums.shape[1]
    profiles = _leveled(sums, _shifts(middles, np.array([tilt]), height))[0]
    smooth = mean_filter(profiles, 3, "symmetric")
    bands = smooth > 0.5 * maximum_filter(smooth, max(3, height // 12), "symmetric")
    bands &= smooth > 0.25 * smooth.max(axis=1, keepdims=True)
    sums = extended(smooth.cumsum(axis=1), 1, 0, "zero")
    edges = np.diff(bands.astype(np.int8), axis=1, prepend=0, append=0)
    (group, start), end = np.nonzero(edges == 1), np.nonzero(edges == -1)[1]
    reach = end - start
    above = (sums[group, start] - sums[group, np.maximum(start - reach, 0)]).sum()
    below = (sums[group, np.minimum(end + reach, height)] - sums[group, end]).sum()
    return float((above - below) / max(above + below, 1e-9))


def _reduced(page: Page) -> Page:
    factor = max(1, int(math.sqrt(page.size / SMALL_AREA)))
    return np.asarray(Image.fromarray(page).reduce(factor)) if factor > 1 else page


def _ink(gray: Page) -> Page:
    """Return the ink without borders and rules."""
    height, width = gray.shape
    coarse = np.asarray(Image.fromarray(gray).reduce(8))
    paper = percentile_filter(coarse, 75, 5)
    local = np.asarray(Image.fromarray(paper).resize((width, height), Image.Resampling.BILINEAR))
    darkness = np.maximum(local, gray) - gray
    strongest = upper_percentile(darkness[::2, ::2], 98, 24.0)
    ink = np.multiply(darkness, np.float32(255.0 / strongest), dtype=np.float32)
    ink = np.minimum(ink, 255.0, out=ink).astype(np.uint8)
    return _without_rules(_without_rules(ink).T).T


def _without_rules(ink: Page) -> Page:
    """Remove long horizontal runs from the ink."""
    length = max(24, int(LONGEST_RUN * ink.shape[1]))
    rules = long_runs(ink > 60, length)
    return np.where(rules, 0, ink).astype(np.uint8) if rules.any() else ink


def _cosine_sine(degrees: float) -> Tuple[float, float]:
    return math.cos(math.radians(degrees)), math.sin(math.radians(degrees))


def strips_of(ink: Page) -> Strips:
    """Return (S, H) the ink per row of vertical strips, and their offsets from the center.

    Args:
        ink: (H, W) uint8, 0 is paper.
    """
    width = ink.shape[1]
    edges = np.linspace(0, width, min(STRIPS, width) + 1).astype(int)
    middles = (edges[:-1] + edges[1:]) / 2 - width / 2
    in_c = getattr(compiled.library, "band_sums", None)  # earlier builds are without it
    if in_c is not None:
        found = in_c(np.ascontiguousarray(ink.T), ink.shape[0], edges.astype(np.int64))
        return np.frombuffer(found, np.int32).reshape(len(middles), -1), middles
    sums = np.add.reduceat(ink.astype(np.int32), edges[:-1], axis=1, dtype=np.int32).T
    return np.ascontiguousarray(sums), middles


def _shifts(middles: Floats, tilts: Floats, height: int) -> NDArray[np.int64]:
    """Return (A, S) the rows by which each tilt lowers each strip."""
    rows = np.rint(np.tan(np.radians(tilts))[:, np.newaxis] * middles)
    return np.asarray(np.clip(rows, -height, height), np.int64)


def _group_size(strips: int) -> int:
    return max(1, strips // GROUPS)


def _leveled(sums: NDArray[np.int32], shifts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return (A, G, H) strips shifted to level each tilt, in groups: few lines span a page."""
    strips, height = sums.shape
    most = int(np.abs(shifts).max())
    shifted = sliding_window_view(extended(sums, most, most, "zero"), height, axis=1)
    starts = np.arange(0, strips, _group_size(strips))
    leveled = np.add.reduceat(shifted[np.arange(strips), most + shifts], starts, axis=1)
    return np.asarray(leveled, np.int64)


def _sharpness(ink: Strips, angles: Floats) -> Floats:
    """Return the contrast between text rows and gaps, for each angle of the lines."""
    sums, middles = ink
    strips, height = sums.shape
    shifts = _shifts(middles, angles, height)
    contrasts = getattr(compiled.library, "contrasts", None)  # earlier builds are without it
    if contrasts is not None:
        found = contrasts(sums, shifts, height, _group_size(strips))
        return np.frombuffer(found, np.int64).astype(np.float64)
    leveled = _leveled(sums, shifts)
    return np.asarray(((leveled[..., 2:] - leveled[..., :-2]) ** 2).sum(axis=(1, 2)), np.float64)
