from __future__ import annotations

import tracemalloc
from typing import Sequence, Tuple

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from htrlib.images.staves import without_staves

Page = NDArray[np.uint8]

TEXT = "The habit of looking at things, doubtful but kindly, led him to the old hall."
PAPER, INK, RULE = 235, 60, 170
WIDTH, HEIGHT = 1000, 760


def letter() -> Page:
    picture = Image.new("L", (WIDTH, HEIGHT), PAPER)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(26)
    for number in range(12):
        draw.text((60, 50 + 56 * number), TEXT[number % 9 :], fill=INK, font=font)
    return np.asarray(picture)


def ruled(
    page: Page, rows: Sequence[float], thick: int = 1, fall: float = 0.0, inset: int = 0
) -> Page:
    """The page with lines that begin at the given heights, and fall by `fall` pixels in all."""
    picture = Image.fromarray(page)
    draw = ImageDraw.Draw(picture)
    for y in rows:
        draw.line((inset, y, WIDTH - inset, y + fall), RULE, thick)
    return np.minimum(np.asarray(picture), page)


def staves(distance: float, between: float, lines: int = 5) -> Tuple[float, ...]:
    pitch = (lines - 1) * distance + between
    tops = np.arange(20.0, HEIGHT - (lines - 1) * distance, pitch)
    return tuple(top + line * distance for top in tops for line in range(lines))


def difference(page: Page, other: Page) -> float:
    return float(np.abs(page.astype(int) - other).mean())


@pytest.mark.parametrize("distance", [9.0, 12.4, 17.0])
@pytest.mark.parametrize("gap", [2.0, 3.3])
@pytest.mark.parametrize("thick", [1, 2])
@pytest.mark.parametrize("fall", [-9.0, 0.0, 7.0])
@pytest.mark.parametrize("inset", [0, 60])
def test_staves_go_and_writing_stays(
    distance: float, gap: float, thick: int, fall: float, inset: int
) -> None:
    page = letter()
    music = ruled(page, staves(distance, gap * distance), thick, fall, inset)
    cleaned = without_staves(music)
    assert difference(cleaned, page) < 0.4 * difference(music, page)
    assert (cleaned < (PAPER + INK) / 2)[page < INK + 20].mean() > 0.95


@pytest.mark.parametrize(
    "rows",
    [
        (),
        tuple(np.arange(30, HEIGHT, 56)),  # ruled paper
        tuple(np.arange(30, HEIGHT, 9)),  # closely ruled paper
        staves(12, 60)[:10],  # two staves: they may be a table
        staves(12, 60, lines=4),
        staves(40, 90),  # lines to write on, in groups of five
    ],
)
def test_pages_without_staves_are_handed_on_as_they_are(rows: Tuple[float, ...]) -> None:
    page = ruled(letter(), rows)
    assert without_staves(page) is page


def test_struck_and_underlined_writing_keeps_its_lines() -> None:
    rows = [50 + 56 * number + offset for number in range(12) for offset in (16, 32)]
    page = ruled(letter(), rows, thick=2, inset=60)
    assert without_staves(page) is page


@pytest.mark.parametrize("shape", [(1, 1), (3, 400), (400, 3), (96, 150), (600, 47)])
def test_pictures_of_a_few_pixels_stay(shape: Tuple[int, int]) -> None:
    page = np.full(shape, 200, np.uint8)
    assert without_staves(page) is page


def test_a_page_of_noise_or_of_one_gray_stays() -> None:
    noise = np.random.default_rng(2).integers(0, 255, (500, 500)).astype(np.uint8)
    assert without_staves(noise) is noise
    gray = np.full((500, 500), 128, np.uint8)
    assert without_staves(gray) is gray


def test_paragraphs_of_five_close_rows_of_print_are_no_staves() -> None:
    page = np.full((900, 700), 250, np.uint8)
    rng = np.random.default_rng(3)
    for paragraph in range(9):
        for row in range(5):
            y = 40 + 95 * paragraph + 12 * row
            for x in range(40, 660, 5):  # letters, and a gap after some of them
                if rng.random() < 0.8:
                    page[y : y + 4, x : x + 4] = 40
    assert np.array_equal(without_staves(page), page)


def test_a_dithered_scan_takes_little_memory() -> None:
    rng = np.random.default_rng(1)
    page = np.where(rng.random((1500, 2000)) < 0.75, 255, 0).astype(np.uint8)
    tracemalloc.start()
    try:
        without_staves(page)
        assert tracemalloc.get_traced_memory()[1] < 600e6
    finally:
        tracemalloc.stop()
