"""Fill an area of a synthetic page with lines of running text."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import List, Optional, Sequence, Tuple

import numpy as np
from PIL import Image

from htrlib.document.geometry import Box
from htrlib.errors import DatasetError
from htrlib.synthesis.handwriting import (
    DrawnLine,
    HandwritingFont,
    HandwritingStyle,
    draw_line,
    line_width,
)
from htrlib.synthesis.placement import Piece, Placement, Turn, place, spread

_CLOSEST = 1.5  # in x-heights: minimum distance between lines
_MOST_TOUCHING = 0.9  # at most: one line without loops would draw all others close
_TRIES = 2000  # consecutive words that a font cannot draw before it is rejected


@dataclass(frozen=True)
class Hand:
    """The writer of a page, and their style.

    Attributes:
        height: height from the top of tall letters to the bottom of deep ones, in pixels.
        slant: tangent of the slant to the right, in addition to the font's own.
        weight: change of stroke width: negative thins, positive thickens, by a pixel at 1.
        strength: darkness of the ink between 0 and 1.
        waviness: standard deviation of the baselines' bends, as a fraction of the height.
        pitch: distance between baselines if lines must not touch, as a multiple of the distance at
            which the first two lines touch.
        touching: fraction of neighboring lines whose ink touches.
    """

    font: HandwritingFont
    style: HandwritingStyle
    height: float
    slant: float
    weight: float
    strength: float
    waviness: float
    pitch: float
    touching: float

    @property
    def closest(self) -> float:
        """Minimum pitch in pixels."""
        font = self.font
        return _CLOSEST * font.x_height * self.height / (font.ascent + font.descent)

    @classmethod
    def random(
        cls, font: HandwritingFont, height: float, touching: float, rng: np.random.Generator
    ) -> Hand:
        """Draw a random hand; over many hands, lines touch at the given rate."""
        # The fraction is uniform, so pages without and with only touching lines occur too.
        share = rng.uniform(-0.5, 1.5) + 3.0 * (touching - 0.5)
        return cls(
            font=font,
            style=HandwritingStyle.random(rng),
            height=height,
            slant=rng.normal(0, 0.12),
            weight=rng.uniform(-0.6, 1.0) if rng.random() < 0.6 else 0.0,
            strength=rng.uniform(0.45, 1.0),
            waviness=rng.uniform(0, 0.06),
            pitch=1.05 + max(0.0, -share) * 1.4,
            touching=min(_MOST_TOUCHING, max(0.0, share)),
        )


@dataclass(frozen=True, eq=False)
class Written:
    """A line of text as ink on the page."""

    text: str
    piece: Piece


@dataclass(frozen=True)
class _Row:
    """A line before it is drawn: text, left edge, and distance from the top in pitches."""

    text: str
    left: float
    step: float


def write(
    words: Sequence[str],
    hand: Hand,
    area: Box,
    turn: Turn,
    size: Tuple[int, int],
    ruled: bool,
    rng: np.random.Generator,
) -> Tuple[Tuple[Written, ...], float, float]:
    """Fill an area with text, starting at its top.

    Args:
        words: running text, which is entered at a random point.
        area: area on the upright page.
        turn: rotation of the writing.
        size: width and height of the page; lines that would leave it are omitted.
        ruled: place lines on a grid of evenly spaced baselines.
    Returns:
        The lines, the row of the first baseline on the upright page, and the pitch.
    """
    guess = max(hand.closest, 0.85 * hand.pitch * hand.height)
    count = max(1, round(area.height / guess))
    rows = _compose(words, hand, area, count, ruled, rng)
    first = area.top + hand.height * hand.font.ascent / (hand.font.ascent + hand.font.descent)
    pieces = _draw(rows, hand, area, (first, guess), turn, ruled, rng)
    pitch = _pitch(pieces, rows, guess, hand)
    down_x, down_y = turn.down
    lines: List[Written] = []
    for row, piece in zip(rows, pieces):
        shift = row.step * (pitch - guess)
        if piece is None or first + row.step * pitch > area.bottom:
            continue
        piece = piece.moved(round(down_x * shift), round(down_y * shift))
        if piece.fits(*size):
            faded = piece.faded(hand.strength * rng.uniform(0.93, 1.0))
            lines.append(Written(row.text, faded))
    return tuple(lines), first, pitch


def _draw(
    rows: Sequence[_Row],
    hand: Hand,
    area: Box,
    grid: Tuple[float, float],
    turn: Turn,
    ruled: bool,
    rng: np.random.Generator,
) -> List[Optional[Piece]]:
    """Draw the rows as ink on the page, on a grid given by a first baseline and a pitch."""
    first, pitch = grid
    bend_x = np.arange(area.left - area.width, area.right + area.width, 4 * hand.height)
    shared = rng.normal(0, hand.waviness * hand.height, len(bend_x)) * (0.4 if ruled else 1.0)
    jitter = 0.01 if ruled else rng.uniform(0.01, 0.06)
    pieces: List[Optional[Piece]] = []
    for row in rows:
        drawn = _pressed(draw_line(row.text, hand.font, hand.height, rng, hand.style), hand.weight)
        lift = rng.normal(0, jitter * hand.height) + rng.normal(0, 0.005) * (bend_x - row.left)
        bend = shared + lift + rng.normal(0, 0.3 * hand.waviness * hand.height, len(bend_x))
        placement = Placement(
            row.left, first + row.step * pitch, turn, hand.slant, tuple(bend_x), tuple(bend)
        )
        pieces.append(place(drawn.ink, drawn.baseline, placement, drawn.words))
    return pieces


def _compose(
    words: Sequence[str],
    hand: Hand,
    area: Box,
    count: int,
    ruled: bool,
    rng: np.random.Generator,
) -> List[_Row]:
    """Break text into lines and paragraphs, with a title or date above and a signature below."""
    text = _Text(words, hand, int(rng.integers(0, len(words))))
    indent = rng.uniform(0, 2.5) * hand.height * (rng.random() < 0.5)
    gap = float(rng.random() < 0.35) * (1.0 if ruled else rng.uniform(0.2, 1.2))
    drift = rng.normal(0, 0.02) * hand.height  # a drifting left edge
    spread = rng.uniform(0, 0.2) * hand.height
    end = rng.choice([0.0, 0.05, 0.12]) * area.width
    rows: List[_Row] = []
    step = 0.0
    if rng.random() < 0.2:
        title = text.take(rng.uniform(0.15, 0.45) * area.width)
        room = area.width - text.width(title)
        rows.append(_Row(title, area.left + max(0.0, room * rng.choice([0.0, 0.5, 0.95])), step))
        step += 1.0 + (1.0 if ruled else rng.uniform(0.1, 1.0)) * (rng.random() < 0.7)
    left_over = 0
    while len(rows) < count:
        starts = left_over == 0
        if starts:
            left_over = int(rng.geometric(0.14))
            step += gap * (len(rows) > 0)
        left_over -= 1
        last = left_over == 0 or len(rows) == count - 1
        left = area.left + indent * starts + abs(rng.normal(0, spread)) + drift * len(rows)
        left = max(area.left - 0.5 * hand.height, left)
        share = rng.uniform(0.05, 1.0) if last else 1.0
        rows.append(_Row(text.take((area.right - left - end * rng.random()) * share), left, step))
        step += 1.0
    if rng.random() < 0.12:
        name = text.take(rng.uniform(0.1, 0.3) * area.width)
        left = max(area.left, area.right - text.width(name) * rng.uniform(1.0, 2.0))
        rows.append(_Row(name, left, step + float(rng.integers(0, 2))))
    return rows


class _Text:
    """Running text, consumed line by line."""

    def __init__(self, words: Sequence[str], hand: Hand, start: int) -> None:
        self._words, self._hand, self._next = words, hand, start

    def width(self, text: str) -> float:
        return line_width(text, self._hand.font, self._hand.height, self._hand.style)

    def take(self, room: float) -> str:
        """Take as many words as fit, but at least one."""
        line, used = "", 0.0
        gap = max(0.08, self._hand.style.space) * self._hand.height
        while True:
            word = self._word()
            used += self.width(word) + gap
            if line and used > room:
                self._next -= 1
                return line
            line = f"{line} {word}".strip()
            if used > room:
                return line

    def _word(self) -> str:
        for _ in range(_TRIES):
            word = self._words[self._next % len(self._words)]
            self._next += 1
            word = "".join(word.split())
            if word and self._hand.font.covers(word):
                return word
        raise DatasetError(
            f"the font {self._hand.font.path.name} cannot draw {_TRIES} words in a row; remove it, "
            "or call load_fonts with the characters of the text"
        )


def _pressed(drawn: DrawnLine, weight: float) -> DrawnLine:
    """Thin or thicken the strokes."""
    if weight == 0.0 or (weight < 0.0 and drawn.ink.shape[0] < 50):
        return drawn
    ink, words = np.pad(drawn.ink, 1), np.pad(drawn.words, 1)
    changed = spread(ink) if weight > 0 else ~spread(~ink)
    pressed = np.asarray(Image.blend(Image.fromarray(ink), Image.fromarray(changed), abs(weight)))
    words = spread(words) if weight > 0 else words
    return replace(drawn, ink=pressed, words=words, baseline=drawn.baseline + 1)


def _pitch(
    pieces: Sequence[Optional[Piece]], rows: Sequence[_Row], guess: float, hand: Hand
) -> float:
    """Return the distance of baselines at which the given fraction of neighbors touches."""
    clearances = [
        _clearance(upper, lower)
        for upper, lower, row, below in zip(pieces, pieces[1:], rows, rows[1:])
        if upper is not None and lower is not None and below.step - row.step == 1.0
    ]
    found = [clearance for clearance in clearances if clearance is not None]
    if not found:
        return max(guess, hand.height)
    if hand.touching <= 0.0:
        return max(hand.closest, (guess - min(found)) * hand.pitch)
    touching_from = guess - np.array(found)
    pitch = float(np.quantile(touching_from, 1.0 - hand.touching))
    return max(hand.closest, pitch)


def _clearance(upper: Piece, lower: Piece) -> Optional[float]:
    """Return how far a line can move up before touching the one above; negative on overlap."""
    left = max(upper.left, lower.left)
    right = min(upper.left + upper.ink.shape[1], lower.left + lower.ink.shape[1])
    if left >= right:
        return None
    bottoms = upper.profiles()[1][left - upper.left : right - upper.left]
    tops = lower.profiles()[0][left - lower.left : right - lower.left]
    gaps = (tops - bottoms)[~np.isnan(tops - bottoms)]
    return float(gaps.min()) if len(gaps) else None
