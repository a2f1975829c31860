"""Dithered scans are smoothed, and other pages stay as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Tuple

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from htrlib.images.grain import without_grain
from htrlib.images.loading import load_image

Page = NDArray[np.uint8]

SAMPLES = Path(__file__).parents[2] / "examples" / "data"


def letter(paper: int = 255) -> Page:
    picture = Image.new("L", (900, 700), paper)
    draw = ImageDraw.Draw(picture)
    for row in range(10):
        text = "a line of a letter, written long ago"
        draw.text((40, 30 + 60 * row), text, fill=20, font=ImageFont.load_default(30))
    return np.asarray(picture)


def dithered(page: Page) -> Page:
    return np.asarray(Image.fromarray(page).convert("1").convert("L"))


@pytest.mark.parametrize("paper", [220, 190, 130])
def test_a_dithered_page_becomes_much_like_the_gray_one(paper: int) -> None:
    gray = letter(paper)
    before = np.abs(dithered(gray).astype(int) - gray).mean()
    after = np.abs(without_grain(dithered(gray)).astype(int) - gray).mean()
    assert after < 0.5 * before


@pytest.mark.parametrize("share", [0.02, 0.05])
def test_specks_are_taken_out_and_strokes_stay_sharp(share: float) -> None:
    page, chance = letter(235), np.random.default_rng(2).random((700, 900))
    speckled = np.where(chance < share / 2, 0, np.where(chance > 1 - share / 2, 255, page))
    found = without_grain(speckled.astype(np.uint8)).astype(int)
    assert np.abs(found - page).mean() < 0.4 * np.abs(speckled - page.astype(int)).mean()
    assert found.min() < 60


@pytest.mark.parametrize("contrast", ["gray", "two colors", "grain", "noise"])
def test_other_pages_stay(contrast: str) -> None:
    page = letter(220)
    if contrast == "two colors":
        page = np.where(page < 150, 0, 255).astype(np.uint8)
    if contrast in ("grain", "noise"):
        level = 12 if contrast == "grain" else 70
        grain = np.random.default_rng(1).normal(0, level, page.shape)
        page = np.clip(page + grain, 0, 255).astype(np.uint8)
    assert without_grain(page) is page


def test_the_sample_pages_stay() -> None:
    for path in sorted(SAMPLES.glob("*.png")):
        page = load_image(path)
        assert without_grain(page) is page, path.name


@pytest.mark.parametrize("size", [9, 11, 14])
@pytest.mark.parametrize("two_colors", [False, True])
def test_small_print_stays(size: int, two_colors: bool) -> None:
    large = Image.new("L", (2700, 2400), 245)
    draw = ImageDraw.Draw(large)
    for row in range(2400 // (4 * size)):
        text = "it is. in; all: ill - his list, of tiny things " * 6
        draw.text((10, 4 * size * row), text, fill=20, font=ImageFont.load_default(3 * size))
    page = np.asarray(large.resize((900, 800), Image.Resampling.BOX))
    if two_colors:
        page = np.where(page < 140, 0, 255).astype(np.uint8)
    assert without_grain(page) is page


@pytest.mark.parametrize("shape", [(1, 1), (2, 50), (399, 2000), (2000, 60)])
def test_pictures_of_lines_and_words_stay(shape: Tuple[int, int]) -> None:
    board = (np.indices(shape).sum(axis=0) % 2 * 255).astype(np.uint8)
    assert without_grain(board) is board


def test_a_blank_page_stays() -> None:
    blank = np.full((500, 400), 200, np.uint8)
    assert without_grain(blank) is blank
