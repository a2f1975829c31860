"""Read CSV manifests: one row per line of text, with column names in the first row."""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Tuple, Union

from htrlib.data.annotation_text import unread
from htrlib.data.collector import Collector
from htrlib.data.pictures import spelled
from htrlib.data.samples import Dataset
from htrlib.data.xml import parse_number
from htrlib.document.geometry import Point
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
    Cells are separated by commas, or by tabs in a ``.tsv`` file.

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
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise unread(path, error) from None
    if split is not None:
        rows = [row for row in rows if row[1].get("split") == split]
    if rows and EDGES[0] in rows[0][1]:
        _add_pages(collector, folder, rows)
    else:
        _add_lines(collector, folder, rows)
    return collector.dataset(path)


def _rows(path: Path, collector: Collector) -> Iterator[Row]:
    """Yield the rows; report those of another length than the header."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        header = [name.strip() for name in next(reader, [])]
        _check_header(path, header)
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(header):
                detail = (
                    f"line {reader.line_num}: found {len(cells)} cells, expected {len(header)} as "
                    "in the first row; quote texts that contain a separator"
                )
                collector.note("row that cannot be read", path.name, detail, skipped="line")
                continue
            yield reader.line_num, dict(zip(header, cells))


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
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise AnnotationError(f"duplicate column {', '.join(twice)}; use each name once", path, 1)


def _add_lines(collector: Collector, folder: Path, rows: List[Row]) -> None:
    for _, row in rows:
        image = spelled(row["image"], folder) or folder / row["image"]
        source = row.get("id") or row["image"]
        if collector.picture(image, source) is not None:
            collector.add_line(
                image,
                row["text"],
                source,
                page=row.get("page") or None,
                writer=row.get("writer") or None,
                split=row.get("split") or None,
            )


def _add_pages(collector: Collector, folder: Path, rows: List[Row]) -> None:
    pages: Dict[str, List[Row]] = {}
    for row in rows:
        pages.setdefault(row[1]["image"], []).append(row)
    for name, lines in pages.items():
        image = spelled(name, folder) or folder / name
        size = collector.picture(image, name)
        if size is None:
            continue
        labeled = []
        for number, cells in lines:
            source = f"{name}#{cells.get('id') or number}"
            corners = collector.points(source, partial(_corners, cells))
            box = [edge for corner in corners for edge in corner] or None
            place = collector.text_line(size, source, box=box)
            labeled.append(collector.line(cells["text"], source, place, id=cells.get("id", "")))
        first = lines[0][1]
        collector.add_page(
            image,
            size,
            name,
            labeled,
            writer=first.get("writer") or None,
            split=first.get("split") or None,
        )


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
