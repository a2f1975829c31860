"""Draw samples of a data set with their boxes, baselines and texts."""

from __future__ import annotations

import math
import textwrap
from typing import List, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from htrlib.data.samples import LabeledLine, LineSample, PageSample
from htrlib.document.geometry import Size
from htrlib.document.results import LineResult, PageResult, TextLine, Transcription, Word
from htrlib.formats.overlay import draw_overlay, label_font

_MARGIN = 0.3  # margin of a line's picture, in line heights
_WIDTH, _HEIGHT = 1400, 110  # maximum size in pixels of a line's picture
_LONG_SIDE = 2000  # maximum size of a page in pixels
_TEXT, _NOTE, _GAP = 26, 15, 14  # pixels
_PAPER, _INK, _FAINT, _RULE = (255, 255, 255), (28, 32, 40), (110, 118, 130), (214, 218, 224)


def draw_page(sample: PageSample) -> Image.Image:
    """Draw a page with its boxes, outlines and baselines, and its text next to it.

    Texts without a position are below the page.

    Returns:
        An RGB picture; the page in it is at most 2,000 pixels high and wide.
    Raises:
        ImageError: the picture cannot be read.
    """
    placed = tuple(_line_result(line, line.line) for line in sample.lines if line.line is not None)
    loose = [line.text for line in sample.lines if line.line is None]
    page = sample.load_image()
    if placed:
        result = PageResult(sample.size, sample.paragraph, placed, source=sample.source)
        picture = draw_overlay(page, result, details=True)
    else:
        picture = Image.fromarray(page).convert("RGB")
        picture.thumbnail((_LONG_SIDE, _LONG_SIDE), Image.Resampling.LANCZOS)
    if placed and not loose:
        return picture
    count = f"{len(loose)} without a place" if loose else "none"
    return _with_texts(picture, f"{sample.source}  ·  lines: {count}", loose)


def draw_lines(samples: Sequence[LineSample]) -> Image.Image:
    """Draw a sheet of lines, each with its name above and its text below.

    Returns:
        An RGB picture.
    Raises:
        ImageError: a picture cannot be read.
    """
    return stacked([draw_line(sample) for sample in samples])


def draw_line(sample: LineSample) -> Image.Image:
    """Draw a line with its name above and its text below: a row of `draw_lines`.

    Returns:
        An RGB picture.
    Raises:
        ImageError: the picture cannot be read.
    """
    text, note = label_font(_TEXT), label_font(_NOTE)
    line = Image.fromarray(line_picture(sample.load_image(), sample)).convert("RGB")
    line.thumbnail((_WIDTH, _HEIGHT), Image.Resampling.LANCZOS)
    width = max(line.width, text.getlength(sample.text), note.getlength(sample.source))
    row = Image.new(
        "RGB",
        (math.ceil(width) + 2 * _GAP, line.height + 2 * _TEXT + _NOTE + 3 * _GAP),
        _PAPER,
    )
    draw = ImageDraw.Draw(row)
    draw.text((_GAP, _GAP), sample.source, fill=_FAINT, font=note)
    row.paste(line, (_GAP, 2 * _GAP + _NOTE))
    draw.text((_GAP, line.height + 2.5 * _GAP + _NOTE), sample.text, fill=_INK, font=text)
    return row


def line_picture(image: NDArray[np.uint8], sample: LineSample) -> NDArray[np.uint8]:
    """Cut out a line with a small margin.

    Args:
        image: (H, W) uint8, the picture of the sample.
        sample: sample with the position of the line.
    Returns:
        (H', W') uint8.
    """
    if sample.line is None:
        return image
    box = sample.line.box
    margin = _MARGIN * box.height
    part = box.expanded(margin, margin).clipped(Size(image.shape[1], image.shape[0]))
    rows = slice(int(part.top), math.ceil(part.bottom))
    return np.ascontiguousarray(image[rows, int(part.left) : math.ceil(part.right)])


def _line_result(line: LabeledLine, place: TextLine) -> LineResult:
    words = tuple(Word(word.text, place.confidence, 0, 0, word.box) for word in line.words)
    return LineResult(place, Transcription(line.text, 0.0, place.confidence, words))


def _with_texts(picture: Image.Image, heading: str, texts: Sequence[str]) -> Image.Image:
    """Add texts below a picture."""
    font, note = label_font(_TEXT), label_font(_NOTE)
    columns = max(20, int((picture.width - 2 * _GAP) / font.getlength("n")))
    rows: List[str] = []
    for text in texts:
        rows += textwrap.wrap(text, columns) or [""]
    step = round(1.35 * _TEXT)
    sheet = Image.new("RGB", (picture.width, 4 * _GAP + _NOTE + step * len(rows)), _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((_GAP, _GAP), heading, fill=_FAINT, font=note)
    for number, row in enumerate(rows):
        draw.text((_GAP, 2 * _GAP + _NOTE + step * number), row, fill=_INK, font=font)
    return stacked([picture, sheet])


def stacked(rows: Sequence[Image.Image]) -> Image.Image:
    """Stack pictures vertically, separated by rules."""
    width, height = max(row.width for row in rows), sum(row.height for row in rows)
    sheet = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    top = 0
    for row in rows:
        sheet.paste(row, (0, top))
        if top:
            draw.line((0, top, width, top), fill=_RULE)
        top += row.height
    return sheet
