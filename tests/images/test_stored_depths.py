from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from htrlib.images.loading import load_image


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bits_that_hold_fewer_are_as_bright_as_they_were(tmp_path, bits, suffix):
    gray = np.linspace(0, 1, 64).reshape(8, 8)
    path = tmp_path / f"page.{suffix}"
    Image.fromarray((gray * (2**bits - 1)).round().astype(np.uint16)).save(path)
    np.testing.assert_allclose(load_image(path), gray * 255, atol=1)
