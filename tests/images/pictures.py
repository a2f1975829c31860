"""Pictures shared by the tests of this folder."""

from __future__ import annotations

import io
import struct
from typing import Any, Dict

import numpy as np
from numpy.typing import NDArray
from PIL import Image

NEARLY_LOSSLESS: Dict[str, Dict[str, Any]] = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95}}


def marked_page() -> NDArray[np.uint8]:
    """24 x 40, no two corners alike: black top left, gray top right, white below."""
    page = np.full((24, 40), 255, dtype=np.uint8)
    page[:8, :8] = 0
    page[:8, 20:] = 100
    return page


def encoded(picture: Image.Image, image_format: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, image_format, **options)
    return file.getvalue()


def unknown_second_page(tiff: bytes) -> bytes:
    """A TIFF of three uncompressed pages whose second one states a compression nobody knows."""
    entry = struct.pack("<HHII", 259, 3, 1, 1)
    assert tiff.count(entry) == 3
    start = tiff.index(entry, tiff.index(entry) + 1)
    return tiff[:start] + struct.pack("<HHII", 259, 3, 1, 34661) + tiff[start + len(entry) :]
