"""The pages of a file are counted, measured and loaded by their numbers."""

from __future__ import annotations

from pathlib import Path
from typing import List

import pytest
from PIL import Image

from htrlib.document.geometry import Size
from htrlib.errors import ImageError
from htrlib.images.numbered_pages import count_pages, load_page, page_size
from tests.images.pictures import encoded, unknown_second_page

SIZES = ((200, 100), (150, 120), (90, 60))


@pytest.fixture(params=["many.tif", "many.pdf"])
def many(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A file of three pages with different sizes and shades."""
    pages: List[Image.Image] = [
        Image.new("L", size, 50 * number) for number, size in enumerate(SIZES, start=1)
    ]
    path = tmp_path / str(request.param)
    pages[0].save(path, save_all=True, append_images=pages[1:], resolution=300)
    return path


def test_each_page_has_its_own_size_and_pixels(many: Path) -> None:
    assert count_pages(many) == 3
    for number, (width, height) in enumerate(SIZES, start=1):
        assert page_size(many, number) == Size(width, height)
        page = load_page(many, number)
        assert page.shape == (height, width)
        assert int(page.mean()) == pytest.approx(50 * number, abs=2)


def test_a_page_that_is_not_there_is_told(many: Path) -> None:
    with pytest.raises(ImageError, match="page"):
        load_page(many, 4)
    with pytest.raises(ImageError, match="page"):
        page_size(many, 4)


def test_a_page_that_cannot_be_read_counts_before_one_that_can(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    first, *others = (Image.new("L", (40 + n, 30), 200) for n in range(3))
    path.write_bytes(
        unknown_second_page(encoded(first, "TIFF", save_all=True, append_images=others))
    )
    assert count_pages(path) == 3
    assert page_size(path, 3) == Size(42, 30)
    with pytest.raises(ImageError, match="page 2"):
        load_page(path, 2)


def test_other_pictures_have_one_page(tmp_path: Path) -> None:
    frames = [Image.new("L", (20, 10), shade) for shade in (0, 255)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    assert count_pages(tmp_path / "moving.gif") == 1
    frames[0].save(tmp_path / "a.png")
    assert count_pages(tmp_path / "a.png") == 1


def test_a_page_on_its_side_has_the_size_that_it_is_loaded_with(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    first, second = Image.new("L", (200, 100), 255), Image.new("L", (80, 30), 255)
    path = tmp_path / "turned.tif"
    first.save(path, save_all=True, append_images=[second], exif=turned)
    for number in (1, 2):
        height, width = load_page(path, number).shape
        assert page_size(path, number) == Size(width, height)


def test_a_pdf_is_drawn_as_finely_as_it_is_asked_for(tmp_path: Path) -> None:
    Image.new("L", (300, 600), 255).save(tmp_path / "a.pdf", resolution=300)
    assert load_page(tmp_path / "a.pdf", 1, 75).shape == (150, 75)


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7\nnothing", b"II*\0\xff\xff\xff\xff"])
def test_a_damaged_file_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "damaged.tif"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=r"damaged\.tif"):
        load_page(path, 1)
