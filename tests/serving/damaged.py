"""Files with damage that a test sends."""

from __future__ import annotations

import io

from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile


def damaged_in_the_middle() -> bytes:
    """A TIFF of three pages whose second is damaged."""
    file = io.BytesIO()
    page = Image.linear_gradient("L")
    page.save(file, "TIFF", save_all=True, append_images=[page] * 2, compression="tiff_lzw")
    with Image.open(file) as tiff:
        assert isinstance(tiff, TiffImageFile)
        tiff.seek(1)
        first = tiff.tag_v2[273][0]
    content = bytearray(file.getvalue())
    content[first : first + 64] = b"\xff" * 64
    return bytes(content)
