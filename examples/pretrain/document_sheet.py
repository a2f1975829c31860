"""An upright page filled with print, typescript and handwriting, with a record of its lines."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import List, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from htrlib.document.geometry import Box, Polygon
from htrlib.document.results import TextLine
from htrlib.synthesis.handwriting import HandwritingFont
from htrlib.synthesis.placement import Turn
from htrlib.synthesis.writing import Hand, write

KINDS = ("handwritten", "typewritten", "printed")
Floats = NDArray[np.float64]
_TALL, _SMALL, _DEEP = "bdhklT", "xzvna", "gpqy"


@dataclass(frozen=True)
class DocumentLine:
    """A line of text and its kind.

    Attributes:
        kind: one of `KINDS`, or "stamp", which is ignored in training and evaluation.
    """

    kind: str
    line: TextLine
    text: str = ""


@dataclass(frozen=True)
class Face:
    """A font file of print or typescript."""

    path: Optional[str]
    kind: str

    def sized(self, size: int) -> ImageFont.FreeTypeFont:
        return _sized(self.path, size)

    def metrics(self, size: int) -> Tuple[float, float]:
        """Ascent and descent of tall and deep letters in pixels."""
        return _metrics(self.path, size)


@lru_cache(maxsize=400)
def _sized(path: Optional[str], size: int) -> ImageFont.FreeTypeFont:
    if path is None:
        return ImageFont.load_default(size)  # type: ignore[return-value]
    return ImageFont.truetype(path, size)


@lru_cache(maxsize=2000)
def _metrics(path: Optional[str], size: int) -> Tuple[float, float]:
    font = _sized(path, size)
    return -font.getbbox(_TALL, anchor="ls")[1], max(1.0, font.getbbox(_DEEP, anchor="ls")[3])


@dataclass(frozen=True)
class Stock:
    """What documents are made of."""

    words: Sequence[str]
    hands: Sequence[HandwritingFont]
    print_faces: Sequence[Face]
    type_faces: Sequence[Face]


class Sheet:
    """An upright page that is being filled."""

    def __init__(self, width: int, height: int, stock: Stock, rng: np.random.Generator) -> None:
        self.width, self.height, self.rng, self.stock = width, height, rng, stock
        self.print_layer = Image.new("L", (width, height))
        self.draw = ImageDraw.Draw(self.print_layer)
        self.ink = np.zeros((height, width), np.uint8)
        self.rules = Image.new("L", (width, height))
        self.draw_rules = ImageDraw.Draw(self.rules)
        self.lines: List[DocumentLine] = []
        self.face = self.pick(stock.print_faces)
        self.dark = int(255 * rng.uniform(0.65, 1.0))
        self.shake = rng.uniform(0.0, 0.05)  # of typewriters, of the size
        self.uneven = rng.uniform(0.0, 0.45)  # of their ribbon

    def pick(self, faces: Sequence[Face]) -> Face:
        return faces[int(self.rng.integers(len(faces)))]

    def words(self, count: int) -> List[str]:
        words = self.stock.words
        start = int(self.rng.integers(len(words)))
        return [words[(start + i) % len(words)] for i in range(count)]

    def phrase(self, low: int, high: int) -> str:
        return " ".join(self.words(int(self.rng.integers(low, high + 1)))).strip(".,;:")

    def text(
        self,
        text: str,
        face: Face,
        size: int,
        left: float,
        base: float,
        *,
        width: Optional[float] = None,
        anchor: str = "l",
        tracking: float = 0.0,
    ) -> float:
        """Set a line; justified to a width, if one is given. Returns its right end."""
        text = text.strip()
        if not text or base > self.height + size or base < 0:
            return left
        if face.kind == "typewritten":
            return self._type(text, face, size, left, base, anchor)
        font = face.sized(size)
        length = font.getlength(text) + tracking * max(0, len(text) - 1)
        gaps = text.count(" ")
        extra = 0.0
        if width is not None and gaps and 0 <= width - length < 0.6 * gaps * size:
            extra = (width - length) / gaps
            length = width
        if anchor != "l":
            left -= length / 2 if anchor == "m" else length
        x = left
        if extra > 0 or tracking:
            space = font.getlength(" ")
            for word in text.split(" "):
                if tracking:
                    for letter in word:
                        self.draw.text((x, base), letter, fill=self.dark, font=font, anchor="ls")
                        x += font.getlength(letter) + tracking
                else:
                    self.draw.text((x, base), word, fill=self.dark, font=font, anchor="ls")
                    x += font.getlength(word)
                x += space + extra
        else:
            self.draw.text((x, base), text, fill=self.dark, font=font, anchor="ls")
        box = font.getbbox(text, anchor="ls")
        self._note(
            text,
            face,
            size,
            (left + min(0, box[0]), left + max(length, box[2])),
            base,
            box,
        )
        return left + length

    def _type(
        self, text: str, face: Face, size: int, left: float, base: float, anchor: str
    ) -> float:
        font = face.sized(size)
        step = font.getlength("n")
        if anchor != "l":
            left -= step * len(text) * (0.5 if anchor == "m" else 1.0)
        rng = self.rng
        lifts = rng.normal(0, self.shake * size * 0.5, len(text))
        fills = self.dark * (1 - self.uneven * rng.random(len(text)))
        struck = rng.random(len(text)) < 0.01
        for i, letter in enumerate(text):
            if letter == " ":
                continue
            at = (left + i * step + rng.normal(0, 0.3 * self.shake * size), base + lifts[i])
            self.draw.text(at, letter, fill=int(fills[i]), font=font, anchor="ls")
            if struck[i]:
                self.draw.text(at, "x", fill=self.dark, font=font, anchor="ls")
        box = font.getbbox(text, anchor="ls")
        self._note(text, face, size, (left, left + step * len(text)), base, box)
        return left + step * len(text)

    def _note(
        self,
        text: str,
        face: Face,
        size: int,
        span: Tuple[float, float],
        base: float,
        box: Tuple[float, float, float, float],
        kind: Optional[str] = None,
    ) -> None:
        ascent, descent = face.metrics(size)
        ascent = max(-box[1], 0.6 * ascent) if -box[1] < ascent else ascent
        left, right = span
        count = max(2, int((right - left) / 40) + 1)
        xs = np.linspace(left, right, count)
        baseline = tuple((float(x), float(base)) for x in xs)
        upper = [(float(x), base - ascent) for x in xs]
        lower = [(float(x), base + max(1.0, min(descent, box[3] + 1))) for x in reversed(xs)]
        points = (*upper, *lower)
        line = TextLine(
            Box(left, base + min(box[1], -1), right, base + max(box[3], 1)),
            Polygon(points),
            baseline,
        )
        self.lines.append(DocumentLine(kind or face.kind, line, text))

    def paragraph(
        self,
        face: Face,
        size: int,
        area: Tuple[float, float, float],
        lines: int,
        *,
        leading: float = 1.3,
        justified: bool = True,
        indent: float = 0.0,
        hanging: float = 0.0,
        bottom: float = math.inf,
        last: Optional[float] = None,
    ) -> float:
        """Set running text below `top` between left and right; return the next baseline's row."""
        left, base, right = area
        font = face.sized(size)
        words = self.words(lines * 30 + 5)
        at = 0
        for number in range(lines):
            if base > bottom:
                break
            start = left + (indent if number == 0 else hanging)
            room = right - start
            ends = number == lines - 1
            if ends:
                room *= last if last is not None else self.rng.uniform(0.1, 1.0)
            row, used = [], 0.0
            space = font.getlength(" ")
            while at < len(words):
                more = font.getlength(words[at])
                if row and used + space + more > room:
                    break
                used += more + (space if row else 0)
                row.append(words[at])
                at += 1
                if used > room:
                    break
            if used > (right - start) * 1.02:
                row = [row[0][: max(1, int(len(row[0]) * (right - start) / used))]]
            if self.rng.random() < 0.08 and justified and not ends and len(row) > 1:
                row[-1] = row[-1].rstrip(".,;") + "-"
            self.text(
                " ".join(row),
                face,
                size,
                start,
                base,
                width=None if ends or not justified else right - start,
            )
            base += leading * size
        return base

    def hand_block(
        self,
        area: Box,
        height: float,
        *,
        ruled: bool = False,
        angle: float = 0.0,
        font: Optional[HandwritingFont] = None,
        touching: float = 0.4,
        most: Optional[int] = None,
    ) -> Tuple[float, float]:
        """Fill an area with handwriting; return the first baseline and the pitch."""
        hand = Hand.random(font or self.hand_font(), height, touching, self.rng)
        center = area.center
        lines, first, pitch = write(
            self.stock.words,
            hand,
            area,
            Turn(angle, center),
            (self.width, self.height),
            ruled,
            self.rng,
        )
        for written in lines[:most]:
            self._lay(written.text, written.piece)
        return first, pitch

    def hand_font(self) -> HandwritingFont:
        return self.stock.hands[int(self.rng.integers(len(self.stock.hands)))]

    def hand_line(
        self,
        text_words: int,
        left: float,
        base: float,
        height: float,
        room: float,
        font: Optional[HandwritingFont] = None,
        angle: float = 0.0,
    ) -> None:
        """Write a few words by hand on a baseline."""
        font = font or self.hand_font()
        hand = Hand.random(font, height, 0.0, self.rng)
        up = height * font.ascent / (font.ascent + font.descent)
        area = Box(left, base - up, left + room, base - up + 0.6 * height)
        lines, _, _ = write(
            self.stock.words,
            hand,
            area,
            Turn(angle, (left, base)),
            (self.width, self.height),
            True,
            self.rng,
        )
        for written in lines[:1]:
            self._lay(written.text, written.piece)

    def _lay(self, text: str, piece) -> None:
        piece.draw_on(self.ink)
        line = TextLine(piece.box, piece.outline(), piece.baseline)
        self.lines.append(DocumentLine("handwritten", line, text))

    def rule(
        self,
        x0: float,
        y0: float,
        x1: float,
        y1: float,
        width: float = 1.0,
        dark: float = 1.0,
        dash: float = 0.0,
    ) -> None:
        fill = int(self.dark * dark)
        wide = max(1, round(width))
        if not dash:
            self.draw_rules.line([(x0, y0), (x1, y1)], fill=fill, width=wide)
            return
        length = math.hypot(x1 - x0, y1 - y0)
        for at in np.arange(0, length, dash * 2):
            a, b = at / length, min(1.0, (at + dash * 0.6) / length)
            self.draw_rules.line(
                [
                    (x0 + a * (x1 - x0), y0 + a * (y1 - y0)),
                    (x0 + b * (x1 - x0), y0 + b * (y1 - y0)),
                ],
                fill=fill,
                width=wide,
            )

    def frame(self, box: Box, width: float = 1.0) -> None:
        self.draw_rules.rectangle(
            [box.left, box.top, box.right, box.bottom],
            outline=self.dark,
            width=max(1, round(width)),
        )

    def ring_stamp(self) -> None:
        rng = self.rng
        radius = rng.uniform(0.03, 0.08) * self.width
        x, y = rng.uniform(0, self.width), rng.uniform(0, self.height)
        size = int(2 * radius) + 4
        canvas = Image.new("L", (size, size))
        draw = ImageDraw.Draw(canvas)
        tone = int(rng.uniform(80, 220))
        for ring in (1.0, rng.uniform(0.65, 0.9)):
            e = size / 2 - ring * radius, size / 2 + ring * radius
            draw.ellipse([e[0], e[0], e[1], e[1]], outline=tone, width=max(1, round(radius / 16)))
        font = self.pick(self.stock.print_faces).sized(max(7, int(radius / 3.5)))
        for number, word in enumerate(self.words(int(rng.integers(0, 4)))):
            row = size / 2 + (number - 1) * radius / 2.4
            draw.text((size / 2, row), word.upper()[:10], fill=tone, font=font, anchor="mm")
        canvas = canvas.rotate(rng.uniform(-40, 40), Image.Resampling.BILINEAR)
        base = Image.fromarray(self.ink)
        box = (int(x - size / 2), int(y - size / 2))
        pasted = Image.new("L", base.size)
        pasted.paste(canvas, box)
        self.ink = np.maximum(self.ink, np.asarray(pasted))
        polygon = Polygon(
            (
                (x - radius, y - radius),
                (x + radius, y - radius),
                (x + radius, y + radius),
                (x - radius, y + radius),
            )
        )
        self.lines.insert(0, DocumentLine("stamp", TextLine(polygon.box, polygon)))

    def drawing(self, area: Box) -> None:
        """Draw a picture without text: hatched ellipses, curves, blots."""
        rng = self.rng
        draw = self.draw_rules
        for _ in range(int(rng.integers(2, 9))):
            x, y = rng.uniform(area.left, area.right), rng.uniform(area.top, area.bottom)
            w, h = rng.uniform(0.05, 0.5) * area.width, rng.uniform(0.05, 0.5) * area.height
            tone = int(rng.uniform(80, 255))
            kind = rng.random()
            if kind < 0.3:
                draw.ellipse([x, y, x + w, y + h], outline=tone, width=int(rng.integers(1, 4)))
            elif kind < 0.55:
                for k in range(int(rng.integers(4, 30))):
                    o = k * rng.uniform(2.5, 6)
                    draw.line([(x + o, y), (x + o + rng.uniform(-10, 10), y + h * 0.4)], fill=tone)
            elif kind < 0.8:
                steps = rng.normal(0, 0.08, (14, 2)) * (area.width, area.height)
                points = np.cumsum(steps, axis=0) + np.array((x, y))
                draw.line(
                    [tuple(p) for p in points],
                    fill=tone,
                    width=int(rng.integers(1, 4)),
                    joint="curve",
                )
            else:
                draw.polygon(
                    [
                        tuple(p)
                        for p in rng.uniform(0, 0.3, (6, 2)) * (area.width, area.height) + (x, y)
                    ],
                    fill=tone,
                )

    def filler(self, left: float, right: float, row: float, size: float) -> None:
        """Draw a wavy or straight stroke that fills the end of a line."""
        xs = np.arange(left, right, 1.0)
        if len(xs) < 4:
            return
        wave = self.rng.uniform(0.5, 1.5) * size
        up = (0.0 if self.rng.random() < 0.3 else self.rng.uniform(0.08, 0.25)) * size
        ys = row + up * np.sin(xs / wave * 2 * np.pi + self.rng.normal(0, 0.3, 1))
        canvas = Image.fromarray(self.ink)
        ImageDraw.Draw(canvas).line(
            list(zip(xs, ys)),
            fill=int(self.rng.uniform(140, 255)),
            width=max(1, round(size * self.rng.uniform(0.04, 0.12))),
        )
        self.ink = np.array(canvas)
