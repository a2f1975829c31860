"""What every adapter does with one annotation: check it against its picture, keep or report it."""

from __future__ import annotations

from pathlib import Path
from typing import Iterable, List, Optional, Sequence, Set, Tuple

from PIL import Image

from htrlib.data.samples import (
    Dataset,
    LabeledLine,
    LabeledWord,
    LineSample,
    PageSample,
    Problem,
    Sample,
    clean_text,
)
from htrlib.document import TextLine
from htrlib.errors import DatasetError
from htrlib.geometry import Box, Point, Polygon, Size, union_of

EXIF_ORIENTATION = 0x0112
TOLERANCE = 2.0
"""Pixels that a box may reach over the page's edge before it is reported."""


class Collector:
    """Gathers the samples of a dataset, and the problems met on the way."""

    def __init__(self) -> None:
        self._samples: List[Sample] = []
        self._problems: List[Problem] = []
        self._sources: Set[str] = set()

    def note(self, reason: str, source: str, detail: str = "", *, skipped: str = "") -> None:
        """Remember a problem; `skipped` is "page" or "line" where that much is left out."""
        self._problems.append(Problem(reason, source, detail, skipped))

    def picture(self, path: Path, source: str, stated: Optional[Size] = None) -> Optional[Size]:
        """The size of a sample's picture, or None, with the problem noted, if it cannot be used.

        Args:
            path: the picture.
            source: the sample's name; used twice is a problem.
            stated: the size that the annotation says.
        """
        if source in self._sources:
            self.note("duplicate id", source, str(path), skipped="page")
            return None
        if not path.is_file():
            self.note("missing image", source, str(path), skipped="page")
            return None
        try:
            size = picture_size(path)
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            self.note("unreadable image", source, f"{path}: {error}", skipped="page")
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
    ) -> Optional[TextLine]:
        """The place of a line, cut at the page's edge; None, and noted, if it has none.

        Args:
            size: of the page.
            source: what messages call the line.
            box: left, top, right, bottom; by default those of the polygon.
            polygon: outline; fewer than three points count as none.
            baseline: left to right; fewer than two points count as none.
        """
        if box is None and len(polygon) >= 2:
            xs, ys = zip(*polygon)
            box = (min(xs), min(ys), max(xs), max(ys))
        if box is None:
            self.note("text without a box", source)
            return None
        checked = self.box(size, source, box)
        if checked is None:
            return None
        return TextLine(
            box=checked,
            polygon=Polygon(_on_page(polygon, size)) if len(polygon) >= 3 else None,
            baseline=_on_page(baseline, size) if len(baseline) >= 2 else None,
        )

    def box(self, size: Size, source: str, edges: Sequence[float]) -> Optional[Box]:
        """The part on the page of (left, top, right, bottom); None, and noted, if there is none."""
        try:
            whole = Box(*(float(edge) for edge in edges))
        except (TypeError, ValueError) as error:
            self.note("box without area", source, str(error))
            return None
        try:
            part = whole.clipped(size)
        except ValueError:
            self.note("box outside the page", source, _describe(whole, size))
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
        tags: Iterable[str] = (),
        id: str = "",
    ) -> Optional[LabeledLine]:
        """A labeled line; None, and noted, if it has no text."""
        cleaned = clean_text(text)
        if not cleaned:
            self.note("line without text", source, skipped="line")
            return None
        return LabeledLine(cleaned, line, tuple(words), tuple(tags), id)

    def add_page(
        self,
        image: Path,
        size: Size,
        source: str,
        lines: Iterable[Optional[LabeledLine]],
        *,
        writer: Optional[str] = None,
        split: Optional[str] = None,
    ) -> None:
        """Add a page; None among the lines is left out, lines of the same id after the first too.

        The paragraph is the box around all lines.
        """
        kept: List[LabeledLine] = []
        ids: Set[str] = set()
        for line in lines:
            if line is None:
                continue
            if line.id and line.id in ids:
                self.note("duplicate id", f"{source}#{line.id}", line.text, skipped="line")
                continue
            ids.add(line.id)
            kept.append(line)
        boxes = [line.line.box for line in kept if line.line is not None]
        paragraph = union_of(boxes) if boxes else None
        self._add(PageSample(image, size, source, tuple(kept), paragraph, writer, split))

    def add_line(
        self,
        image: Path,
        text: str,
        source: str,
        *,
        page: Optional[str] = None,
        writer: Optional[str] = None,
        split: Optional[str] = None,
    ) -> None:
        """Add the picture of a single line, unless it has no text."""
        cleaned = clean_text(text)
        if not cleaned:
            self.note("line without text", source, skipped="line")
            return
        self._add(LineSample(image, cleaned, source, page=page, writer=writer, split=split))

    def dataset(self, path: Path) -> Dataset:
        """All that was added.

        Raises:
            DatasetError: that is nothing; the message counts why.
        """
        dataset = Dataset(tuple(self._samples), tuple(self._problems))
        if not dataset:
            reasons = dataset.report().skipped
            why = ", ".join(f"{reason}: {count}" for reason, count in reasons.items())
            first = f"; the first: {self._problems[0]}" if self._problems else ""
            raise DatasetError(f"{path} gives no sample ({why or 'it is empty'}){first}")
        return dataset

    def _add(self, sample: Sample) -> None:
        self._sources.add(sample.source)
        self._samples.append(sample)


def picture_size(path: Path) -> Size:
    """The size of a picture after EXIF rotation, from its header alone.

    Raises:
        OSError: the file cannot be read or is no picture.
    """
    with Image.open(path) as picture:
        width, height = picture.size
        turned = picture.getexif().get(EXIF_ORIENTATION, 1) in (5, 6, 7, 8)
    return Size(height, width) if turned else Size(width, height)


def points_of(numbers: Sequence[float]) -> Tuple[Point, ...]:
    """The points of x, y, x, y, ...

    >>> points_of([1, 2, 3, 4])
    ((1.0, 2.0), (3.0, 4.0))
    """
    if len(numbers) % 2:
        raise ValueError(f"points are pairs of x and y, found {len(numbers)} numbers")
    return tuple(zip(map(float, numbers[::2]), map(float, numbers[1::2])))


def _on_page(points: Sequence[Point], size: Size) -> Tuple[Point, ...]:
    return tuple(
        (min(max(x, 0.0), float(size.width)), min(max(y, 0.0), float(size.height)))
        for x, y in points
    )


def _describe(box: Box, size: Size) -> str:
    edges = ", ".join(f"{edge:g}" for edge in box.as_tuple())
    return f"({edges}) on a page of {size.width} x {size.height}"
