"""Find lines that are no writing on this side of the paper: stray marks, and what shows through.

A labeler marks them as text too. The recognizer reads no letter of a mark with any confidence. What
shows through is far fainter than a page's other lines and read with little confidence, or with
more in a mirror.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.decoding.sureness import mean_sureness
from htrlib.document.geometry import Box, Point, Polygon
from htrlib.document.results import LogProbs, TextLine
from htrlib.images.filters import percentiles
from htrlib.images.loading import Page

SURE = 0.45
"""`mean_sureness` of the lines that tell how dark a page's ink is."""

MARK = 0.1
"""`mean_sureness` below which a line is a mark, if others are sure. None of 45 such lines on 263
pages of `train` and `validation` splits had a labeled line in its place."""

DOUBTFUL, FAINT = 0.8, 0.55
"""`mean_sureness` and share of that ink's contrast below which a line may show through."""

WEAKEST = 0.7
"""Sum of both below which it surely does: the fainter, the surer writing has to be read."""

MIRRORED, SURER = 0.4, 1.35
"""Least `mean_sureness` of a mirrored line, and how many times as sure it must be."""

BAND = 0.25  # of a line's height: from the baseline up, where the small letters are
SAMPLES = 8  # rows of that band
STEP = 4  # pixels between the columns that are looked at
INK, PAPER = 4, 70  # percentiles of gray in it

Recognize = Callable[[Page, Sequence[TextLine]], Sequence[LogProbs]]


def false_lines(
    page: Page, lines: Sequence[TextLine], log_probs: Sequence[LogProbs], recognize: Recognize
) -> Tuple[int, ...]:
    """Return the indices of lines that are no writing on this side of the paper.

    Args:
        page: (H, W) uint8, 0 is black.
        lines: its lines.
        log_probs: log-probabilities of each line.
        recognize: recognizes lines of a picture.
    """
    sureness = np.array([mean_sureness([values]) for values in log_probs])
    sure, doubtful = sureness >= SURE, sureness < DOUBTFUL
    if not sure.any() or not doubtful.any():
        return ()
    marks = sureness < MARK
    contrasts = np.array([_contrast(page, line) for line in lines])
    shares = contrasts / max(1.0, float(np.median(contrasts[sure])))
    weak = doubtful & ~marks & (shares < FAINT)
    through = weak & (shares + sureness < WEAKEST)
    open_cases = np.flatnonzero(weak & ~through)
    if len(open_cases):
        mirrored = [_mirrored(lines[index], page.shape[1]) for index in open_cases]
        read = recognize(np.ascontiguousarray(page[:, ::-1]), mirrored)
        found = np.array([mean_sureness([values]) for values in read])
        through[open_cases] = found >= np.maximum(MIRRORED, SURER * sureness[open_cases])
    return tuple(np.flatnonzero(marks | through).tolist())


def _contrast(page: Page, line: TextLine) -> float:
    """Return the gray levels between a line's small letters and its paper."""
    box = line.box
    columns = np.arange(max(0, int(box.left)), min(page.shape[1], int(box.right) + 1), STEP)
    if line.baseline is None or line.quarter_turns or not len(columns):
        return float("inf")
    xs, ys = zip(*sorted(line.baseline))
    up = np.linspace(0.0, BAND * box.height, SAMPLES)
    rows = (np.interp(columns, xs, ys) - up[:, np.newaxis]).astype(np.int64)
    gray: NDArray[np.uint8] = page[np.clip(rows, 0, page.shape[0] - 1), columns]
    ink, paper = percentiles(gray.reshape(1, -1), (INK, PAPER))[:, 0].tolist()
    return float(paper - ink)


def _mirrored(line: TextLine, width: int) -> TextLine:
    """Return the line of a page's mirror image; `width` is that of the page."""

    def mirror(points: Sequence[Point]) -> Tuple[Point, ...]:
        return tuple((width - x, y) for x, y in reversed(points))

    left, top, right, bottom = line.box.as_tuple()
    return replace(
        line,
        box=Box(width - right, top, width - left, bottom),
        polygon=line.polygon and Polygon(mirror(line.polygon.points)),
        baseline=line.baseline and mirror(line.baseline),
    )
