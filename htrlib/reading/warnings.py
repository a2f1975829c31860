"""Warnings about doubtful results, one sentence each.

The rules depend only on the page and its result, so all callers warn alike.
"""

from __future__ import annotations

import math
import statistics
from typing import List, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from htrlib.document.results import LineResult, PageResult
from htrlib.images.loading import Page
from htrlib.images.orientation import PageTransform
from htrlib.reading.options import LINES, PARAGRAPH, TEXT

NOTHING_FOUND = "no handwriting found"

SMALLEST_PAGE = 40_000
"""Pixels; a picture with fewer is a crop of a line, or too small to be read."""

LOWEST_LINE = 12.0
"""Pixels; lines of less are hardly read."""

POOR = 0.5
"""Mean word confidence below which to warn."""

MOST_UNREAD = 0.5
"""Share of what looks written that no line covers. Labeled lines leave out 0.3 of the sheets of
Copiste (print) at most, but for one in twenty; a third of the lines of CSAFE leaves out 0.6."""

FEWEST_TILES = 20
"""Minimum amount of writing to judge how much of it was read."""

TILTED = 5.0
"""Degrees; scans tilt by less."""

_TILE = 16  # pixels of the shrunk page
_SHRUNK = 300_000  # minimum pixels to examine
_INK = 40  # gray levels by which ink is darker than the surrounding paper
_WRITTEN = (0.02, 0.4)  # fraction of ink in a tile with writing, as opposed to shadows and edges
_PAPER = 80  # percentile


def page_warnings(page: Page, result: PageResult, stage: str = TEXT) -> Tuple[str, ...]:
    """Return the warnings about a result.

    Args:
        page: (H, W) uint8, 0 is black.
        result: result of the page, in its coordinates.
        stage: the last stage that ran.
    Returns:
        Sentences without a full stop; empty if all is well.
    """
    found: List[str] = []
    nothing = result.paragraph is None if stage == PARAGRAPH else not result.lines
    if nothing:
        found.append(NOTHING_FOUND)
    if nothing and page.size < SMALLEST_PAGE:
        width, height = result.size.width, result.size.height
        found.append(f"the picture is small ({width} x {height} pixels); scan with 300 dpi")
    if stage in (LINES, TEXT):
        found += _about_lines(page, result)
    if stage == TEXT:
        found += _about_text(result.lines)
    return tuple(found)


def turn_warnings(transform: PageTransform) -> Tuple[str, ...]:
    """Report how a page was rotated; small tilts are not reported."""
    found = []
    if transform.inverted:
        found.append("the page is light on dark and was read inverted")
    if transform.quarter_turns:
        degrees = 90 * transform.quarter_turns
        found.append(f"the page was read turned by {degrees} degrees counterclockwise")
    if abs(transform.tilt) >= TILTED:
        found.append(f"the page is tilted by {abs(transform.tilt):.0f} degrees and was leveled")
    return tuple(found)


def omission_warnings(count: int) -> Tuple[str, ...]:
    """Report how many lines were left out as no writing on this side of the paper."""
    if not count:
        return ()
    lines = "a line that is" if count == 1 else f"{count} lines that are"
    return (f"left out {lines} hardly readable: stray marks, or ink that shows through the paper",)


def unread_share(page: Page, lines: Sequence[LineResult]) -> float:
    """Return the fraction of written-looking parts of a page without a line.

    The page is shrunk and divided into squares. A square counts if its amount of ink is neither
    negligible nor that of a shadow. A page with few such squares gives 0.
    """
    factor = max(1, math.ceil(math.sqrt(page.size / _SHRUNK)))
    size = factor * _TILE
    rows, columns = page.shape[0] // size, page.shape[1] // size
    if not rows or not columns:
        return 0.0
    small = np.asarray(Image.fromarray(page).reduce(factor, (0, 0, columns * size, rows * size)))
    tiles = small.reshape(rows, _TILE, columns, _TILE).transpose(0, 2, 1, 3)
    tiles = tiles.reshape(rows, columns, _TILE * _TILE)
    at = tiles.shape[2] * _PAPER // 100
    paper = np.partition(tiles, at, axis=2)[:, :, at : at + 1]
    dark = np.count_nonzero(tiles < np.maximum(paper, _INK) - _INK, axis=2)
    ink = dark / tiles.shape[2]
    written = (ink > _WRITTEN[0]) & (ink < _WRITTEN[1])
    if written.sum() < FEWEST_TILES:
        return 0.0
    return float((written & ~_covered(lines, written.shape, size)).sum() / written.sum())


def _covered(lines: Sequence[LineResult], shape: Tuple[int, ...], size: int) -> NDArray[np.bool_]:
    """Return the cells that a line's box touches, and as much above and below as half its height.

    A line up or down the page covers as much more as half its width.
    """
    covered = np.zeros(shape, dtype=bool)
    for line in lines:
        box = line.line.box
        beyond = (box.width if line.line.quarter_turns else box.height) / 2
        top = max(0, math.floor((box.top - beyond) / size))
        bottom = max(0, math.ceil((box.bottom + beyond) / size))
        left, right = max(0, math.floor(box.left / size)), max(0, math.ceil(box.right / size))
        covered[top:bottom, left:right] = True
    return covered


def _about_lines(page: Page, result: PageResult) -> List[str]:
    if not result.lines:
        return []
    found = []
    height = statistics.median(line.line.box.height for line in result.lines)
    if height < LOWEST_LINE:
        found.append(f"the writing is small (lines of {height:.0f} pixels); scan with 300 dpi")
    unread = unread_share(page, result.lines)
    if unread > MOST_UNREAD:
        found.append(f"about {unread:.0%} of what looks written on the page was not read")
    return found


def _about_text(lines: Sequence[LineResult]) -> List[str]:
    words = [word.confidence for line in lines for word in line.transcription.words]
    if not words or statistics.fmean(words) >= POOR:
        return []
    return [f"the reading is doubtful: about {statistics.fmean(words):.0%} of its words are right"]
