"""Render whole pages of synthetic handwriting with exact ground truth.

>>> from htrlib.synthesis.handwriting import BUNDLED_FONTS, load_fonts
>>> fonts = load_fonts(BUNDLED_FONTS, "Hello world")
>>> page, = render_pages(1, fonts, ["Hello", "world"], seed=2, config=PageConfig({"letter": 1}))
>>> sorted({word for line in page.lines for word in line.text.split()})
['Hello', 'world']
"""

from __future__ import annotations

import math
import multiprocessing
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Deque, Iterator, List, Mapping, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.document.geometry import Box, union_of
from htrlib.document.results import TextLine
from htrlib.errors import ConfigError, DatasetError
from htrlib.synthesis.furniture import LAYOUTS, Printer, rule_page
from htrlib.synthesis.handwriting import HandwritingFont
from htrlib.synthesis.paper import add_marks, paper, scanned
from htrlib.synthesis.placement import Turn
from htrlib.synthesis.printing import PrintedLayer, printed_faces
from htrlib.synthesis.writing import Hand, Written, write

PAGE_KINDS: Mapping[str, float] = {
    "letter": 0.45,
    "form": 0.22,
    "sheet": 0.22,
    "printed": 0.07,
    "blank": 0.04,
}


@dataclass(frozen=True)
class PageConfig:
    """Settings of rendered pages.

    Attributes:
        kinds: weights of the kinds of pages: "letter" (plain or ruled paper), "form" (printed
            header and rules above the writing, a printed name line below), "sheet" (a small printed
            text above partly used lines), "printed" (no handwriting), "blank".
        width: minimum and maximum width of a page in pixels; medium widths are the most frequent.
        lines: minimum and maximum number of lines on a full page of letter paper.
        slope: maximum slope of the writing in degrees, up or down, uniformly distributed.
        touching: mean fraction of neighboring lines whose ink touches.
        ruled: fraction of letters on ruled, dotted or squared paper; for forms, a quarter of it.
            At least half of all sheets are ruled.
        wear: 0 is clean paper; 1 adds realistic grain, stains, folds, specks, holes, dark borders,
            and a scanner's blur and noise.
        printed_fonts: folder of fonts for print; by default those of the machine, so the same seed
            may give different pages on other machines.
    Raises:
        ConfigError: a value is out of range.
    """

    kinds: Mapping[str, float] = field(default_factory=lambda: dict(PAGE_KINDS))
    width: Tuple[int, int] = (600, 2550)
    lines: Tuple[int, int] = (8, 40)
    slope: float = 5.0
    touching: float = 0.5
    ruled: float = 0.45
    wear: float = 1.0
    printed_fonts: Optional[Path] = None

    def __post_init__(self) -> None:
        weights = self.kinds.values()
        if set(self.kinds) - set(PAGE_KINDS) or not sum(weights) > 0 or min(weights) < 0:
            raise ConfigError(
                f"kinds must map {', '.join(PAGE_KINDS)} to weights of at least 0, not all 0; "
                f"found {dict(self.kinds)}"
            )
        for name, (low, high) in (("width", self.width), ("lines", self.lines)):
            if not 1 <= low <= high:
                raise ConfigError(f"{name} must be a minimum and a maximum, found {low}, {high}")
        if not 0 <= self.slope < 90:
            raise ConfigError(f"slope must be at least 0 and below 90, found {self.slope}")
        for name in ("touching", "ruled", "wear"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} must be between 0 and 1, found {getattr(self, name)}")


@dataclass(frozen=True)
class SyntheticLine:
    """A handwritten line and its position in page pixels.

    Attributes:
        text: text of the line.
        line: box (exact bounds of the line's ink), polygon (around all of it) and baseline.
        words: boxes of the words' ink.
    """

    text: str
    line: TextLine
    words: Tuple[Box, ...]


@dataclass(frozen=True, eq=False)
class SyntheticPage:
    """A rendered page and its ground truth.

    Attributes:
        image: (H, W) uint8, 0 is black.
        paragraph: union of the lines' boxes, or None without lines.
        lines: handwritten lines in reading order.
        printed: boxes of printed text lines and stamps.
    """

    image: NDArray[np.uint8]
    paragraph: Optional[Box]
    lines: Tuple[SyntheticLine, ...]
    printed: Tuple[Box, ...]


def render_page(
    words: Sequence[str],
    fonts: Sequence[HandwritingFont],
    rng: np.random.Generator,
    config: Optional[PageConfig] = None,
) -> SyntheticPage:
    """Render one page.

    Args:
        words: running text; the page starts at a random point in it, and omits words that its font
            cannot draw.
        fonts: fonts, of which one is chosen for the page.
    Raises:
        DatasetError: the font cannot draw the words, or there are no words or fonts.
    """
    if not words or not fonts:
        raise DatasetError(
            f"a page needs words and fonts, found {len(words)} and {len(fonts)}; give some of both"
        )
    config = config or PageConfig()
    kinds = list(config.kinds)
    weights = np.array([config.kinds[kind] for kind in kinds], float)
    kind = kinds[int(rng.choice(len(kinds), p=weights / weights.sum()))]
    width, height = _page_size(kind, config.width, rng)
    ruled = rng.random() < _ruled_share(kind, config.ruled)
    page_angle, hand_angle = _angles(config.slope, ruled, rng)
    center = width / 2, height / 2
    printed = PrintedLayer(width, height, Turn(page_angle, center))
    printer = Printer(printed, words, printed_faces(config.printed_fonts), rng)
    # Writing that slopes relative to the print needs room above and below for its ends.
    drop = 0.35 * width * math.tan(math.radians(abs(hand_angle - page_angle)))
    room = LAYOUTS[kind](printer, drop, ruled)
    lines: Tuple[Written, ...] = ()
    if room.area is not None:
        turns = Turn(page_angle, center), Turn(hand_angle, center)
        area = _moved_along(room.area, *turns)
        hand = _hand(fonts, width, room.area, config, rng)
        size = width, height
        lines, first, pitch = write(words, hand, area, turns[1], size, ruled, rng)
        if ruled:
            rule_page(printer, room, first, pitch)
    return _finish(printed, lines, kind == "form", config.wear, rng)


def render_pages(
    count: int,
    fonts: Sequence[HandwritingFont],
    words: Sequence[str],
    seed: int,
    config: Optional[PageConfig] = None,
    processes: int = 1,
) -> Iterator[SyntheticPage]:
    """Render pages, which depend on the seed but not on the number of processes.

    With more than one process, the calling script needs the `if __name__ == "__main__"` of
    `multiprocessing`.
    """
    config = config or PageConfig()
    if processes <= 1:
        for number in range(count):
            yield render_page(words, fonts, np.random.default_rng((seed, number)), config)
        return
    # Spawned, because forking a process with MXNet's threads can hang.
    with ProcessPoolExecutor(
        processes,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_set_up,
        initargs=(tuple(words), tuple(fonts), seed, config),
    ) as pool:
        waiting: Deque[Future[SyntheticPage]] = deque()
        for number in range(count):
            waiting.append(pool.submit(_render_numbered, number))
            if len(waiting) > 2 * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


_SETUP: List[Tuple[Sequence[str], Sequence[HandwritingFont], int, PageConfig]] = []


def _set_up(
    words: Sequence[str], fonts: Sequence[HandwritingFont], seed: int, config: PageConfig
) -> None:
    _SETUP[:] = [(words, fonts, seed, config)]


def _render_numbered(number: int) -> SyntheticPage:
    words, fonts, seed, config = _SETUP[0]
    return render_page(words, fonts, np.random.default_rng((seed, number)), config)


def _page_size(kind: str, widths: Tuple[int, int], rng: np.random.Generator) -> Tuple[int, int]:
    low, high = np.log(widths[0]), np.log(widths[1])
    width = (
        round(np.exp(rng.triangular(low, 0.6 * low + 0.4 * high, high)))
        if low < high
        else widths[0]
    )
    chance = rng.random()
    if chance < 0.7 or kind in ("form", "sheet"):
        aspect = rng.uniform(1.25, 1.5)
    elif chance < 0.82:
        aspect = rng.uniform(0.65, 0.8)
    elif chance < 0.93 or kind != "letter":
        aspect = rng.uniform(0.85, 1.8)
    else:
        aspect = rng.uniform(0.3, 0.65)  # a page cropped to a few lines
    return width, round(width * aspect)


def _ruled_share(kind: str, share: float) -> float:
    """Return the fraction of ruled pages: low for forms, high for sheets."""
    return {"form": 0.25 * share, "sheet": 0.5 + 0.5 * share, "printed": 0.0}.get(kind, share)


def _angles(slope: float, ruled: bool, rng: np.random.Generator) -> Tuple[float, float]:
    """Draw the rotation of the page, and of the writing on it, in degrees."""
    hand = rng.uniform(-slope, slope)
    page = hand if ruled or rng.random() < 0.5 else rng.normal(0, 0.08 * slope)
    return float(page), float(hand)


def _moved_along(area: Box, page: Turn, hand: Turn) -> Box:
    """Move an area so that its center, rotated with the writing, matches the rotated page's."""
    x, y = np.array([area.center[0]]), np.array([area.center[1]])
    moved_x, moved_y = hand.backward(*page.forward(x, y))
    return area.shifted(float(moved_x[0] - x[0]), float(moved_y[0] - y[0]))


def _hand(
    fonts: Sequence[HandwritingFont],
    width: int,
    area: Box,
    config: PageConfig,
    rng: np.random.Generator,
) -> Hand:
    font = fonts[int(rng.integers(len(fonts)))]
    height = max(8.0, min(1.3 * width / rng.uniform(*config.lines), 0.8 * area.height))
    return Hand.random(font, height, config.touching, rng)


def _finish(
    printed: PrintedLayer,
    lines: Sequence[Written],
    specked: bool,
    wear: float,
    rng: np.random.Generator,
) -> SyntheticPage:
    """Combine ink, print and paper."""
    height, width = printed.darkness.shape
    ink = np.zeros((height, width), np.uint8)
    for line in lines:
        line.piece.draw_on(ink)
    image = paper(width, height, rng, wear)
    if rng.random() < 0.08 * wear and lines:
        verso = ink[:, ::-1].astype(np.float32)
        image *= 1.0 - verso * np.float32(rng.uniform(0.03, 0.12) / 255)
    image *= 1.0 - ink.astype(np.float32) / 255
    image *= 1.0 - printed.darkness.astype(np.float32) / 255
    written = tuple(_ground_truth(line) for line in lines)
    paragraph = union_of(line.line.box for line in written) if written else None
    add_marks(image, paragraph, rng, wear, specked)
    return SyntheticPage(scanned(image, rng, wear), paragraph, written, tuple(printed.boxes))


def _ground_truth(line: Written) -> SyntheticLine:
    piece = line.piece
    return SyntheticLine(
        line.text, TextLine(piece.box, piece.outline(), piece.baseline), piece.words
    )
