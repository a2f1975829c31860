"""Pixels of every format, depth and orientation become gray, 8-bit and upright."""

from __future__ import annotations

import io
import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from htrlib.errors import ImageError
from htrlib.images.loading import (
    load_image,
)
from tests.images.pictures import NEARLY_LOSSLESS, encoded, marked_page


def tiff_of_12_bits() -> bytes:
    """Two pixels, 0xFFF and 0x800, packed into three bytes."""
    pixels = bytes([0xFF, 0xF8, 0x00])
    values = [(256, 2), (257, 1), (258, 12), (259, 1), (262, 1), (273, 0), (277, 1), (278, 1)]
    values.append((279, len(pixels)))
    start = 8 + 2 + 12 * len(values) + 4
    entries = b"".join(
        struct.pack("<HHIHH", tag, 3, 1, start if tag == 273 else value, 0) for tag, value in values
    )
    return b"II*\0" + struct.pack("<IH", 8, len(values)) + entries + bytes(4) + pixels


class TestFormats:
    @pytest.mark.parametrize(
        "image_format", ["PNG", "TIFF", "GIF", "BMP", "PPM", "JPEG2000", "JPEG", "WEBP"]
    )
    def test_each_format_reads(self, image_format: str) -> None:
        options = NEARLY_LOSSLESS.get(image_format, {})
        page = load_image(encoded(Image.fromarray(marked_page()), image_format, **options))
        np.testing.assert_allclose(page.astype(int), marked_page(), atol=6)

    def test_color_becomes_luminance(self) -> None:
        colors = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [90, 90, 90]]], dtype=np.uint8)
        expected = [[76, 150, 29, 90]]  # ITU-R 601
        picture = Image.fromarray(colors)
        np.testing.assert_allclose(load_image(picture), expected, atol=1)
        large = picture.resize((64, 16), Image.Resampling.NEAREST)
        jpeg = load_image(encoded(large, "JPEG", quality=95, subsampling=0))
        np.testing.assert_allclose(jpeg[8, 8::16].astype(int), expected[0], atol=4)

    def test_one_bit(self) -> None:
        picture = Image.fromarray(marked_page() > 128)
        expected = np.where(marked_page() > 128, 255, 0)
        for image_format in ("PNG", "TIFF", "BMP", "PPM"):
            np.testing.assert_array_equal(load_image(encoded(picture, image_format)), expected)
        fax = encoded(picture, "TIFF", compression="group4")
        np.testing.assert_array_equal(load_image(fax), expected)

    def test_palette(self) -> None:
        picture = Image.new("P", (3, 1))
        picture.putpalette([255, 255, 255, 0, 0, 0, 200, 200, 200])
        picture.putdata([0, 1, 2])
        for image_format in ("PNG", "GIF", "TIFF", "BMP"):
            page = load_image(encoded(picture, image_format))
            np.testing.assert_array_equal(page, [[255, 0, 200]])

    @pytest.mark.parametrize("transparency", [1, bytes([255, 0, 255])])
    def test_transparent_palette_entries_are_paper(self, transparency: object) -> None:
        picture = Image.new("P", (3, 1))
        picture.putpalette([255, 255, 255, 0, 0, 0, 40, 40, 40])
        picture.putdata([0, 1, 2])
        page = load_image(encoded(picture, transparency=transparency))
        np.testing.assert_array_equal(page, [[255, 255, 40]])

    @pytest.mark.parametrize(
        ("mode", "color"), [("L", 0), ("RGB", (0, 0, 0))], ids=["gray", "color"]
    )
    def test_a_transparent_color_is_paper(self, mode: str, color: Any) -> None:
        picture = Image.new(mode, (2, 1), color)
        picture.putpixel((1, 0), 60 if mode == "L" else (60, 60, 60))
        np.testing.assert_array_equal(load_image(encoded(picture, transparency=color)), [[255, 60]])

    @pytest.mark.parametrize("mode", ["LA", "RGBA"])
    def test_alpha_is_laid_on_white(self, mode: str) -> None:
        gray = Image.fromarray(np.array([[0, 0, 0, 100]], dtype=np.uint8))
        picture = gray.convert(mode)
        picture.putalpha(Image.fromarray(np.array([[0, 255, 128, 255]], dtype=np.uint8)))
        np.testing.assert_array_equal(load_image(encoded(picture)), [[255, 0, 127, 100]])

    @pytest.mark.parametrize("mode", ["LA", "RGBA"])
    def test_light_ink_alone_is_laid_on_black(self, mode: str) -> None:
        picture = Image.new("L", (4, 1), 255).convert(mode)
        picture.putalpha(Image.fromarray(np.array([[0, 255, 128, 0]], dtype=np.uint8)))
        np.testing.assert_array_equal(load_image(encoded(picture)), [[0, 255, 128, 0]])

    def test_a_picture_without_an_opaque_pixel_is_white(self) -> None:
        picture = Image.new("RGBA", (3, 2), (0, 0, 0, 0))
        assert (load_image(encoded(picture)) == 255).all()

    def test_light_paper_with_a_transparent_border_is_laid_on_white(self) -> None:
        picture = Image.new("RGBA", (4, 4), (240, 240, 240, 255))
        picture.putpixel((0, 0), (0, 0, 0, 0))
        page = load_image(encoded(picture))
        assert (page[0, 0], page[1, 1]) == (255, 240)

    @pytest.mark.parametrize("image_format", ["JPEG", "TIFF"])
    def test_cmyk(self, image_format: str) -> None:
        """Full ink is dark, although Adobe's JPEG files store CMYK inverted."""
        inks = Image.new("CMYK", (32, 16))
        inks.paste((0, 0, 0, 255), (16, 0, 32, 16))
        page = load_image(encoded(inks, image_format))
        assert page[8, 4] >= 250
        assert page[8, 28] <= 5

    def test_a_programmable_format_is_not_opened(self, tmp_path: Path) -> None:
        """Pillow hands EPS to Ghostscript, which runs it."""
        eps = encoded(Image.fromarray(marked_page()), "EPS")
        with pytest.raises(ImageError, match="is not a picture"):
            load_image(eps)


class TestDepth:
    SIXTEEN_BITS = np.array([[0, 257, 32896, 65535]], dtype=np.uint16)
    EIGHT_BITS = ((0, 1, 128, 255),)

    def test_16_bits_pgm(self) -> None:
        pgm = b"P5 4 1 65535\n" + self.SIXTEEN_BITS.astype(">u2").tobytes()
        np.testing.assert_array_equal(load_image(pgm), self.EIGHT_BITS)

    @pytest.mark.parametrize("image_format", ["PNG", "TIFF", "JPEG2000"])
    def test_16_bits(self, image_format: str) -> None:
        page = load_image(encoded(Image.fromarray(self.SIXTEEN_BITS), image_format))
        np.testing.assert_array_equal(page, self.EIGHT_BITS)

    def test_16_bits_big_endian(self) -> None:
        big = Image.fromarray(self.SIXTEEN_BITS.astype(">u2"))
        assert big.mode == "I;16B"
        np.testing.assert_array_equal(load_image(big), self.EIGHT_BITS)
        np.testing.assert_array_equal(load_image(encoded(big, "TIFF")), self.EIGHT_BITS)

    def test_a_dark_picture_of_16_bits_stays_dark(self) -> None:
        dark = Image.fromarray(np.full((2, 2), 20560, dtype=np.uint16))
        np.testing.assert_array_equal(load_image(encoded(dark)), np.full((2, 2), 80))

    def test_16_bits_with_white_zero(self) -> None:
        tiff = encoded(Image.fromarray(self.SIXTEEN_BITS), "TIFF", tiffinfo={262: 0})
        np.testing.assert_array_equal(load_image(tiff), [[255, 254, 127, 0]])

    def test_12_bits(self) -> None:
        np.testing.assert_array_equal(load_image(tiff_of_12_bits()), [[255, 128]])

    @pytest.mark.parametrize(
        "values",
        [
            np.array([[0, 1, 128, 255]], dtype=np.int32),
            np.array([[0, 257, 32896, 65535]], dtype=np.int32),
            np.array([[-5, 2**23, 2**30, 2**31 - 1]], dtype=np.int32),
            np.array([[0, 1 / 255, 128 / 255, 1]], dtype=np.float32),
            np.array([[0, 1, 128, 255]], dtype=np.float32),
            np.array([[0, 257, 32896, 65535]], dtype=np.float32),
        ],
        ids=["8 in 32", "16 in 32", "32", "float to 1", "float to 255", "float to 65535"],
    )
    def test_32_bits(self, values: NDArray[Any]) -> None:
        for source in (Image.fromarray(values), encoded(Image.fromarray(values), "TIFF")):
            np.testing.assert_array_equal(load_image(source), self.EIGHT_BITS)

    def test_more_rows_than_one_band(self) -> None:
        rows = np.arange(1000, dtype=np.uint16)[:, None] * np.full((1, 3), 65, dtype=np.uint16)
        expected = np.rint(rows / 257)
        np.testing.assert_array_equal(load_image(Image.fromarray(rows)), expected)

    @pytest.mark.parametrize("odd", [np.nan, np.inf])
    def test_pixels_that_are_no_numbers_are_refused(self, odd: float) -> None:
        picture = Image.fromarray(np.array([[0.5, odd]], dtype=np.float32))
        with pytest.raises(ImageError, match="not finite"):
            load_image(picture)


class TestOrientation:
    # How a picture is stored that each orientation turns upright (EXIF 2.3, tag 0x0112).
    STORED = (
        (1, lambda page: page),
        (2, np.fliplr),
        (3, lambda page: np.rot90(page, 2)),
        (4, np.flipud),
        (5, np.transpose),
        (6, lambda page: np.rot90(page, 1)),
        (7, lambda page: np.rot90(np.transpose(page), 2)),
        (8, lambda page: np.rot90(page, -1)),
    )

    @pytest.mark.parametrize(("orientation", "stored"), STORED)
    @pytest.mark.parametrize("image_format", ["PNG", "JPEG", "TIFF", "WEBP"])
    def test_every_orientation_is_set_upright(
        self, orientation: int, stored: Any, image_format: str
    ) -> None:
        exif = Image.Exif()
        exif[0x0112] = orientation
        picture = Image.fromarray(np.ascontiguousarray(stored(marked_page())))
        options = NEARLY_LOSSLESS.get(image_format, {})
        page = load_image(encoded(picture, image_format, exif=exif, **options))
        assert page.flags.c_contiguous
        np.testing.assert_allclose(page.astype(int), marked_page(), atol=6)

    @pytest.mark.parametrize("orientation", [0, 9, 255])
    def test_an_unknown_orientation_is_upright(self, orientation: int) -> None:
        exif = Image.Exif()
        exif[0x0112] = orientation
        page = load_image(encoded(Image.fromarray(marked_page()), exif=exif))
        np.testing.assert_array_equal(page, marked_page())

    def test_damaged_exif_is_upright(self) -> None:
        for exif in (b"Exif\0\0garbage", b"Exif\0\0II*\0\x08\0\0\0\xff\xff", b"Exif\0\0MM"):
            png = encoded(Image.fromarray(marked_page()), exif=exif)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Pillow's, of damaged EXIF data
                np.testing.assert_array_equal(load_image(png), marked_page())


def test_the_lightness_of_lab_colors_is_read() -> None:
    file = io.BytesIO()
    Image.merge("LAB", [Image.new("L", (20, 10), value) for value in (200, 128, 128)]).save(
        file, "TIFF"
    )
    np.testing.assert_array_equal(load_image(file.getvalue()), np.full((10, 20), 200))
