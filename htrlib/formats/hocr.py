"""Results as hOCR 1.2: HTML whose elements say where on the page their text stands."""

from __future__ import annotations

import html
from pathlib import PurePath
from typing import BinaryIO, List

from htrlib._version import __version__
from htrlib.document.geometry import Box, Size
from htrlib.document.results import LineResult, PageResult
from htrlib.formats.placed_words import placed_words, whole_pixels, xml_names, xml_text
from htrlib.formats.saving import Result, WriteOptions

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
    """Write all pages; confidences become whole percents."""
    source = result.source or "page"
    head = _HEAD.format(
        title=_escaped(PurePath(source).name), version=__version__, pages=len(result.pages)
    )
    rows = [row for index, page in enumerate(result.pages) for row in _page(page, index)]
    file.write((head + "\n".join(rows) + "\n</body>\n</html>\n").encode("utf-8"))


def _page(page: PageResult, index: int) -> List[str]:
    size = page.size
    name = f"page_{index + 1}"
    image = _escaped(PurePath(page.source or "page").name.replace('"', "_"))
    title = f"image &quot;{image}&quot;; {_box(Box(0, 0, *_sides(size)), size)}; ppageno {index}"
    rows = [f"<div class='ocr_page' id='{name}' title='{title}'>"]
    if page.lines:
        around = page.lines[0].line.box
        for line in page.lines:
            around = around.union(line.line.box)
        rows.append(f"<div class='ocr_carea' id='{name}.block' title='{_box(around, size)}'>")
        names = xml_names(tuple(line.id for line in page.lines))
        for line, line_name in zip(page.lines, names):
            rows.append(_line(line, f"{name}.{line_name}", size))
        rows.append("</div>")
    return [*rows, "</div>"]


def _line(line: LineResult, name: str, size: Size) -> str:
    box = whole_pixels(line.line.box, size)
    title = _box(box, size)
    baseline = line.line.baseline
    if baseline is not None and baseline[0][0] != baseline[-1][0]:
        (x0, y0), (x1, y1) = baseline[0], baseline[-1]
        slope = (y1 - y0) / (x1 - x0)
        title += f"; baseline {slope:.4f} {y0 + slope * (box.left - x0) - box.bottom:.1f}"
    words = " ".join(
        f"<span class='ocrx_word' id='{name}.w{index}' title='{_box(word.box, size)}; x_wconf "
        f"{round(100 * min(1.0, max(0.0, word.confidence)))}'>{_escaped(word.text)}</span>"
        for index, word in enumerate(placed_words(line, size), start=1)
    )
    return f"<span class='ocr_line' id='{name}' title='{title}'>{words}</span>"


def _sides(size: Size) -> List[float]:
    return [float(size.width), float(size.height)]


def _box(box: Box, size: Size) -> str:
    return "bbox " + " ".join(f"{edge:.0f}" for edge in whole_pixels(box, size).as_tuple())


def _escaped(text: str) -> str:
    return html.escape(xml_text(text), quote=True)
