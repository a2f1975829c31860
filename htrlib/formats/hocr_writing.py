"""Write results and labeled pages as hOCR 1.2: HTML with the positions of its text."""

from __future__ import annotations

import html
from pathlib import Path, PurePath
from typing import BinaryIO, Iterable, Iterator, List, Set, Tuple, Union

from htrlib._version import __version__
from htrlib.data.problems import Problem
from htrlib.data.samples import Dataset, LabeledLine, LabeledWord
from htrlib.document.geometry import Box, Size
from htrlib.document.results import TextLine
from htrlib.formats.hocr_boxes import trimmed_boxes, within
from htrlib.formats.page_xml_elements import format_points
from htrlib.formats.placed_words import whole_pixels, xml_name, xml_names, xml_text
from htrlib.formats.saving import Result, WriteOptions
from htrlib.formats.sheets import Sheet, loose_words, tokens, write_pages

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" \
"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml">
<head>
<title>{title}</title>
<meta http-equiv="Content-Type" content="text/html; charset=utf-8"/>
<meta name="ocr-system" content="htrlib {version}"/>
<meta name="ocr-capabilities" content="ocr_page ocr_carea ocr_line ocrx_word"/>
<meta name="ocr-number-of-pages" content="{pages}"/>
</head>
<body>
"""


def write(result: Result, file: BinaryIO, options: WriteOptions) -> None:
    """Write all pages; confidences become whole percentages."""
    sheets = (Sheet.of_result(page, number) for number, page in enumerate(result.pages, start=1))
    _write_sheets(sheets, len(result.pages), PurePath(result.source or "page").name, file)


def write_hocr(dataset: Dataset, folder: Union[str, Path]) -> Tuple[Problem, ...]:
    """Write an hOCR file and a copy of the picture for each page.

    Coordinates become whole pixels, and baselines straight lines. Tags and the names of writers and
    splits are not kept.

    Args:
        dataset: dataset whose pages are written.
        folder: folder to write to; created if missing.
    Returns:
        Problems: what hOCR cannot represent, which is left out: single line pictures, lines without
        a position, and words that are not in the text.
    """
    problems = write_pages(
        dataset, folder, ".hocr", lambda sheet, file: _write_sheets([sheet], 1, sheet.picture, file)
    )
    return problems + loose_words(dataset)


def _write_sheets(sheets: Iterable[Sheet], count: int, title: str, file: BinaryIO) -> None:
    """Write pages into one file, one after the other."""
    head = _HEAD.format(title=_escaped(title), version=__version__, pages=count)
    file.write(head.encode("utf-8"))
    for index, sheet in enumerate(sheets):
        file.write("".join(f"{row}\n" for row in _page(sheet, index)).encode("utf-8"))
    file.write(b"</body>\n</html>\n")


def _page(sheet: Sheet, index: int) -> List[str]:
    size = sheet.page.size
    name = f"page_{index + 1}"
    image = _escaped(sheet.picture.replace('"', "_"))
    whole = _edges("bbox", Box(0, 0, size.width, size.height))
    title = f"image &quot;{image}&quot;; {whole}; ppageno {sheet.number - 1}"
    rows = [f"<div class='ocr_page' id='{name}' title='{title}'>"]
    if sheet.lines:
        area = _edges("bbox", sheet.area)
        rows.append(f"<div class='ocr_carea' id='{name}.block' title='{area}'>")
        names = [line.id for line in sheet.lines]
        if index:  # ids must be unique in the file, but pages may repeat the ids of lines
            names = [f"{name}.{line_name}" for line_name in xml_names(names)]
        taken = {name, f"{name}.block"}
        chosen = xml_names(names, taken)
        taken.update(chosen)
        boxes = trimmed_boxes(sheet.lines, size)
        for line, line_name, box in zip(sheet.lines, chosen, boxes):
            rows += _line(line, line_name, box, size, taken)
        rows.append("</div>")
    return [*rows, "</div>"]


def _line(line: LabeledLine, name: str, box: Box, size: Size, taken: Set[str]) -> Iterator[str]:
    if line.line is None:
        return
    words = " ".join(
        _escaped(text)
        if word is None
        else _word(word, xml_name(f"{name}.w{index}", taken), box, size)
        for index, (text, word) in enumerate(tokens(line), start=1)
    )
    title = "; ".join(_properties(line.line, box, size))
    yield f"<span class='ocr_line' id='{name}' title='{title}'>{words}</span>"


def _word(word: LabeledWord, name: str, line: Box, size: Size) -> str:
    whole = whole_pixels(word.box, size)
    title = _boxes(within(whole, line), whole)
    if word.confidence is not None:
        title += f"; x_wconf {round(100 * min(1.0, max(0.0, word.confidence)))}"
    return f"<span class='ocrx_word' id='{name}' title='{title}'>{_escaped(word.text)}</span>"


def _properties(place: TextLine, box: Box, size: Size) -> Iterator[str]:
    yield _boxes(box, whole_pixels(place.box, size))
    if place.quarter_turns:
        yield f"textangle {360 - 90 * place.quarter_turns}"
    elif place.baseline is not None and place.baseline[0][0] != place.baseline[-1][0]:
        (x0, y0), (x1, y1) = place.baseline[0], place.baseline[-1]
        if place.is_upside_down:
            yield "textangle 180"
        slope = (y1 - y0) / (x1 - x0)
        yield f"baseline {slope:.4f} {y0 + slope * (box.left - x0) - box.bottom:.1f}"
    if place.polygon is not None:
        yield "poly " + format_points(place.polygon.points, size).replace(",", " ")
    if place.kind is not None:
        yield f"x_kind {place.kind}"


def _boxes(box: Box, whole: Box) -> str:
    """Format a box, and the whole one that it was cut from."""
    return _edges("bbox", box) + ("" if box == whole else f"; {_edges('x_full', whole)}")


def _edges(name: str, box: Box) -> str:
    return f"{name} " + " ".join(f"{edge:.0f}" for edge in box.as_tuple())


def _escaped(text: str) -> str:
    return html.escape(xml_text(text), quote=True)
