"""Check that an array is a page."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from htrlib.errors import ImageError


def checked_array(image: object) -> NDArray[np.uint8]:
    """Return the array if it is a nonempty (H, W) uint8 array.

    Raises:
        ImageError: it is not; the message says how to convert it.
    """
    wanted = "a page is an (H, W) array of uint8, 0 is black"
    if not isinstance(image, np.ndarray):
        raise ImageError(
            f"{wanted}; found {type(image).__name__}: htrlib.load_image creates one from a file, "
            "bytes or a PIL image"
        )
    if image.ndim != 2:
        raise ImageError(f"{wanted}; found shape {image.shape}: {_gray_advice(image)}")
    if image.dtype != np.uint8:
        raise ImageError(f"{wanted}; found {image.dtype}: {_depth_advice(image)}")
    if image.size == 0:
        raise ImageError(f"{wanted}; found shape {image.shape}, which has no pixels")
    return image


def _gray_advice(image: NDArray[Any]) -> str:
    if image.ndim == 3 and image.shape[2] == 1:
        return "take image[:, :, 0]"
    if image.ndim == 3 and image.shape[2] in (3, 4):
        return "make it gray with htrlib.load_image(PIL.Image.fromarray(image)), channels as RGB(A)"
    return "give one page at a time"


def _depth_advice(image: NDArray[Any]) -> str:
    if image.dtype == np.bool_:
        return "use image * np.uint8(255), True is white"
    if image.dtype.kind == "f":
        return "use (image * 255).round().astype(np.uint8) if 1.0 is white"
    if image.dtype == np.uint16:
        return "use (image // 257).astype(np.uint8) if 65535 is white"
    return "use image.astype(np.uint8) if 255 is white"
