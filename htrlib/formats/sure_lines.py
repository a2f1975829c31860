"""Take the lines that a program read with confidence as labels, where there are no others."""

from __future__ import annotations

from typing import Mapping

from htrlib.data.collector import Collector
from htrlib.data.corrected_pages import CorrectedLine
from htrlib.data.page_places import PagePlace
from htrlib.data.samples import Dataset
from htrlib.errors import DatasetError
from htrlib.formats.confirmed_lines import add_lines, read_page


def load_sure_lines(pages: Mapping[str, PagePlace], minimum: float) -> Dataset:
    """Return the lines that were read with confidence, and those that a person wrote.

    Args:
        pages: name of each page in messages -> the page, and the file with what was read on it.
        minimum: mean confidence of a line's words, 0 to 1, from which on it is taken.
    Raises:
        DatasetError: there is no such line.
    """
    collector = Collector()
    total = kept = 0
    for name, place in pages.items():
        page = read_page(collector, place, name)
        if page is not None:
            total += len(page.lines)
            kept += add_lines(
                collector,
                place,
                name,
                page,
                lambda line: line.place is not None and sureness(line) >= minimum,
            )
    if not kept:
        raise DatasetError(
            f"none of the {total} lines that were read has a confidence of {minimum:g}: lower it, "
            "or correct some pages with `htr review` and train on those"
        )
    return collector.dataset(next(iter(pages.values())).xml.parent)


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
