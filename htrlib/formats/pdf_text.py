"""Write the invisible text of a PDF page: each word in its box, along the slope of its line.

Programs that extract text, such as `pdftotext`, sort it by position: words form a line if their
baselines differ by less than half the font size, and a column if the font size is the same and the
gaps are small. Therefore a page has text of one size, as far as its lines allow, sloping lines are
set slightly flatter, and words extend into the gaps between them.
"""

from __future__ import annotations

import math
import statistics
import unicodedata
from dataclasses import dataclass
from typing import Callable, Iterator, List, Optional, Sequence, Tuple

from htrlib.document.geometry import Box, Point, union_of
from htrlib.document.results import LineResult, PageResult
from htrlib.formats.glyphless_font import ADVANCE, ASCENT, DESCENT, SPACE, GlyphlessFont
from htrlib.formats.placed_words import PlacedWord, placed_words

_UNITS = 32  # of which the usual size of text has so many; places are in whole ones
_STEP = 4  # percent, in which text is made wider or narrower; never too wide, for gaps matter
_TILT = 0.0003  # sine of the angle by which text that stands on its side leans
_LEAN = 0.001  # cosine of the direction of lines up or down the page, at least
_RISE = 2  # units by which a word may be higher or lower than it is, to stand with the one before
_SHIFT = 0.15  # of a word's length: how far it may be from its place, and its width from its own
_LEVEL = 0.15  # slope below which words stand upright, one higher than the other
_UPRIGHT = 3.0  # slope above which a line runs up or down the page
_SAME_SIZE = 1.7  # lines whose heights differ less have text of one size
_OF_PITCH = 0.9  # of the distance between two lines, which text is high at most
_DROP = 0.4  # of the size of text, by which the words of a line may differ in height
_DROP_POINTS = 11.0  # within which programs look for the leftmost word of a line
_APART = 0.6  # of the size of text, by which the words of two lines differ at least
_PLAY = 0.25  # of a box's height, about its middle, is where the middle of its text may be
_BESIDE = 0.3  # of a line's length, that another shares which is above or below it
_SPACE = 0.25  # of the size of text: what is left of wide gaps, and made of narrow ones
_LEAST_SPACE = 0.2  # of the size of text: programs take words that are nearer for one
_MOST_ADDED = 0.6  # of a word's length, at either end: its middle stays in its box
_MOST_CUT = 0.3
_STEEPEST = 0.3  # of what tells the sides of a turned rectangle by the box around it
_MIDDLE_OF_TEXT = (ASCENT + DESCENT) / 2 / 1000  # above the baseline, of the size of text


@dataclass(frozen=True)
class Placement:
    """Maps page pixels, y down, to points of a PDF page: x' = ax + cy + e, y' = bx + dy + f."""

    a: float
    b: float
    c: float
    d: float
    e: float
    f: float

    @property
    def scale(self) -> float:
        """Points per pixel."""
        return math.sqrt(abs(self.a * self.d - self.b * self.c))

    def matrix(self, height: int, unit: float) -> str:
        """Return the operator that sets units of pixels, with y up from the lower edge.

        PDFium, used by Chrome, finds no exactly vertical text; in that case the matrix is rotated
        imperceptibly.

        Args:
            height: height of the page in pixels.
            unit: size of a unit in pixels.
        """
        a, b, c, d = (unit * n for n in (self.a, self.b, -self.c, -self.d))
        if a == d == 0:
            a, d = _TILT * b, -_TILT * c
        ends = (self.e + self.c * height, self.f + self.d * height)
        return _numbers(7, a, b, c, d, *ends) + " cm"


def _numbers(decimals: int, *numbers: float) -> str:
    """Format numbers for PDF, without exponents."""
    return " ".join(f"{n or 0.0:.{decimals}f}".rstrip("0").rstrip(".") for n in numbers)


@dataclass(frozen=True)
class _Run:
    """A word to be set: the center of its text, its length, and its direction with y up."""

    text: str
    middle: Point
    length: float
    cos: float = 1.0
    sin: float = 0.0

    @property
    def is_turned(self) -> bool:
        """Whether it does not stand upright."""
        return bool(self.sin) or self.cos < 0


@dataclass(frozen=True)
class _Line:
    """The words of a line, the direction at each (y up), and the common slope (y down).

    `leftward`: the line runs to the left, as on a page that is upside down.
    """

    words: Tuple[PlacedWord, ...]
    directions: Tuple[Point, ...]
    slope: float
    leftward: bool

    @classmethod
    def of(cls, line: LineResult, words: Tuple[PlacedWord, ...]) -> _Line:
        directions = tuple(_direction(word.box, line) for word in words)
        along = sum(cos for cos, _ in directions)
        down = -sum(sin for _, sin in directions)
        return cls(words, directions, down / along if along else math.inf, along < 0)

    @property
    def is_turned(self) -> bool:
        """Whether it runs up or down the page rather than along it."""
        return abs(self.slope) > _UPRIGHT

    @property
    def boxes(self) -> Tuple[Box, ...]:
        """The words' boxes, those of a line up or down the page turned by 90 degrees."""
        return tuple(word.box.turned(1) if self.is_turned else word.box for word in self.words)

    @property
    def box(self) -> Box:
        return union_of(self.boxes)

    @property
    def middle(self) -> float:
        return statistics.median(box.center[1] for box in self.boxes)

    @property
    def height(self) -> float:
        """Height of its words; dashes and the like count at most with their length."""
        return statistics.median(min(box.height, 2 * box.width) for box in self.boxes)


def text_layer(
    page: PageResult, placement: Placement, font: GlyphlessFont, font_name: str
) -> bytes:
    """Return the content stream with a page's words, in reading order, separated by spaces.

    Args:
        page: result of the page, in its own pixels.
        placement: maps pixels to points of the PDF page.
        font: font of the document.
        font_name: name of the font in the page's resources.
    """
    height = page.size.height
    lines = [_Line.of(line, placed_words(line, page.size)) for line in page.lines]
    lines = [line for line in lines if line.words]
    if not lines:
        return b""
    found = list(_set(lines, _DROP_POINTS / placement.scale))
    unit = statistics.median(size for _, size, _ in found) / _UNITS
    rows = [f"q {placement.matrix(height, unit)} BT 3 Tr".encode("ascii")]
    pen = _Pen(font, font_name, height, unit)
    for line, size, drop in found:
        stands = abs(line.slope) <= _LEVEL and not line.leftward
        runs = list(_level(line, size, drop) if stands else _turned(line))
        rows += [pen.show(run, size, after) for run, after in zip(runs, [*runs[1:], None])]
    return b"\n".join([*rows, b"ET Q", b""])


class _Pen:
    """Writes the operators that set words, and tracks the text state.

    Whole units and stepped widths give short and similar numbers, which compress well. A word at
    the same height as the one before it needs no position if that one's width leads to it.

    Args:
        font: font of the document.
        font_name: name of the font in the page's resources.
        height: height of the page in pixels.
        unit: size of a unit in pixels.
    """

    def __init__(self, font: GlyphlessFont, font_name: str, height: int, unit: float) -> None:
        self._font = font
        self._font_name = font_name
        self._height = height
        self._unit = unit
        self._size = 0
        self._stretch = 0
        self._turned = True
        self._start = (0, 0)  # start of the last word with an explicit position
        self._end = (-math.inf, 0)  # end of the last word and the space after it

    def show(self, run: _Run, size: float, following: Optional[_Run]) -> bytes:
        """Return the operators for a word and the space after it.

        Args:
            run: the word.
            size: font size in pixels.
            following: the next word of the line.
        """
        units = max(1, round(size / self._unit))
        said = [] if units == self._size else [f"{self._font_name} {units} Tf"]
        start, place = self._place(run, size)
        said += place
        stretch = self._stretch_to(run, units, start, following)
        if stretch != self._stretch:
            said.append(f"{stretch} Tz")
        letters = len(run.text) * ADVANCE + SPACE
        end = start + letters * units * stretch / 100_000
        if run.is_turned or stretch * SPACE / 100_000 < _LEAST_SPACE:
            end = -math.inf  # the next word needs a position
        self._end = (end, self._end[1])
        self._size, self._stretch = units, stretch
        return " ".join(said).encode("ascii") + self._font.encode(f"{_drawn(run.text)} ") + b"Tj"

    def _place(self, run: _Run, size: float) -> Tuple[float, List[str]]:
        """Return the start of a word in units, and the operator that moves there."""
        up = _MIDDLE_OF_TEXT * size
        left = run.middle[0] - run.cos * run.length / 2 + run.sin * up
        base = self._height - run.middle[1] - run.sin * run.length / 2 - run.cos * up
        x, y = round(left / self._unit), round(base / self._unit)
        end, height = self._end
        shift = max(0.5, _SHIFT * run.length / self._unit)
        if not run.is_turned and abs(y - height) <= _RISE and abs(x - end) <= shift:
            return end, []
        across, up_by = x - self._start[0], y - self._start[1]
        was_turned, self._turned = self._turned, run.is_turned
        self._start, self._end = (x, y), (-math.inf, y)
        if run.is_turned or was_turned:
            turn = _numbers(4, run.cos, run.sin, -run.sin, run.cos)
            return x, [f"{turn} {x} {y} Tm"]
        return x, [f"{across} {up_by} Td"]

    def _stretch_to(self, run: _Run, units: int, start: float, following: Optional[_Run]) -> int:
        """Return the horizontal scaling that ends a word at its end, or its space at the next word.

        The latter is used if both differ little and the space remains visible to programs.
        """
        letters = len(run.text) * units * ADVANCE / 1000
        if run.is_turned:
            return _step(int, run.length / self._unit / letters)
        own = ((run.middle[0] + run.length / 2) / self._unit - start) / letters
        if following is not None:
            next_start = (following.middle[0] - following.length / 2) / self._unit
            reaching = (next_start - start) / (letters + units * SPACE / 1000)
            if reaching * SPACE / 1000 > _LEAST_SPACE and abs(reaching - own) < _SHIFT * own:
                return _step(round, reaching)
        return _step(int, own)


def _drawn(word: str) -> str:
    """The letters of a word from left to right; programs turn those of Hebrew or Arabic back."""
    kinds = set(map(unicodedata.bidirectional, word))
    return word[::-1] if kinds & {"R", "AL"} and not kinds & {"L", "EN", "AN"} else word


def _step(whole: Callable[[float], int], width: float) -> int:
    return max(1, whole(100 * width / _STEP)) * _STEP


def _set(lines: Sequence[_Line], most: float) -> Iterator[Tuple[_Line, float, float]]:
    """Return each line with its font size, and the allowed vertical offset between its words.

    Args:
        lines: lines of a page.
        most: maximum offset in pixels.
    """
    pitches = [_pitch(line, lines) for line in lines]
    near = [pitch for pitch in pitches if pitch < math.inf]
    usual = statistics.median(line.height for line in lines)
    if near:
        usual = min(usual, _OF_PITCH * statistics.median(near))
    for line, pitch in zip(lines, pitches):
        own = min(line.height, _OF_PITCH * pitch)
        size = usual if usual / _SAME_SIZE < own < usual * _SAME_SIZE else own
        drop = max(0.0, min(most, _DROP * size, pitch - _APART * size))
        yield line, max(1.0, size), drop


def _pitch(line: _Line, lines: Sequence[_Line]) -> float:
    """Return the distance from a line to the nearest one above or below; infinite if none.

    Lines that run up or down the page and others do not count as above or below each other.
    """
    box, found = line.box, [math.inf]
    for other in lines:
        if other is line or other.is_turned != line.is_turned:
            continue
        shared = min(box.right, other.box.right) - max(box.left, other.box.left)
        distance = abs(other.middle - line.middle)
        least = _BESIDE * min(box.width, other.box.width)
        if shared > least and distance > 0.2 * line.height:
            found.append(distance)
    return min(found)


def _turned(line: _Line) -> Iterator[_Run]:
    for word, (cos, sin) in zip(line.words, line.directions):
        yield _Run(word.text, word.box.center, _length(word.box, cos, sin), cos, sin)


def _level(line: _Line, size: float, drop: float) -> Iterator[_Run]:
    """Set the words upright, each at its height, with differences of at most `drop`."""
    boxes = [word.box for word in line.words]
    start = statistics.median(box.center[1] - line.slope * box.center[0] for box in boxes)
    heights = [start + line.slope * box.center[0] for box in boxes]
    middle = (min(heights) + max(heights)) / 2
    flatter = min(1.0, drop / max(1.0, max(heights) - min(heights)))
    for word, height, (left, right) in zip(line.words, heights, _spans(line.words, size)):
        y, play = word.box.center[1], _PLAY * word.box.height
        y = min(max(middle + flatter * (height - middle), y - play), y + play)
        yield _Run(word.text, ((left + right) / 2, y), right - left)


def _spans(words: Sequence[PlacedWord], size: float) -> List[Tuple[float, float]]:
    """Return the left and right ends of adjacent words, with `_SPACE` between them if possible."""
    lefts = [word.box.left for word in words]
    rights = [word.box.right for word in words]
    for index, (before, after) in enumerate(zip(words, words[1:])):
        spare = (after.box.left - before.box.right - _SPACE * size) / 2
        rights[index] += _bounded(spare, before.box.width)
        lefts[index + 1] -= _bounded(spare, after.box.width)
    return list(zip(lefts, rights))


def _bounded(spare: float, width: float) -> float:
    return min(max(spare, -_MOST_CUT * width), _MOST_ADDED * width)


def _direction(box: Box, line: LineResult) -> Tuple[float, float]:
    """Return cosine and sine (y up) of the text direction at a box; never exactly vertical."""
    baseline: Sequence[Point] = line.line.baseline or ()
    x, y = box.center
    pieces = [
        (math.hypot((x0 + x1) / 2 - x, (y0 + y1) / 2 - y), (x0, y0), (x1, y1))
        for (x0, y0), (x1, y1) in zip(baseline, baseline[1:])
        if (x0, y0) != (x1, y1)
    ]
    _, (x0, y0), (x1, y1) = min(pieces, default=(0.0, (box.left, y), (box.right, y)))
    length = math.hypot(x1 - x0, y1 - y0)
    cos, sin = (x1 - x0) / length, (y0 - y1) / length
    return (cos if abs(cos) >= _LEAN else _LEAN, sin)


def _length(box: Box, cos: float, sin: float) -> float:
    """Return the length of the rotated rectangle inscribed in a box."""
    cos, sin = abs(cos), abs(sin)
    difference = cos * cos - sin * sin
    width, height = box.width, box.height
    longest = min(width / max(cos, 1e-9), height / max(sin, 1e-9))
    if abs(difference) > _STEEPEST:
        length = (width * cos - height * sin) / difference
        thickness = (height * cos - width * sin) / difference
        if length > 0 and thickness > 0.2 * min(width, height):
            return min(length, longest)
    return min(width if cos >= sin else height, longest)
