"""Lay out each kind of synthetic page: its printed matter, and the areas left for writing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Optional, Protocol, Sequence, Tuple

import numpy as np

from htrlib.document.geometry import Box
from htrlib.synthesis.printing import Face, PrintedLayer

_NAME_LABELS = (
    "Name:",
    "Name",
    "Signature:",
    "Nom :",
    "Date:",
    "Writer:",
    "Sign here",
    "Nom, date",
)
RULINGS = ("solid", "dotted", "squared", "dots", "staves")
"""Lines, dotted lines, squares, dots at the corners of squares, and the staves of music paper."""

STAFF_GAP = 0.12
"""From line to line of a staff, of the distance from staff to staff."""

_ASCII = frozenset(map(chr, range(33, 127)))


@dataclass(frozen=True)
class Room:
    """An area of a page for writing.

    Attributes:
        area: area on the upright page, or None for a page without writing.
        ruling: None or one of `RULINGS`.
        ruled_to: left, right and bottom edge of the ruling.
    """

    area: Optional[Box]
    ruling: Optional[str] = None
    ruled_to: Tuple[float, float, float] = (0.0, 0.0, 0.0)


class Printer:
    """Prints text and figures in the typefaces of one page."""

    def __init__(
        self,
        layer: PrintedLayer,
        words: Sequence[str],
        faces: Sequence[Face],
        rng: np.random.Generator,
    ) -> None:
        self.layer = layer
        self.rng = rng
        self.height, self.width = layer.darkness.shape
        self.ink = rng.uniform(0.6, 1.0)
        self._words = words
        self._faces = faces
        self._face = self.other_face()

    def other_face(self) -> Face:
        # Pillow's own font is the only one if no others are installed.
        return self._faces[int(self.rng.integers(len(self._faces)))]

    def words(self, count: int) -> List[str]:
        """Draw running words whose characters every font has."""
        start = int(self.rng.integers(0, len(self._words)))
        picked = (self._words[(start + i) % len(self._words)] for i in range(count))
        return [w for w in picked if set(w) <= _ASCII] or ["Text"]

    def size(self, small: float, large: float) -> int:
        """Draw a type size, given as fractions of the page's width."""
        return max(8, round(self.width * self.rng.uniform(small, large)))

    def text(self, text: str, size: int, left: float, base: float) -> float:
        return self.layer.text(text, self._face, size, left, base, self.ink)

    def paragraph(self, area: Tuple[float, float, float], lines: int, size: int) -> float:
        """Print running text below `top` between left and right; return the row below it."""
        leading = self.rng.uniform(1.1, 1.5)
        words = self.words(lines * 40)
        return self.layer.paragraph(words, self._face, size, area, lines, self.ink, leading)

    def headline(self, left: float, top: float, right: float) -> float:
        """Print one large line, left, centered or at both ends."""
        size = self.size(0.014, 0.04)
        words = " ".join(self.words(int(self.rng.integers(1, 5)))).strip(".,;")
        text = words.upper() if self.rng.random() < 0.3 else words.title()
        face = self.other_face()
        column = (
            left if self.rng.random() < 0.5 else left + 0.3 * (right - left) * self.rng.random()
        )
        self.layer.text(text, face, size, column, top + size, self.ink)
        if self.rng.random() < 0.4:
            code = f"{self.rng.choice(list('ABCDEFG'))}{self.rng.integers(0, 10):02d}-"
            code += f"{self.rng.integers(0, 1000):03d}"
            self.layer.text(code, face, size, right - 4.5 * size, top + size, self.ink)
        return top + 1.4 * size

    def rule(self, row: float, left: float, right: float) -> None:
        width = max(1.0, self.rng.uniform(0.0006, 0.0025) * self.width)
        self.layer.rule((left, row), (right, row), width, self.ink)

    def stamp(self, area: Box, ink: float) -> None:
        rng = self.rng
        radius = rng.uniform(0.03, 0.075) * self.width
        center = (
            rng.uniform(area.left, max(area.left + 1, area.right)),
            rng.uniform(area.top, max(area.top + 1, area.bottom)),
        )
        words = [word.upper().strip(".,;") for word in self.words(3)]
        self.layer.stamp(words, self.other_face(), center, radius, rng.uniform(-30, 30), ink)

    def blanks(self, left: float, base: float, right: float, size: int) -> None:
        """Print one or two labels with rules to write on: Name: ______."""
        middle = left + (right - left) * self.rng.uniform(0.45, 0.65)
        spans = [(left, middle - size), (middle, right)]
        for start, end in spans[: int(self.rng.integers(1, 3))]:
            label = str(self.rng.choice(_NAME_LABELS))
            written = self.text(label, size, start, base) + 0.5 * size
            if written < end and self.rng.random() < 0.85:
                dash = (2.0, 3.0) if self.rng.random() < 0.3 else (1.0, 0.0)
                width = max(1.0, 0.001 * self.width)
                self.layer.rule((written, base + 2), (end, base + 2), width, self.ink, dash)


def _margins(printer: Printer) -> Tuple[float, float]:
    rng, width = printer.rng, printer.width
    return rng.uniform(0.03, 0.14) * width, width - rng.uniform(0.03, 0.12) * width


def _narrowed(left: float, right: float, rng: np.random.Generator) -> Tuple[float, float]:
    """Sometimes leave part of the width free."""
    if rng.random() < 0.7:
        return left, right
    free = rng.uniform(0, 0.5) * (right - left)
    start = left + free * rng.choice([0.0, 0.0, 0.5, 1.0])
    return start, start + (right - left) - free


def _ruling(rng: np.random.Generator) -> str:
    return str(rng.choice(RULINGS, p=[0.65, 0.15, 0.1, 0.07, 0.03]))


def letter(printer: Printer, drop: float, ruled: bool) -> Room:
    """Lay out a letter: plain or ruled paper, sometimes with letterhead, page number or stamp."""
    rng, width, height = printer.rng, printer.width, printer.height
    left, right = _margins(printer)
    top = rng.uniform(0.02, 0.15) * height
    if rng.random() < 0.15:
        top = printer.headline(left, 0.03 * height, right) + rng.uniform(0.01, 0.05) * height
    bottom = height * (1 - rng.uniform(0.02, 0.1))
    if rng.random() < 0.1:
        number = str(rng.integers(1, 400))
        printer.text(number, printer.size(0.01, 0.02), 0.48 * width, 0.985 * height)
        bottom = min(bottom, 0.95 * height)
    if rng.random() < 0.12:
        everywhere = Box(0, 0, width, height) if rng.random() < 0.4 else Box(0, 0, left, height)
        printer.stamp(everywhere, rng.uniform(0.25, 0.6))
    start, end = _narrowed(left, right, rng)
    full = rng.uniform(0.15, 1.0) if rng.random() < 0.5 else 1.0
    area = Box(start, top + drop, end, max(top + drop + 10, top + (bottom - top) * full))
    if not ruled:
        return Room(area)
    if rng.random() < 0.3:
        margin = left - 0.015 * width
        ink, double = rng.uniform(0.2, 0.6), rng.random() < 0.3
        for column in (margin, margin - 0.008 * width)[: 1 + double]:
            printer.layer.rule((column, 0), (column, height), max(1.0, 0.0012 * width), ink)
    whole = rng.random() < 0.5
    edges = (0.0, float(width)) if whole else (left - 0.01 * width, right + 0.01 * width)
    return Room(area, _ruling(rng), (*edges, bottom))


def form(printer: Printer, drop: float, ruled: bool) -> Room:
    """Lay out a form: a printed header between rules, room to write, a rule and a name line."""
    rng, width, height = printer.rng, printer.width, printer.height
    left, right = _margins(printer)
    row = rng.uniform(0.02, 0.07) * height
    framed = rng.random() < 0.15
    start = row
    if rng.random() < 0.7:
        row = printer.headline(left, row, right)
        if rng.random() < 0.8:
            row += 0.006 * height
            printer.rule(row, left, right)
            row += 0.006 * height
    size = printer.size(0.009, 0.022)
    lines = max(1, min(int(rng.integers(1, 9)), int(0.3 * height / size / 1.5)))
    logo = rng.random() < 0.2
    room = right - 0.2 * width if logo else right
    row = printer.paragraph((left, row, room), lines, size) + 0.4 * size
    if logo:
        corner = Box(right - 0.08 * width, 0.06 * width, right - 0.07 * width, 0.08 * width)
        printer.stamp(corner, printer.ink)
        row = max(row, 0.16 * width)
    if framed:
        edge = 0.01 * width
        printer.layer.frame(Box(left - edge, start, right + edge, row), 1.5, printer.ink)
    printer.rule(row, left, right)
    name_size = printer.size(0.010, 0.02)
    base = height - rng.uniform(0.02, 0.08) * height
    printer.blanks(left, base, right, name_size)
    bottom = base - name_size * rng.uniform(1.3, 3.0)
    printer.rule(bottom, left, right)
    first, last = row + 0.01 * height + drop, bottom - 0.015 * height - drop
    full = rng.uniform(0.3, 1.0) if rng.random() < 0.6 else 1.0
    begin, end = _narrowed(left, right, rng)
    area = Box(begin, first, end, max(first + 10, first + (last - first) * full))
    if ruled:
        return Room(area, _ruling(rng), (left, right, last))
    return Room(area)


def sheet(printer: Printer, drop: float, ruled: bool) -> Room:
    """Lay out a sheet: a small printed text, and ruled lines, of which the upper ones are used."""
    rng, width, height = printer.rng, printer.width, printer.height
    left, right = _margins(printer)
    row = rng.uniform(0.005, 0.06) * height
    if rng.random() < 0.85:
        size = printer.size(0.007, 0.013)
        start = left * rng.uniform(0.4, 1.0)
        row = printer.paragraph((start, row, right), int(rng.integers(1, 5)), size)
    row += rng.uniform(0.0, 0.04) * height
    if rng.random() < 0.2:
        margin = left - 0.012 * width
        printer.layer.rule((margin, 0), (margin, height), max(1.0, 0.0012 * width), 0.4)
    foot = height * (1 - rng.uniform(0.0, 0.05))
    full = rng.uniform(0.15, 1.0)
    area = Box(left, row + drop, right, max(row + drop + 10, row + (foot - row) * full))
    if not ruled:
        return Room(area)
    edges = (0.0, float(width)) if rng.random() < 0.25 else (left * 0.9, right + 0.02 * width)
    ruling = "dotted" if rng.random() < 0.25 else "solid"
    return Room(area, ruling, (*edges, foot))


def printed(printer: Printer, drop: float, ruled: bool) -> Room:
    """Lay out print only: headlines, paragraphs in one or two columns, an empty table."""
    rng, width, height = printer.rng, printer.width, printer.height
    left, right = _margins(printer)
    row = rng.uniform(0.03, 0.1) * height
    size = printer.size(0.008, 0.022)
    columns = [(left, right)]
    if rng.random() < 0.25:
        columns = [(left, 0.49 * width), (0.52 * width, right)]
    row = printer.headline(left, row, right) + size
    foot = row + (0.93 * height - row) * rng.uniform(0.3, 1.0)
    for start, end in columns:
        below = row
        while below < foot:
            most = max(1, int((foot - below) / (1.4 * size)))
            lines = min(most, int(rng.integers(1, 10)))
            below = printer.paragraph((start, below, end), lines, size) + rng.uniform(0.5, 2) * size
    if rng.random() < 0.3:
        printer.stamp(Box(left, row, right, 0.95 * height), rng.uniform(0.3, 0.8))
    if rng.random() < 0.5:
        printer.rule(foot + size, left, right)
        printer.blanks(left, min(foot + 4 * size, 0.98 * height), right, size)
    return Room(None)


def blank(printer: Printer, drop: float, ruled: bool) -> Room:
    """Lay out a blank page: nothing, empty ruled lines, or a stamp."""
    rng, width, height = printer.rng, printer.width, printer.height
    if ruled:
        rule_page(
            printer,
            Room(None, _ruling(rng), (0.0, width, height)),
            0.1 * height,
            rng.uniform(0.02, 0.05) * width,
        )
    if rng.random() < 0.2:
        printer.stamp(Box(0, 0, width, height), rng.uniform(0.2, 0.6))
    return Room(None)


def rule_page(printer: Printer, room: Room, first: float, pitch: float) -> None:
    """Rule a page for baselines from row `first`, `pitch` pixels apart."""
    rng = printer.rng
    left, right, bottom = room.ruled_to
    ink = rng.uniform(0.08, 0.65)
    thick = max(1.0, rng.uniform(0.0006, 0.002) * printer.width)
    dash = (1.0, 0.0)
    if room.ruling == "dotted":
        dash = (max(1.0, thick), rng.uniform(2, 6) * thick)
    first += rng.uniform(0.0, 0.08) * pitch
    parts = int(rng.integers(2, 5)) if room.ruling in ("squared", "dots") else 1
    above = int(rng.integers(0, 3)) * parts
    step = pitch / parts
    if room.ruling == "dots":
        dash = (max(1.0, 1.5 * thick), step - max(1.0, 1.5 * thick))
    rows = np.arange(first - above * step, bottom, step)
    if room.ruling == "staves":
        rows = np.concatenate([rows - number * STAFF_GAP * pitch for number in range(5)])
    for row in rows:
        printer.layer.rule((left, float(row)), (right, float(row)), thick, ink, dash)
    if room.ruling == "squared":
        for column in np.arange(left, right, step):
            ends = (float(column), max(0.0, first - above * step)), (float(column), float(bottom))
            printer.layer.rule(*ends, thick, ink)


class Layout(Protocol):
    """Function that prints one kind of page and returns its rooms.

    Args:
        drop: rows to keep free above and below the writing, which slopes relative to the print.
        ruled: whether to rule the page.
    """

    def __call__(self, printer: Printer, drop: float, ruled: bool) -> Room: ...


LAYOUTS: Dict[str, Layout] = {
    "letter": letter,
    "form": form,
    "sheet": sheet,
    "printed": printed,
    "blank": blank,
}
