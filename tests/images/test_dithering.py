"""Dithered scans are smoothed, and other pages stay as they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from htrlib.images.dithering import without_dithering

Page = NDArray[np.uint8]


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
    after = np.abs(without_dithering(dithered(gray)).astype(int) - gray).mean()
    assert after < 0.5 * before


@pytest.mark.parametrize("contrast", ["gray", "two colors", "grain"])
def test_other_pages_stay(contrast: str) -> None:
    page = letter(220)
    if contrast == "two colors":
        page = np.where(page < 150, 0, 255).astype(np.uint8)
    if contrast == "grain":
        grain = np.random.default_rng(1).normal(0, 12, page.shape)
        page = np.clip(page + grain, 0, 255).astype(np.uint8)
    assert without_dithering(page) is page


@pytest.mark.parametrize("shape", [(1, 1), (2, 50), (3, 3), (40, 7)])
def test_small_pictures_are_taken(shape: Any) -> None:
    board = (np.indices(shape).sum(axis=0) % 2 * 255).astype(np.uint8)
    assert without_dithering(board).shape == shape
    blank = np.full(shape, 200, np.uint8)
    assert without_dithering(blank) is blank
