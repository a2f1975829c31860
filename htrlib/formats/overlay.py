"""Draw the overlay: the page with its paragraph and lines, and their text next to it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Iterator, List, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from htrlib.document.geometry import Box, Point, union_of
from htrlib.document.kinds import HANDWRITTEN
from htrlib.document.results import LineResult, PageResult
from htrlib.formats.saving import WriteOptions
from htrlib.images.loading import check_page, iter_pages, resize
from htrlib.images.page_selection import PageSelection

Color = Tuple[int, int, int]

_FONT = Path(__file__).parent / "fonts" / "DejaVuSans-Latin.ttf"

_HIGHEST, _WIDEST = 2000, 3200
"""Pixels of the page in the picture, at most: facing pages need the width to be legible."""

_SMOOTHING = 3
"""Outlines are drawn this many times as large, then shrunk: Pillow draws without antialiasing."""

_UNSURE = 0.5
"""Words of lower confidence stand out."""

_PAPER, _INK, _FAINT, _WARNING = (255, 255, 255), (28, 32, 40), (110, 118, 130), (196, 84, 0)
_RULE = (214, 218, 224)
_LINE_COLORS = ((0, 104, 172), (0, 134, 96), (132, 62, 160), (176, 44, 84))
_TINT = 0.13


@dataclass(frozen=True)
class _Style:
    """Lengths in picture pixels."""

    scale: float
    stroke: float
    text: int
    margin: int

    @classmethod
    def of(cls, result: PageResult, scale: float, long_side: int) -> _Style:
        """Choose text about half as high as the page's lines, within limits set by the picture."""
        heights = [line.line.box.height * scale for line in result.lines] or [0.0]
        text = int(np.clip(0.5 * np.median(heights), 0.010 * long_side, 0.022 * long_side))
        text = max(12, text)
        return cls(scale, max(1.5, long_side / 900), text, round(1.2 * text))


def draw_overlay(
    page: NDArray[np.uint8], result: PageResult, *, details: bool = False
) -> Image.Image:
    """Draw a result over its page, and its text in a panel on the right, aligned with the lines.

    Args:
        page: (H, W) uint8, the page that was read.
        result: its result.
        details: also draw the boxes of words, and baselines.
    Returns:
        An RGB picture; the page in it is at most 2,000 pixels high and 3,200 wide. If lines begin
        at the page's left edge, a margin is added for their numbers.
    Raises:
        ImageError: the array is not a page.
    """
    height, width = check_page(page).shape
    scale = min(1.0, _HIGHEST / height, _WIDEST / width)
    sheet = Image.fromarray(
        resize(page, max(1, round(width * scale)), max(1, round(height * scale)))
    ).convert("RGB")
    style = _Style.of(result, scale, max(sheet.size))
    _draw_outlines(sheet, result, style)
    if details:
        _draw_details(sheet, result, style)
    panel = _panel(sheet.height, result, style)
    gutter = _gutter(result, style)
    width = gutter + sheet.width
    picture = Image.new("RGB", (width + panel.width, max(sheet.height, panel.height)), _PAPER)
    picture.paste(sheet, (gutter, 0))
    picture.paste(panel, (width, 0))
    _draw_numbers(picture, gutter, result, style)
    return picture


def write(result: PageResult, file: BinaryIO, options: WriteOptions) -> None:
    """Draw a result over its page, loaded again from the source, and write it as PNG."""
    number = PageSelection(((result.number or 1, result.number or 1),))
    page = next(iter_pages(options.source, pages=number, dpi=options.dpi))
    if page.shape != (result.size.height, result.size.width):  # of a PDF, read at another dpi
        page = resize(page, result.size.width, result.size.height)
    draw_overlay(page, result).save(file, "PNG")


def _draw_outlines(sheet: Image.Image, result: PageResult, style: _Style) -> None:
    if result.paragraph is not None:
        # Around the lines, whose loops extend beyond the detected box.
        written = [line.line.box for line in result.lines if line.kind in (None, HANDWRITTEN)]
        around = union_of([result.paragraph, *written])
        _outline(sheet, _corners(around), _FAINT, style, tint=0.0)
    for number, line in enumerate(result.lines):
        polygon = line.line.polygon
        points = _corners(line.line.box) if polygon is None else polygon.points
        _outline(sheet, points, _color(number), style, tint=_TINT)


def _gutter(result: PageResult, style: _Style) -> int:
    """Return the width of the left margin that the lines' numbers need, to cover no letters."""
    wanted = _chip_width(style) + 2 * style.stroke
    lefts = [line.line.box.left * style.scale for line in result.lines]
    lacking = wanted - min(lefts, default=wanted)
    return math.ceil(lacking) if lacking > 2 * style.stroke else 0


def _draw_numbers(picture: Image.Image, gutter: int, result: PageResult, style: _Style) -> None:
    draw = ImageDraw.Draw(picture)
    for number, line in enumerate(result.lines):
        box = line.line.box.scaled(style.scale, style.scale)
        left = max(0.0, gutter + box.left - _chip_width(style) - 2 * style.stroke)
        _draw_chip(draw, left, box.center[1], number, style)


def _draw_details(sheet: Image.Image, result: PageResult, style: _Style) -> None:
    draw = ImageDraw.Draw(sheet)
    stroke = max(1, round(0.6 * style.stroke))
    for number, line in enumerate(result.lines):
        for word in line.transcription.words:
            if word.box is not None:
                box = word.box.scaled(style.scale, style.scale)
                draw.rectangle(box.as_tuple(), outline=_color(number), width=stroke)
        if line.line.baseline is not None:
            points = [(x * style.scale, y * style.scale) for x, y in line.line.baseline]
            draw.line(points, fill=_WARNING, width=stroke + 1, joint="curve")


def _outline(
    sheet: Image.Image, points: Sequence[Point], color: Color, style: _Style, tint: float
) -> None:
    """Draw a closed outline with round corners and a tinted inside."""
    scaled = [(x * style.scale, y * style.scale) for x, y in points]
    around = Box.around(scaled).expanded(2 * style.stroke, 2 * style.stroke)
    left, top = int(np.floor(around.left)), int(np.floor(around.top))
    width, height = int(np.ceil(around.right)) - left, int(np.ceil(around.bottom)) - top
    mask = Image.new("L", (width * _SMOOTHING, height * _SMOOTHING), 0)
    large = [((x - left) * _SMOOTHING, (y - top) * _SMOOTHING) for x, y in scaled]
    draw = ImageDraw.Draw(mask)
    draw.polygon(large, fill=round(255 * tint))
    stroke = round(style.stroke * _SMOOTHING)
    draw.line([*large, large[0], large[1]], fill=255, width=stroke, joint="curve")
    mask = mask.reduce(_SMOOTHING)
    sheet.paste(color, (left, top), mask)


def _panel(height: int, result: PageResult, style: _Style) -> Image.Image:
    """Draw the text next to the page, pushed down where lines are closer than its height."""
    font, small = label_font(style.text), label_font(round(0.75 * style.text))
    notes = _notes(result)
    start = round(2.6 * style.margin + _chip_width(style))
    width = max(
        [start + font.getlength(line.text) for line in result.lines]
        + [style.margin + small.getlength(note) for note, _ in notes]
    )
    rows = _rows(result.lines, style, first=style.margin + 1.6 * style.text * len(notes))
    bottom = max([float(height), *(row + 2 * style.text for row in rows)])
    panel = Image.new("RGB", (round(width + 2 * style.margin), round(bottom)), _PAPER)
    draw = ImageDraw.Draw(panel)
    draw.line((0, 0, 0, panel.height), fill=_RULE)
    for index, (note, color) in enumerate(notes):
        at = (2 * style.margin, style.margin + 1.3 * style.text * index)
        draw.text(at, note, fill=color, font=small)
    for number, (line, row) in enumerate(zip(result.lines, rows)):
        _draw_chip(draw, 2 * style.margin, row, number, style)
        for offset, word, unsure in _words(line):
            x = start + font.getlength(line.text[:offset])
            color = _WARNING if unsure else _INK
            draw.text((x, row), word, fill=color, font=font, anchor="lm")
    return panel


def _notes(result: PageResult) -> List[Tuple[str, Color]]:
    """Return the heading of the panel."""
    name = "" if result.source is None else Path(result.source).name
    count = len(result.lines)
    found = f"{count} line{'s' * (count != 1)}" if result.lines else "no handwriting found"
    notes = [("  ·  ".join(part for part in (name, result.bundle, found) if part), _FAINT)]
    if result.lines:
        notes.append(("numbers: reading order  ·  gray box: the handwriting", _FAINT))
    if any(unsure for line in result.lines for _, _, unsure in _words(line)):
        notes.append((f"orange: words of confidence below {_UNSURE}", _WARNING))
    notes += [(warning, _WARNING) for warning in result.warnings if warning not in found]
    return notes


def _rows(lines: Sequence[LineResult], style: _Style, first: float) -> List[float]:
    """Return the vertical center of each line's text."""
    rows: List[float] = []
    for line in lines:
        lowest = rows[-1] + 1.35 * style.text if rows else first
        rows.append(max(lowest, line.line.box.center[1] * style.scale))
    return rows


def _words(line: LineResult) -> Iterator[Tuple[int, str, bool]]:
    """Yield the position of each word in the text, the word, and whether it is uncertain."""
    end = 0
    for word in line.transcription.words:
        start = line.text.find(word.text, end)
        if start < 0:
            break
        end = start + len(word.text)
        yield start, word.text, word.confidence < _UNSURE
    if line.text[end:].strip():  # custom decoders need not return words
        yield end, line.text[end:], False


def _draw_chip(
    draw: ImageDraw.ImageDraw, left: float, middle: float, number: int, style: _Style
) -> None:
    """Draw the number of a line on its color."""
    width, height = _chip_width(style), 1.1 * style.text
    box = (left, middle - height / 2, left + width, middle + height / 2)
    draw.rounded_rectangle(box, radius=0.25 * height, fill=_color(number))
    font = label_font(round(0.75 * style.text))
    draw.text((left + width / 2, middle), str(number + 1), fill=_PAPER, font=font, anchor="mm")


def _chip_width(style: _Style) -> float:
    return 1.5 * style.text


def _color(number: int) -> Color:
    return _LINE_COLORS[number % len(_LINE_COLORS)]


def _corners(box: Box) -> Tuple[Point, ...]:
    return (
        (box.left, box.top),
        (box.right, box.top),
        (box.right, box.bottom),
        (box.left, box.bottom),
    )


def label_font(size: int) -> ImageFont.FreeTypeFont:
    """Return the font for text on pictures, sized in pixels."""
    return ImageFont.truetype(str(_FONT), size, layout_engine=ImageFont.Layout.BASIC)
