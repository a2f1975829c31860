"""Take the lines that a program read with confidence as labels, where there are no others."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Optional, Sequence

from htrlib.data.collector import Collector
from htrlib.data.corrected_pages import CorrectedLine
from htrlib.data.samples import Dataset
from htrlib.errors import AnnotationError, DatasetError
from htrlib.formats.page_editing import read_page_file
from htrlib.images.numbered_pages import load_page


@dataclass(frozen=True)
class ReadPage:
    """A page and the file with what was read on it.

    Attributes:
        name: name of the page in messages; unique among the pages.
        picture: path of the picture, TIFF or PDF.
        number: number of the page in it, from 1; None if it is a picture of one page.
        xml: path of the PAGE XML file.
    """

    name: str
    picture: Path
    number: Optional[int]
    xml: Path


def load_sure_lines(pages: Sequence[ReadPage], minimum: float) -> Dataset:
    """Return the lines that were read with confidence, and those that a person wrote.

    Args:
        minimum: mean confidence of a line's words, 0 to 1, from which on it is taken.
    Raises:
        DatasetError: there is no such line.
    """
    collector = Collector()
    total = kept = 0
    for page in pages:
        size = collector.picture(page.picture, page.name, number=page.number or 1)
        if size is None:
            continue
        try:
            read = read_page_file(page.xml.read_bytes(), page.xml, size).page
        except (AnnotationError, ValueError) as error:
            collector.note("not PAGE XML of this picture", page.name, str(error), skipped="page")
            continue
        sure = [line for line in read.lines if line.place and sureness(line) >= minimum]
        total, kept = total + len(read.lines), kept + len(sure)
        others = [line.place for line in read.lines if line not in sure]
        picture = page.picture
        if sure:
            collector.add_page(
                picture if page.number is None else partial(load_page, picture, page.number),
                size,
                page.name,
                [line.labeled() for line in sure],
                unlabeled=[place.box for place in others if place is not None],
                incomplete=bool(others),
            )
    if not kept:
        raise DatasetError(
            f"none of the {total} lines that were read has a confidence of {minimum:g}: lower it, "
            "or correct some pages with `htr review` and train on those"
        )
    return collector.dataset(pages[0].xml.parent)


def sureness(line: CorrectedLine) -> float:
    """Return the mean confidence of a line's words, or else the line's; 1 if a person wrote it.

    A line without a text has 0.
    """
    if not line.text:
        return 0.0
    if line.confirmed or line.confidence is None:
        return 1.0
    if not line.words:
        return line.confidence
    return sum(word.confidence for word in line.words) / len(line.words)
