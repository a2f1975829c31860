"""Read CSV manifests: one row per line of text, with column names in the first row."""

from __future__ import annotations

import contextlib
import csv
import io
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Tuple, Union

from htrlib.data.annotation_text import unread
from htrlib.data.collector import Collector, bounds
from htrlib.data.pictures import spelled
from htrlib.data.samples import Dataset
from htrlib.data.splitting import of_split
from htrlib.data.xml import parse_number
from htrlib.document.geometry import Box, Point, Size
from htrlib.errors import AnnotationError

REQUIRED = ("image", "text")
EDGES = ("left", "top", "right", "bottom")

Row = Tuple[int, Dict[str, str]]
"""A row's line number, and its cells by column."""


def load(
    path: Union[str, Path],
    *,
    images: Optional[Union[str, Path]] = None,
    split: Optional[str] = None,
) -> Dataset:
    """Load a manifest with the columns ``image`` and ``text``.

    With ``left, top, right, bottom`` (pixels of the image, empty if unknown), the rows of an image
    are the lines of a page, in order. Without them, each image is a single line, and ``page`` names
    the page it comes from. ``id``, ``writer`` and ``split`` are read, other columns are ignored.
    Cells are separated by commas or semicolons, or by tabs in a ``.tsv`` file, where quotation
    marks may be part of the text.

    Args:
        path: the manifest, in UTF-8.
        images: folder of the pictures; by default that of the manifest.
        split: read only the rows of this split.
    Raises:
        AnnotationError: the file does not have this form. Rows of another form are reported.
        DatasetError: no row can be used.
    """
    path = Path(path)
    folder = path.parent if images is None else Path(images)
    collector = Collector()
    try:
        rows = list(_rows(path, collector))
    except (OSError, UnicodeDecodeError) as error:
        raise unread(path, error) from None
    chosen = rows
    if split is not None:
        splits = {number: cells["split"] for number, cells in rows if cells.get("split")}
        numbers = set(of_split(splits, split))
        chosen = [row for row in rows if row[0] in numbers]
    if rows and EDGES[0] in rows[0][1]:
        _add_pages(collector, folder, rows, split)
    else:
        _add_lines(collector, folder, chosen)
    return collector.dataset(path)


def _rows(path: Path, collector: Collector) -> Iterator[Row]:
    """Yield the rows; report those of another length than the header, or of several lines."""
    records = _records(path)
    header = [name.strip() for name in next(records, (1, []))[1]]
    _check_header(path, header)
    for number, cells in records:
        if not cells:
            continue
        detail = ""
        if len(cells) != len(header):
            detail = (
                f"found {len(cells)} cells, expected {len(header)} as in the first row; quote "
                "texts that contain a separator"
            )
        elif any("\n" in cell.strip() for cell in cells):
            detail = "a cell has several lines; a quotation mark in a text is written twice"
        if detail:
            detail = f"line {number}: {detail}"
            collector.note("row that cannot be read", path.name, detail, skipped="line")
            continue
        yield number, {name: cell for name, cell in zip(header, cells) if name}


def _records(path: Path) -> Iterator[Tuple[int, List[str]]]:
    """Yield the cells of each row, and the number of its last line.

    Raises:
        AnnotationError: a row is not CSV.
    """
    with path.open(encoding="utf-8-sig", newline="") as manifest:
        text = manifest.read()
    file, first = io.StringIO(text, newline=""), text.partition("\n")[0]
    delimiter = delimiter_of(path, first)
    if path.suffix.lower() != ".tsv" or _is_quoted(text):
        reader = csv.reader(file, delimiter=delimiter, strict=True)
    else:
        reader = csv.reader(file, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    try:
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error as error:
        raise AnnotationError(f"not CSV: {error}", path, reader.line_num) from None


def delimiter_of(path: Path, first: str) -> str:
    """Return what separates the cells of a manifest, given its first row."""
    if path.suffix.lower() == ".tsv":
        return "\t"
    return ";" if "," not in first and ";" in first else ","


def _is_quoted(text: str) -> bool:
    """Return whether the quotation marks of a tab-separated file quote cells, and are no text."""
    try:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter="\t", strict=True)
        return not any("\n" in cell.strip() for cells in rows for cell in cells)
    except csv.Error:
        return False


def _check_header(path: Path, header: List[str]) -> None:
    missing = [name for name in REQUIRED if name not in header]
    if any(edge in header for edge in EDGES):
        missing += [edge for edge in EDGES if edge not in header]
    if missing:
        raise AnnotationError(
            f"missing column {', '.join(missing)}; found {', '.join(header) or 'an empty file'}",
            path,
            1,
        )
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise AnnotationError(f"duplicate column {', '.join(twice)}; use each name once", path, 1)


def _add_lines(collector: Collector, folder: Path, rows: List[Row]) -> None:
    times = Counter(row.get("id") for _, row in rows)
    for _, row in rows:
        image = spelled(row["image"], folder) or folder / row["image"]
        name = row.get("id")
        # Ids such as l1 may be those of lines within a page.
        source = name if name and times[name] == 1 else row["image"]
        if collector.picture(image, source) is not None:
            collector.add_line(
                image,
                row["text"],
                source,
                page=row.get("page") or None,
                writer=row.get("writer") or None,
                split=row.get("split") or None,
            )


def _add_pages(collector: Collector, folder: Path, rows: List[Row], wanted: Optional[str]) -> None:
    """Add the pages of a split, or all; the rows of other splits tell what a page lacks."""
    pages: Dict[str, Dict[str, List[Row]]] = {}
    for row in rows:
        splits = pages.setdefault(row[1]["image"], {})
        splits.setdefault(row[1].get("split", ""), []).append(row)
    for picture, splits in pages.items():
        image = spelled(picture, folder) or folder / picture
        # A page whose lines are of several splits is several pages.
        for number, (split, lines) in enumerate(splits.items()):
            if wanted in (None, split):
                name = f"{picture}@{split}" if number else picture
                others = [row for other in splits if other != split for row in splits[other]]
                _add_page(collector, image, name, lines, others)


def _add_page(
    collector: Collector, image: Path, name: str, rows: List[Row], others: List[Row]
) -> None:
    size = collector.picture(image, name)
    if size is None:
        return
    labeled = []
    for number, cells in rows:
        source = f"{name}#{cells.get('id') or number}"
        corners = collector.points(source, partial(_corners, cells))
        box = [edge for corner in corners for edge in corner] or None
        place = collector.text_line(size, source, box=box)
        labeled.append(collector.line(cells["text"], source, place, id=cells.get("id", "")))
    first = rows[0][1]
    collector.add_page(
        image,
        size,
        name,
        labeled,
        writer=first.get("writer") or None,
        split=first.get("split") or None,
        unlabeled=_boxes(others, size),
        incomplete=bool(others),
    )


def _boxes(rows: List[Row], size: Size) -> List[Box]:
    """Return the boxes of the rows that have one on the page."""
    boxes = []
    for _, cells in rows:
        with contextlib.suppress(ValueError):
            boxes.append(Box(*bounds(_corners(cells))).clipped(size))
    return boxes


def _corners(row: Dict[str, str]) -> List[Point]:
    """Return two corners of a row's box, or none if its cells are empty.

    Raises:
        ValueError: they are not four numbers.
    """
    cells = [row[edge].strip() for edge in EDGES]
    if not any(cells):
        return []
    try:
        left, top, right, bottom = map(parse_number, cells)
    except ValueError:
        raise ValueError(
            f"{', '.join(EDGES)} must be numbers or all empty, found {'; '.join(cells)}"
        ) from None
    return [(left, top), (right, bottom)]
