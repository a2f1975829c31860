"""Results as a table in the columns of Tesseract's TSV: levels 1 to 5, page to word."""

from __future__ import annotations

from typing import BinaryIO, Iterator, Sequence

from htrlib.document.geometry import Box, Size
from htrlib.document.results import PageResult
from htrlib.formats.placed_words import placed_words, whole_pixels
from htrlib.formats.saving import Result, WriteOptions

COLUMNS = (
    *("level", "page_num", "block_num", "par_num", "line_num", "word_num"),
    *("left", "top", "width", "height", "conf", "text"),
)


def write(result: Result, file: BinaryIO, options: WriteOptions) -> None:
    """Write all pages; `conf` is in percent, -1 in rows that are no word."""
    file.write(("\t".join(COLUMNS) + "\n").encode("ascii"))
    for index, page in enumerate(result.pages, start=1):
        text = "".join(f"{row}\n" for row in _page(page, page.number or index))
        file.write(text.encode("utf-8", "backslashreplace"))


def _page(page: PageResult, number: int) -> Iterator[str]:
    size = page.size
    yield _row((1, number, 0, 0, 0, 0), Box(0, 0, size.width, size.height), size)
    if not page.lines:
        return
    around = page.lines[0].line.box
    for line in page.lines:
        around = around.union(line.line.box)
    yield _row((2, number, 1, 0, 0, 0), around, size)
    yield _row((3, number, 1, 1, 0, 0), around, size)
    for line_number, line in enumerate(page.lines, start=1):
        yield _row((4, number, 1, 1, line_number, 0), line.line.box, size)
        for word_number, word in enumerate(placed_words(line, size), start=1):
            place = (5, number, 1, 1, line_number, word_number)
            yield _row(place, word.box, size, f"{100 * word.confidence:.2f}", word.text)


def _row(place: Sequence[int], box: Box, size: Size, confidence: str = "-1", text: str = "") -> str:
    whole = whole_pixels(box, size)
    edges = [f"{value:.0f}" for value in (whole.left, whole.top, whole.width, whole.height)]
    return "\t".join([*map(str, place), *edges, confidence, text])
