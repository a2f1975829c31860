"""Print on a synthetic page: type, rules, frames and stamps, rotated with the page."""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from htrlib.document.geometry import Box, Point, Size
from htrlib.synthesis.handwriting import FONT_SUFFIXES
from htrlib.synthesis.placement import Placement, Turn, place

_SYSTEM_FONTS = Path("/usr/share/fonts")
_TEXT_FACES = ("DejaVuSans", "DejaVuSerif", "Liberation", "FreeSans", "FreeSerif", "NotoSans-")
_NO_TEXT_FACES = ("DejaVuSansDisplay", "DejaVuSerifDisplay")  # signs other than letters
Face = Optional[Path]  # None stands for Pillow's own font


def printed_faces(folder: Optional[Path] = None) -> Tuple[Face, ...]:
    """Find fonts for print: those below a folder, or by default those of the machine.

    The first one is always Pillow's own font. By default, text fonts of the system and of
    Matplotlib are used, if installed.
    """
    if folder is not None:
        found = [path for path in Path(folder).rglob("*") if path.suffix in FONT_SUFFIXES]
        return (None, *sorted(found))
    roots = [_SYSTEM_FONTS]
    matplotlib = importlib.util.find_spec("matplotlib")
    if matplotlib is not None and matplotlib.origin is not None:
        roots.append(Path(matplotlib.origin).parent / "mpl-data" / "fonts" / "ttf")
    found = [path for root in roots for path in root.rglob("*.ttf")]
    faces = {
        path.name: path
        for path in found
        if path.name.startswith(_TEXT_FACES) and not path.name.startswith(_NO_TEXT_FACES)
    }
    return (None, *(faces[name] for name in sorted(faces)))


@lru_cache(maxsize=256)
def _sized(face: Face, size: int) -> ImageFont.FreeTypeFont:
    if face is None:
        return ImageFont.load_default(size)  # type: ignore[return-value]
    return ImageFont.truetype(str(face), size)


class PrintedLayer:
    """The printed layer of a page as darkness, with the boxes of its text lines and stamps.

    All methods take coordinates of the upright page, before it is rotated.

    Attributes:
        darkness: (H, W) uint8, 0 is paper.
        boxes: boxes of printed text and stamps, in pixels of the rotated page.
    """

    def __init__(self, width: int, height: int, turn: Turn) -> None:
        self.darkness: NDArray[np.uint8] = np.zeros((height, width), np.uint8)
        self.boxes: List[Box] = []
        self._turn = turn

    def text(self, text: str, face: Face, size: int, left: float, base: float, ink: float) -> float:
        """Print a text on a baseline.

        Args:
            size: type size in pixels.
            ink: darkness between 0 and 1.
        Returns:
            The column where the text ends.
        """
        font = _sized(face, size)
        box = font.getbbox(text, anchor="ls")
        x0, y0, x1, y1 = (int(np.floor(box[0])), int(np.floor(box[1])), *map(int, np.ceil(box[2:])))
        if x1 > x0 and y1 > y0:
            canvas = Image.new("L", (x1 - x0, y1 - y0))
            ImageDraw.Draw(canvas).text((-x0, -y0), text, fill=255, font=font, anchor="ls")
            self._add(np.asarray(canvas), -y0, left + x0, base, ink, self._turn)
        return left + float(font.getlength(text))

    def paragraph(
        self,
        words: Sequence[str],
        face: Face,
        size: int,
        area: Tuple[float, float, float],
        lines: int,
        ink: float,
        leading: float = 1.25,
    ) -> float:
        """Print running text.

        Args:
            words: words to print, as far as they fit.
            area: left, top and right.
            lines: maximum number of lines; the last one ends half way.
            leading: distance between baselines, in type sizes.
        Returns:
            The row below the paragraph.
        """
        left, top, right = area
        font = _sized(face, size)
        remaining = list(words)
        base = top + size
        for number in range(lines):
            room = (right - left) * (0.55 if lines > 1 and number == lines - 1 else 1.0)
            row: List[str] = []
            while remaining and font.getlength(" ".join([*row, remaining[0]])) <= room:
                row.append(remaining.pop(0))
            if not row:
                break
            self.text(" ".join(row), face, size, left, base, ink)
            base += leading * size
        return base - leading * size + 0.3 * size

    def rule(
        self, start: Point, end: Point, width: float, ink: float, dash: Tuple[float, float] = (1, 0)
    ) -> None:
        """Print a straight line, dashed or dotted if `dash` is (length, gap) in pixels."""
        xs, ys = self._turn.forward(np.array([start[0], end[0]]), np.array([start[1], end[1]]))
        layer = self.darkness
        if abs(xs[1] - xs[0]) < abs(ys[1] - ys[0]):
            xs, ys, layer = ys, xs, layer.T
        order = np.argsort(xs)
        xs, ys = xs[order], ys[order]
        columns = np.arange(max(0, int(xs[0])), min(layer.shape[1], int(xs[1]) + 1))
        if dash[1] > 0:
            columns = columns[(columns - xs[0]) % sum(dash) < dash[0]]
        middle = np.interp(columns + 0.5, xs, ys)
        first = np.floor(middle - width / 2).astype(int)
        for offset in range(int(np.ceil(width)) + 1):
            rows = first + offset
            cover = np.minimum(middle + width / 2, rows + 1) - np.maximum(middle - width / 2, rows)
            dark = (255 * ink * np.clip(cover, 0.0, 1.0)).astype(np.uint8)
            on = (rows >= 0) & (rows < layer.shape[0])
            at = rows[on], columns[on]
            layer[at] = np.maximum(layer[at], dark[on])

    def frame(self, box: Box, width: float, ink: float) -> None:
        """Print the four sides of a box."""
        corners = [
            *((box.left, box.top), (box.right, box.top)),
            *((box.right, box.bottom), (box.left, box.bottom)),
        ]
        for i in range(4):
            self.rule(corners[i - 1], corners[i], width, ink)

    def stamp(
        self,
        words: Sequence[str],
        face: Face,
        center: Point,
        radius: float,
        angle: float,
        ink: float,
    ) -> None:
        """Print a stamp: rings with a few words inside, at a random angle."""
        size = int(2 * radius) + 4
        canvas = Image.new("L", (size, size))
        draw = ImageDraw.Draw(canvas)
        thick = max(1, round(radius / 18))
        for ring in (1.0, 0.9):
            far = ring * radius
            middle = size / 2
            edges = (middle - far, middle - far, middle + far, middle + far)
            draw.ellipse(edges, outline=255, width=thick if ring == 1.0 else 1)
        font = _sized(face, max(6, int(radius / 4)))
        for number, word in enumerate(words[:3]):
            row = size / 2 + (number - (min(len(words), 3) - 1) / 2) * radius / 2.6
            draw.text((size / 2, row), word[:12], fill=255, font=font, anchor="mm")
        turn = Turn(angle, center)
        left, base = center[0] - size / 2, center[1] + size / 2
        self._add(np.asarray(canvas), size, left, base, ink, turn)

    def _add(
        self,
        ink: NDArray[np.uint8],
        baseline: int,
        left: float,
        base: float,
        strength: float,
        turn: Turn,
    ) -> None:
        piece = place(ink, baseline, Placement(left, base, turn))
        height, width = self.darkness.shape
        if piece is None or piece.box.intersection_area(Box(0, 0, width, height)) == 0:
            return
        self.boxes.append(piece.box.clipped(Size(width, height)))
        piece.faded(strength).draw_on(self.darkness)
