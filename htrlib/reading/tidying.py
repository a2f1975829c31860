"""Tidy results: clip to the page, round to tenths of a pixel, and simplify outlines."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib import compiled
from htrlib.document.geometry import Box, Point, Polygon, Size
from htrlib.document.results import LineResult, PageResult, TextLine, Word

_Floats = NDArray[np.float64]

TOLERANCE = 1.0
"""Pixels that a simplified outline may lie beside the one that was found."""


def tidied(result: PageResult) -> PageResult:
    """Clip, simplify and round all coordinates of a result."""
    size = result.size
    paragraph = None if result.paragraph is None else _box(result.paragraph, size)
    return replace(
        result, paragraph=paragraph, lines=tuple(_line(line, size) for line in result.lines)
    )


def simplified(points: Sequence[Point], tolerance: float = TOLERANCE) -> Tuple[Point, ...]:
    """Simplify a closed outline; all removed points stay within the tolerance.

    Douglas and Peucker 1973, from the first point to the one farthest from it and back.
    """
    if compiled.library is not None:
        numbers = np.fromiter(chain.from_iterable(points), np.float64, 2 * len(points))
        chosen = np.frombuffer(compiled.library.simplified(numbers, tolerance), np.uint8)
        return tuple(points[index] for index in np.flatnonzero(chosen))
    array = np.array([*points, points[0]], dtype=np.float64)
    last = len(array) - 1
    far = int(np.hypot(*(array - array[0]).T).argmax())
    kept = np.unique((0, far, last))
    every = np.arange(last)
    while True:
        segment = np.searchsorted(kept, every, side="right") - 1
        distances = _distances(array[:-1], array[kept[segment]], array[kept[segment + 1]])
        farthest = np.maximum.reduceat(distances, kept[:-1])[segment]
        beyond = np.flatnonzero((distances == farthest) & (farthest > tolerance))
        if not len(beyond):
            return tuple(points[index] for index in kept[:-1])
        _, first = np.unique(segment[beyond], return_index=True)
        kept = np.union1d(kept, beyond[first])


def _distances(points: _Floats, starts: _Floats, ends: _Floats) -> _Floats:
    """Return (N,) the distance of each of the (N, 2) points from its segment."""
    along, away = ends - starts, points - starts
    lengths = (along * along).sum(axis=1)
    shares = np.clip((away * along).sum(axis=1) / np.where(lengths > 0, lengths, 1), 0, 1)
    away = away - shares[:, np.newaxis] * along
    distances: _Floats = np.hypot(away[:, 0], away[:, 1])
    return distances


def _line(result: LineResult, size: Size) -> LineResult:
    line, text = result.line, result.transcription
    place = replace(
        line,
        box=_box(line.box, size),
        polygon=_polygon(line, size),
        baseline=None if line.baseline is None else _points(line.baseline, size),
    )
    words = tuple(_word(word, size) for word in text.words)
    characters = tuple(_word(word, size) for word in text.characters)
    return LineResult(place, replace(text, words=words, characters=characters))


def _word(word: Word, size: Size) -> Word:
    return word if word.box is None else replace(word, box=_box(word.box, size))


def _box(box: Box, size: Size) -> Box:
    """Clip a box to the page; return it unchanged if less than a tenth of a pixel is left."""
    left, top, right, bottom = box.as_tuple()
    (left, top), (right, bottom) = _points(((left, top), (right, bottom)), size)
    return Box(left, top, right, bottom) if left < right and top < bottom else box


def _polygon(line: TextLine, size: Size) -> Optional[Polygon]:
    if line.polygon is None:
        return None
    points = _points(simplified(line.polygon.points), size)
    xs, ys = zip(*points)
    flat = len(points) < 3 or len(set(xs)) < 2 or len(set(ys)) < 2
    return line.polygon if flat else Polygon(points)


def _points(points: Sequence[Point], size: Size) -> Tuple[Point, ...]:
    right, bottom = float(size.width), float(size.height)
    return tuple(
        [
            (
                round(0.0 if x < 0.0 else right if x > right else x, 1),
                round(0.0 if y < 0.0 else bottom if y > bottom else y, 1),
            )
            for x, y in points
        ]
    )
