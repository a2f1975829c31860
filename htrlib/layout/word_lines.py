"""Find lines by detecting words and linking them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import List, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.document.geometry import Box
from htrlib.document.results import TextLine
from htrlib.engines.port import Engine
from htrlib.engines.word_anchors import SsdConfig, anchor_boxes, decode_boxes, word_probabilities
from htrlib.images.regions import Region, cut_region, page_ink
from htrlib.layout.line_cores import chains
from htrlib.layout.line_outlines import CORE, Core, outlined_lines
from htrlib.layout.pixel_labels import network_input, scale_for

REGION_AREA = 600_000.0  # pixels of the region in the network's first input
BEST_HEIGHT = 24.0  # pixels: height of words that the network detects best
FINE_HEIGHT = (15.0, 42.0)  # pixels: other median heights need detection at another scale
CONFIDENT = 0.25  # minimum probability of a word
SAME_WORD = 0.4  # intersection over union above which two boxes are the same word
INSIDE = 0.7  # fraction of a box inside a better one above which it is part of that word
BUSY = 0.5  # fraction of a word's maximum stroke crossings per row that rows of its core have
LOW = 0.5  # in median heights: lower boxes are dashes and dots, which have no core
SAME_HEIGHT = 0.45  # minimum vertical overlap of two words in a line, relative to the lower one
LONGEST_GAP = 3.0  # in word heights: maximum gap between words of a line
NEIGHBORS = 5  # number of neighboring words against which each foot is checked
INKED = 90  # ink of 255 above which a pixel belongs to a stroke

Boxes = NDArray[np.float32]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DetectedWords:
    """The words of a region.

    Attributes:
        boxes: (N, 4) float32 left, top, right, bottom in picture pixels, best first.
        scores: (N,) float32 probabilities.
        ink: (H, W) uint8 picture of the region, 0 is paper.
        region: the region and its position on the page.
    """

    boxes: Boxes
    scores: NDArray[np.float32]
    ink: NDArray[np.uint8]
    region: Region

    @property
    def height(self) -> float:
        """Median height of the words in picture pixels; 0 without words."""
        return float(np.median(self.boxes[:, 3] - self.boxes[:, 1])) if len(self.boxes) else 0.0


def lines_from_words(
    page: NDArray[np.uint8], region: Box, engine: Engine, config: SsdConfig
) -> Tuple[TextLine, ...]:
    """Find the lines in a region of a page, in reading order.

    Args:
        page: (H, W) uint8, 0 is black.
        region: box of the handwriting.
        config: configuration of the word detector.
    Returns:
        Lines with box, polygon and baseline in page pixels.
    """
    scale = scale_for(region, REGION_AREA)
    words = detect_words(page, region, scale, engine, config)
    if not FINE_HEIGHT[0] <= words.height <= FINE_HEIGHT[1]:
        # If nothing was found, the writing may have been too large.
        better = scale * BEST_HEIGHT / words.height if words.height else scale / 3
        better = min(better, scale_for(region, 4 * REGION_AREA))
        words = detect_words(page, region, better, engine, config)
    return group_words(words)


def detect_words(
    page: NDArray[np.uint8], box: Box, scale: float, engine: Engine, config: SsdConfig
) -> DetectedWords:
    """Find the words in a box of a page, at the given scale."""
    region = cut_region(page, box, scale)
    ink = page_ink(region.gray)
    pixels = network_input(ink)
    logits, offsets = engine.find_words(pixels)
    scores = word_probabilities(logits)
    likely = np.flatnonzero(scores >= CONFIDENT)
    boxes = decode_boxes(offsets[likely], anchor_boxes(config, *pixels.shape)[likely])
    boxes = np.clip(boxes, 0, np.array([ink.shape[1], ink.shape[0]] * 2, np.float32))
    whole = (boxes[:, 2:] - boxes[:, :2]).min(axis=1, initial=np.inf) >= 2
    boxes, scores = boxes[whole], scores[likely][whole]
    kept = suppress(boxes, scores)
    return DetectedWords(boxes[kept], scores[kept], ink, region)


def suppress(boxes: Boxes, scores: NDArray[np.float32]) -> NDArray[np.int64]:
    """Keep the best box of each word (non-maximum suppression).

    Boxes that lie mostly inside a better one are removed too, as parts of that word.

    Args:
        boxes: (N, 4) left, top, right, bottom.
        scores: (N,) higher is better.
    Returns:
        Indices of the boxes to keep, best first, regardless of the input's order.
    """
    left, top, right, bottom = boxes.T
    areas = (right - left) * (bottom - top)
    waiting = np.lexsort((bottom, right, top, left, -scores))
    kept: List[int] = []
    while len(waiting):
        best, others = waiting[0], waiting[1:]
        kept.append(int(best))
        width = np.minimum(right[others], right[best]) - np.maximum(left[others], left[best])
        height = np.minimum(bottom[others], bottom[best]) - np.maximum(top[others], top[best])
        shared = np.maximum(width, 0) * np.maximum(height, 0)
        same = shared > SAME_WORD * (areas[others] + areas[best] - shared)
        waiting = others[~same & (shared <= INSIDE * areas[others])]
    return np.array(kept, dtype=np.int64)


def group_words(words: DetectedWords) -> Tuple[TextLine, ...]:
    """Link words, in any order, to lines in reading order."""
    if len(words.boxes) == 0:
        return ()
    order = np.lexsort((words.scores, *words.boxes.T[::-1]))
    boxes, scores = words.boxes[order].astype(np.float64), words.scores[order]
    # Single words are too short to estimate a slope; chains of words are not.
    level = [_foot(words.ink, box, 0.0) for box in boxes]
    slope = _slope(boxes, np.array(level), _rows(boxes, 0.0))
    feet = np.array([_foot(words.ink, box, slope) for box in boxes])
    heights = boxes[:, 3] - boxes[:, 1]
    low = heights < LOW * np.median(heights)
    cores = []
    for row in _rows(boxes, slope):
        if low[row].all():
            continue  # a dash or a speck
        middles = boxes[row, 0::2].mean(axis=1)
        level_feet = _steadied(feet[row] - slope * middles, low[row], heights[row])
        parts = zip(boxes[row], level_feet + slope * middles, scores[row])
        cores.append(reduce(Core.joined, (_core(*part, slope) for part in parts)))
    return outlined_lines(cores, slope, words.ink, words.region.to_page)


def _rows(boxes: Floats, slope: float) -> List[List[int]]:
    """Chain words that follow each other at the same height."""
    left, top, right, bottom = boxes.T
    rise = slope * (left + right) / 2
    top, bottom = top - rise, bottom - rise
    heights = bottom - top
    usual = np.median(heights)
    gaps = left - right[:, np.newaxis]
    shared = np.minimum(bottom, bottom[:, np.newaxis]) - np.maximum(top, top[:, np.newaxis])
    share = shared / np.minimum(heights, heights[:, np.newaxis])
    fits = (share >= SAME_HEIGHT) & (-0.5 * usual <= gaps) & (gaps <= LONGEST_GAP * usual)
    # Of two overlapping words only one may follow the other, or they would form a cycle.
    fits &= (left > left[:, np.newaxis]) & (right > right[:, np.newaxis])
    return chains(np.where(fits, np.maximum(gaps, 0) + 2 * usual * (1 - share), np.inf))


def _slope(boxes: Floats, feet: Floats, rows: List[List[int]]) -> float:
    """Return the median slope between two words of a row, weighted by their distance.

    After P. K. Sen, 1968, "Estimates of the Regression Coefficient Based on Kendall's Tau".
    """
    usual = np.median(boxes[:, 3] - boxes[:, 1])
    runs, rises = [np.zeros(0)], [np.zeros(0)]
    for row in rows:
        first, second = np.triu_indices(len(row), 1)
        middles, heights = boxes[row, 0::2].mean(axis=1), feet[row]
        runs.append(middles[second] - middles[first])
        rises.append(heights[second] - heights[first])
    run, rise = np.concatenate(runs), np.concatenate(rises)
    long = run >= 3 * usual
    if not long.any():
        return 0.0
    slopes, weights = rise[long] / run[long], run[long]
    order = np.argsort(slopes)
    share = np.cumsum(weights[order]) / weights.sum()
    return float(slopes[order][np.searchsorted(share, 0.5)])


def _steadied(feet: Floats, low: NDArray[np.bool_], heights: Floats) -> Floats:
    """Smooth a row's feet, since a descender may have been taken for the foot of a word."""
    known = np.flatnonzero(~low)
    steady = np.empty_like(feet)
    for at, foot in enumerate(feet):
        near = known[np.argsort(np.abs(known - at), kind="stable")[:NEIGHBORS]]
        usual = np.sort(feet[near])[(len(near) - 1) // 2]  # the upper one of two
        slack = 0.0 if low[at] else 0.1 * heights[at]
        steady[at] = np.clip(foot, usual - slack, usual + slack)
    return steady


def _core(box: Floats, foot: float, score: float, slope: float) -> Core:
    left, top, right, _ = box
    columns = np.arange(int(left), max(int(np.ceil(right)), int(left) + 1))
    lower = foot + slope * (columns - (left + right) / 2)
    top += abs(slope) * (right - left) / 2  # a sloped word is less high than its box
    return Core(columns, lower - CORE * max(foot - top, 1.0), lower, float(score))


def _foot(ink: NDArray[np.uint8], box: Floats, slope: float) -> float:
    """Find a word's baseline at its center: the row below which rows cross few strokes."""
    left, top, right, bottom = box
    columns = np.arange(int(left), min(max(int(np.ceil(right)), int(left) + 1), ink.shape[1]))
    excess = min(abs(slope) * (right - left) / 2, 0.3 * (bottom - top))
    rows = np.arange(int(top + excess), max(int(np.ceil(bottom - excess)), int(top + excess) + 1))
    rise = slope * (columns - (left + right) / 2)
    at = np.clip(np.rint(rows[:, np.newaxis] + rise).astype(np.int64), 0, len(ink) - 1)
    inked = ink[at, columns] > INKED
    strokes = (inked[:, 1:] & ~inked[:, :-1]).sum(axis=1) + inked[:, 0]
    smooth = np.convolve(np.pad(strokes, 1), np.ones(3) / 3, mode="valid")
    busy = np.flatnonzero(smooth >= BUSY * smooth.max())
    return float(rows[busy[-1]] + 1)
