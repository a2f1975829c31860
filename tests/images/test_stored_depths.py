from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from htrlib.images.loading import load_image


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bits_that_hold_fewer_are_as_bright_as_they_were(tmp_path, bits, suffix):
    gray = np.linspace(0, 1, 64).reshape(8, 8)
    path = tmp_path / f"page.{suffix}"
    Image.fromarray((gray * (2**bits - 1)).round().astype(np.uint16)).save(path)
    np.testing.assert_allclose(load_image(path), gray * 255, atol=1)


def page_of_gray() -> NDArray[np.float64]:
    return np.tile(np.linspace(0, 1, 200), (200, 1))


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_a_stuck_pixel_does_not_darken_the_page(tmp_path, bits):
    values = (page_of_gray() * (2**bits - 1)).round()
    values[7, 7] = 65535
    Image.fromarray(values.astype(np.uint16)).save(tmp_path / "page.png")
    page = load_image(tmp_path / "page.png")
    np.testing.assert_allclose(page[8:], page_of_gray()[8:] * 255, atol=1)


@pytest.mark.parametrize("white", [1.0, 255.0, 65535.0])
def test_floats_that_resampling_made_a_little_lighter_than_white_do_not_darken_the_page(
    tmp_path, white
):
    values = page_of_gray() * white
    values[:, -1] *= 1.0005
    values[3, 3] = 1.2 * white
    Image.fromarray(values.astype(np.float32)).save(tmp_path / "page.tif")
    page = load_image(tmp_path / "page.tif")
    np.testing.assert_allclose(page[8:], page_of_gray()[8:] * 255, atol=1)
