"""Arrays that are not pages are refused with advice."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from htrlib.errors import ImageError
from htrlib.images.loading import (
    check_page,
)
from tests.images.pictures import marked_page


class TestCheckPage:
    def test_a_page_passes_as_it_is(self) -> None:
        page = marked_page()
        assert check_page(page) is page
        assert check_page(page[::2, 3:9]).shape == (12, 6)

    @pytest.mark.parametrize(
        ("image", "message"),
        [
            (None, "found NoneType: htrlib.load_image"),
            ([[0, 255]], "found list"),
            (Image.new("L", (2, 2)), "found Image"),
            (np.zeros(4, np.uint8), r"found shape \(4,\)"),
            (np.zeros((4, 4, 3), np.uint8), r"found shape \(4, 4, 3\): make it gray"),
            (np.zeros((4, 4, 1), np.uint8), r"take image\[:, :, 0\]"),
            (np.zeros((2, 4, 4, 3), np.uint8), "one page at a time"),
            (np.zeros((4, 4), bool), r"found bool: use image \* np.uint8\(255\)"),
            (np.zeros((4, 4)), r"found float64: use \(image \* 255\)"),
            (np.zeros((4, 4), np.uint16), "found uint16: use .* 257"),
            (np.zeros((4, 4), np.int64), r"found int64: use image.astype"),
            (np.zeros((0, 4), np.uint8), "no pixels"),
            (np.zeros((4, 0), np.uint8), "no pixels"),
        ],
    )
    def test_anything_else_says_what_to_do(self, image: object, message: str) -> None:
        with pytest.raises(ImageError, match=message):
            check_page(image)

    def test_the_advice_works(self) -> None:
        """The conversion that each message recommends gives the page."""
        page = np.array([[0, 255], [255, 0]], dtype=np.uint8)
        np.testing.assert_array_equal((page > 0) * np.uint8(255), page)
        np.testing.assert_array_equal((page / 255.0 * 255).round().astype(np.uint8), page)
        np.testing.assert_array_equal((page.astype(np.uint16) * 257 // 257).astype(np.uint8), page)
        for image in (page > 0, page / 255.0, page.astype(np.uint16) * 257):
            with pytest.raises(ImageError):
                check_page(image)

    def test_too_large(self) -> None:
        page = np.broadcast_to(np.uint8(255), (20_000, 20_000))  # one byte of memory
        with pytest.raises(ImageError, match="found 20,000 x 20,000"):
            check_page(page)
