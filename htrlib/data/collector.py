"""Collect an adapter's samples: check annotations against their pictures, and report problems."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Callable, Iterable, List, Optional, Sequence, Set, Tuple

from htrlib.data.flat_outlines import from_baselines, strip_along, unflattened
from htrlib.data.label_text import clean_text, invisible_characters
from htrlib.data.line_ids import told_apart
from htrlib.data.pictures import is_left_by_system
from htrlib.data.problems import Problem
from htrlib.data.samples import (
    Dataset,
    LabeledLine,
    LabeledWord,
    LineSample,
    PageSample,
    Picture,
    Sample,
)
from htrlib.document.geometry import Box, Point, Polygon, Size, union_of
from htrlib.document.kinds import HANDWRITTEN
from htrlib.document.results import TextLine
from htrlib.errors import DatasetError, ImageError
from htrlib.images.numbered_pages import page_size

TOLERANCE = 2.0
"""Pixels that a box may reach over the page's edge before it is reported."""

THINNEST = 1.0
"""Pixels that a box is wide and high at least; what is less holds no writing."""

MOST_OUTSIDE = 0.2
"""If more of a page's lines lie outside it than this, its other boxes are not trusted either."""


class Collector:
    """Collects the samples and problems of a dataset."""

    def __init__(self) -> None:
        self._samples: List[Sample] = []
        self._problems: List[Problem] = []
        self._sources: Set[str] = set()
        # Of the current page:
        self._lines_outside = self._lines_lost = 0
        self._bare: List[TextLine] = []  # lines with a baseline but no height

    def note(self, reason: str, source: str, detail: str = "", *, skipped: str = "") -> None:
        """Record a problem; `skipped` is "page" or "line" if that is left out."""
        self._problems.append(Problem(reason, source, detail, skipped))

    def note_links(self, folder: Path) -> None:
        """Report the links to folders below one, which adapters do not follow: they may circle."""
        for base, folders, _ in os.walk(folder):
            for link in map(Path(base).joinpath, sorted(folders)):
                if link.is_symlink() and not is_left_by_system(link.relative_to(folder)):
                    detail = "copy the folder, or read it by itself"
                    name = link.relative_to(folder).as_posix()
                    self.note("link to a folder", name, detail, skipped="file")

    def picture(
        self, path: Path, source: str, stated: Optional[Size] = None, number: int = 1
    ) -> Optional[Size]:
        """Return the size of a sample's picture; report a problem and return None if unusable.

        Args:
            path: path of the picture.
            source: name of the sample, which must be unique.
            stated: size according to the annotation.
            number: number of the page in a multi-page file.
        """
        self._lines_outside = self._lines_lost = 0
        self._bare = []
        if source in self._sources:
            self.note("duplicate id", source, str(path), skipped="page")
            return None
        if not path.is_file():
            self.note("missing image", source, str(path), skipped="page")
            return None
        try:
            size = page_size(path, number)
        except (ImageError, OSError) as error:
            self.note("unreadable image", source, str(error), skipped="page")
            return None
        if stated is not None and stated != size:
            detail = (
                f"the annotation says {stated.width} x {stated.height}, {path.name} is "
                f"{size.width} x {size.height}"
            )
            self.note("image of another size than annotated", source, detail, skipped="page")
            return None
        return size

    def text_line(
        self,
        size: Size,
        source: str,
        *,
        box: Optional[Sequence[float]] = None,
        polygon: Sequence[Point] = (),
        baseline: Sequence[Point] = (),
        confidence: Optional[float] = None,
        kind: Optional[str] = None,
    ) -> Optional[TextLine]:
        """Return the position of a line, clipped to the page; report and return None without one.

        Args:
            size: size of the page.
            source: name of the line in messages.
            box: left, top, right, bottom; by default that of the polygon. Beside a baseline, one
                without area counts as none.
            polygon: outline; fewer than three points count as none.
            baseline: in reading direction; fewer than two points count as none. A line with only a
                baseline gets the usual height of the page's lines.
            confidence: probability that this is a line, if a program stated it.
            kind: one of `htrlib.document.kinds.KINDS`, or None.
        """
        certain = 1.0 if confidence is None else confidence
        polygon = self._finite(source, polygon)
        baseline = self._finite(source, baseline)
        if box is None and len(polygon) >= 2:
            box = bounds(polygon)
        base = self._baseline(size, source, baseline) if len(baseline) >= 2 else None
        if base is not None and box is not None and _is_flat(box):
            box = None  # some programs write that of the baseline
        strip = None if box is not None or base is None else strip_along(base, size)
        if strip is not None:
            self.note("baseline without an outline", source)
            self._bare.append(TextLine(strip, None, base, certain, kind=kind))
            return self._bare[-1]
        if box is None:
            self.note("text without a box", source)
            return None
        checked = self.box(size, source, box)
        if checked is None:
            self._lines_outside += 1
            return None
        return TextLine(
            box=checked,
            polygon=self._outline(size, source, polygon) if len(polygon) >= 3 else None,
            baseline=base,
            confidence=certain,
            kind=kind,
        )

    def points(self, source: str, read: Callable[[], List[Point]]) -> List[Point]:
        """Return the points that a function reads; report a problem and return none if it fails."""
        try:
            return read()
        except ValueError as error:
            self.note("coordinates that cannot be read", source, str(error))
            return []

    def _baseline(
        self, size: Size, source: str, points: Sequence[Point]
    ) -> Optional[Tuple[Point, ...]]:
        """Clip the baseline to the page; report it and return None if all of it lies outside."""
        kept = _on_page(points, size)
        moved = [max(abs(x - a), abs(y - b)) for (x, y), (a, b) in zip(points, kept)]
        if min(moved) > TOLERANCE:
            self.note("baseline outside the page", source, f"it starts at {points[0]}")
            return None
        if self._far(size, source, points):
            return None
        if max(moved) > TOLERANCE:
            self.note("baseline cut at the page's edge", source)
        return kept

    def _finite(self, source: str, points: Sequence[Point]) -> Sequence[Point]:
        """Return the points; report them and return none if one is not finite."""
        odd = [point for point in points if not all(map(math.isfinite, point))]
        if odd:
            self.note("coordinates that cannot be read", source, f"found {odd[0]}")
        return () if odd else points

    def _far(self, size: Size, source: str, points: Sequence[Point]) -> bool:
        """Return whether a point lies too far from the page to be clipped to it; report it."""
        far = [point for point in points if _is_far(point, size)]
        if far:
            detail = f"({far[0][0]:g}, {far[0][1]:g}) on a page of {size.width} x {size.height}"
            self.note("coordinates far outside the page", source, detail)
        return bool(far)

    def _outline(self, size: Size, source: str, polygon: Sequence[Point]) -> Optional[Polygon]:
        """Clip a polygon to the page; report it and return None if it has no area there."""
        if self._far(size, source, polygon):
            return None
        outline = Polygon(_on_page(polygon, size))
        try:
            _ = outline.box
        except ValueError as error:
            self.note("outline without area", source, str(error))
            return None
        return outline

    def box(self, size: Size, source: str, edges: Sequence[float]) -> Optional[Box]:
        """Clip left, top, right, bottom to the page; report and return None if nothing is left."""
        try:
            whole = Box(*(float(edge) for edge in edges))
        except (TypeError, ValueError) as error:
            self.note("box without area", source, str(error))
            return None
        if min(whole.width, whole.height) < THINNEST:
            self.note("box without area", source, _describe(whole, size))
            return None
        try:
            part = whole.clipped(size)
        except ValueError:
            part = None
        if part is None or min(part.width, part.height) < THINNEST:
            self.note("box outside the page", source, _describe(whole, size))
            return None
        if self._far(size, source, ((whole.left, whole.top), (whole.right, whole.bottom))):
            return None
        if max(abs(a - b) for a, b in zip(whole.as_tuple(), part.as_tuple())) > TOLERANCE:
            self.note("box cut at the page's edge", source, _describe(whole, size))
        return part

    def line(
        self,
        text: str,
        source: str,
        line: Optional[TextLine],
        *,
        words: Iterable[LabeledWord] = (),
        tags: Iterable[object] = (),
        id: object = "",
        confidence: Optional[float] = None,
    ) -> Optional[LabeledLine]:
        """Return a labeled line; None without text and position. A missing text is reported."""
        cleaned = self.clean(text, source)
        if not cleaned:
            self.note("line without text", source, skipped="" if line else "line")
            if line is None:
                self._lines_lost += 1
                return None
        named = tuple(str(tag) for tag in tags if tag is not None)
        cleaned_words = tuple(replace(word, text=clean_text(word.text)) for word in words)
        return LabeledLine(cleaned, line, cleaned_words, named, _name(id) or "", confidence)

    def clean(self, text: str, source: str) -> str:
        """Normalize a text; report invisible characters, which are dropped."""
        invisible = invisible_characters(text)
        if invisible:
            self.note("invisible characters", source, ", ".join(invisible))
        return clean_text(text)

    def add_page(
        self,
        image: Picture,
        size: Size,
        source: str,
        lines: Iterable[Optional[LabeledLine]],
        *,
        paragraph: Optional[Box] = None,
        writer: object = None,
        split: object = None,
        unlabeled: Sequence[Box] = (),
        incomplete: bool = False,
    ) -> None:
        """Add a page without lines that are None, or that repeat one with the same id.

        The paragraph defaults to the box around all lines that may be handwritten, or around all
        if none are. A page with many lines outside its picture is left out, since it was annotated
        on another picture. A page that lost all its lines is left out too, since it does contain
        writing. `unlabeled` are boxes of further lines, which are not given; a page with lines that
        have no box to be told is `incomplete` all the same.
        """
        kept, repeated = told_apart((line for line in lines if line is not None), source)
        self._problems += repeated
        if self._lines_outside > max(1, MOST_OUTSIDE * len(kept)):
            detail = f"{self._lines_outside} of {len(kept)} lines lie outside the page"
            self.note("lines of another picture", source, detail, skipped="page")
            return
        if self._lines_lost and not kept:
            detail = f"{self._lines_lost} lines, none with a text or a place"
            self.note("page whose lines cannot be used", source, detail, skipped="page")
            return
        kept = self._with_outlines(kept, size, source)
        placed = [line.line for line in kept if line.line is not None]
        written = [line for line in placed if line.kind in (None, HANDWRITTEN)]
        boxes = [line.box for line in written or placed]
        if paragraph is None and boxes:
            paragraph = union_of(boxes)
        names = _name(writer), _name(split)
        left_out = tuple(unlabeled), incomplete or bool(unlabeled)
        self._add(PageSample(image, size, source, tuple(kept), paragraph, *names, *left_out))

    def _with_outlines(
        self, lines: Sequence[LabeledLine], size: Size, source: str
    ) -> List[LabeledLine]:
        """Return a page's lines; missing and flat outlines are repaired, and reported."""
        places = [line.line for line in lines]
        bare = [place in self._bare for place in places]
        if any(bare):
            places = from_baselines(places, bare, size)
            lines = [replace(line, line=place) for line, place in zip(lines, places)]
        mended = unflattened(places, size)
        for index in mended:
            detail = "takes the usual height of the page's lines"
            self.note("flat outline", f"{source}#{lines[index].id or index}", detail)
        return [
            replace(line, line=mended[index]) if index in mended else line
            for index, line in enumerate(lines)
        ]

    def add_line(
        self,
        image: Path,
        text: str,
        source: str,
        *,
        page: Optional[str] = None,
        writer: object = None,
        split: object = None,
        tags: Iterable[str] = (),
    ) -> None:
        """Add the picture of a single line, unless its text is empty."""
        cleaned = self.clean(text, source)
        if not cleaned:
            self.note("line without text", source, skipped="line")
            return
        self._add(
            LineSample(
                image,
                cleaned,
                source,
                page=page,
                writer=_name(writer),
                split=_name(split),
                tags=tuple(tags),
            )
        )

    def dataset(self, path: Path) -> Dataset:
        """Return the dataset of all samples added.

        Raises:
            DatasetError: there are none; the message counts the reasons.
        """
        dataset = Dataset(tuple(self._samples), tuple(self._problems))
        if not dataset:
            reasons = dataset.report().skipped
            why = ", ".join(f"{reason}: {count}" for reason, count in reasons.items())
            first = f"; the first: {self._problems[0]}" if self._problems else ""
            raise DatasetError(f"{path} has no usable sample ({why or 'it is empty'}){first}")
        return dataset

    def _add(self, sample: Sample) -> None:
        self._sources.add(sample.source)
        self._samples.append(sample)


def _name(value: object) -> Optional[str]:
    """Return a name from JSON, which may be a number."""
    return None if value is None else str(value)


def points_of(numbers: Sequence[float]) -> Tuple[Point, ...]:
    """Return the points of x, y, x, y, ...

    >>> points_of([1, 2, 3, 4])
    ((1.0, 2.0), (3.0, 4.0))
    """
    if len(numbers) % 2:
        raise ValueError(f"expected pairs of x and y as points, found {len(numbers)} numbers")
    return tuple(zip(map(float, numbers[::2]), map(float, numbers[1::2])))


def bounds(points: Sequence[Point]) -> Tuple[float, float, float, float]:
    """Return left, top, right and bottom of points; unlike a Box, they may have no area."""
    xs, ys = zip(*points)
    return (min(xs), min(ys), max(xs), max(ys))


def is_rectangle(points: Sequence[Point]) -> bool:
    """Return whether an outline is merely a box.

    >>> is_rectangle([(0, 0), (4, 0), (4, 2), (0, 2)])
    True
    """
    left, top, right, bottom = bounds(points) if points else (0, 0, 0, 0)
    corners = {(left, top), (right, top), (right, bottom), (left, bottom)}
    return len(points) == len(corners) == 4 and set(points) == corners


def _is_flat(edges: Sequence[float]) -> bool:
    """Return whether a box is a line or a point; what is no box at all is not."""
    try:
        left, top, right, bottom = map(float, edges)
    except (TypeError, ValueError):
        return False
    return 0 <= min(right - left, bottom - top) < THINNEST


def _is_far(point: Point, size: Size) -> bool:
    """Return whether a point is further from the page than the page is wide or high."""
    x, y = point
    return not (-size.width <= x <= 2 * size.width and -size.height <= y <= 2 * size.height)


def _on_page(points: Sequence[Point], size: Size) -> Tuple[Point, ...]:
    return tuple(
        (min(max(x, 0.0), float(size.width)), min(max(y, 0.0), float(size.height)))
        for x, y in points
    )


def _describe(box: Box, size: Size) -> str:
    edges = ", ".join(f"{edge:g}" for edge in box.as_tuple())
    return f"({edges}) on a page of {size.width} x {size.height}"
