"""Convert decoded pixels to a page: gray, 8 bits, upright."""

from __future__ import annotations

from typing import Any, Callable, Dict

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

Pixels = NDArray[np.uint8]

_BAND_ROWS = 256

_STORED_DEPTHS = (10, 12, 14)
"""Bits that are used of the 16 that a picture has, where it uses fewer."""

_LARGEST_SHORT = 65535

_STUCK = 1e-4
"""Share of the pixels that may be brighter than white."""

_ROUNDING = 1e-3
"""Share of white by which resampling may exceed it."""

_MOSTLY_OPAQUE = 127
"""Mean opacity, of 255, of a picture that has paper of its own."""

_LIGHT_INK = 170
"""Gray level: lighter ink can hardly be seen on white."""

# TIFF tags and values
_BITS_PER_SAMPLE = 258
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0

_UPRIGHT: Dict[object, Callable[[Pixels], Pixels]] = {
    2: lambda page: page[:, ::-1],
    3: lambda page: page[::-1, ::-1],
    4: lambda page: page[::-1],
    5: lambda page: page.T,
    6: lambda page: page[::-1].T,
    7: lambda page: page[::-1, ::-1].T,
    8: lambda page: page[:, ::-1].T,
}
"""EXIF orientation -> how to set the page upright."""

SIDEWAYS = (5, 6, 7, 8)
"""The EXIF orientations that exchange width and height."""


def upright(picture: Image.Image, page: Pixels) -> Pixels:
    """Rotate the page by the EXIF orientation of its picture."""
    turn = _UPRIGHT.get(orientation(picture))
    return page if turn is None else np.ascontiguousarray(turn(page))


def orientation(picture: Image.Image) -> object:
    """Return the EXIF orientation, or 1 (upright) if the EXIF data are damaged."""
    try:
        return picture.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # damaged data make the reader raise all kinds of errors
        return 1


def gray(picture: Image.Image) -> Pixels:
    """Convert to (H, W) uint8, 0 is black; transparent parts become white.

    They become black around light ink on a transparent ground, which would vanish on white.
    """
    if _is_deep(picture):
        return _eight_bits(picture)
    if picture.mode == "LAB":  # Pillow does not convert LAB; its lightness is the gray value
        return np.array(picture.getchannel("L"))
    if picture.has_transparency_data:
        if picture.mode not in ("LA", "RGBA"):
            picture = picture.convert("RGBA")
        return _laid_on(paper_of(picture), picture)
    return np.array(picture.convert("L"))


def paper_of(picture: Image.Image) -> int:
    """Return the gray level that transparent parts take, see `gray`.

    Args:
        picture: LA or RGBA.
    """
    opacity = float(np.asarray(picture.getchannel("A")).mean())
    only_ink = 0.0 < opacity < _MOSTLY_OPAQUE
    return 0 if only_ink and _laid_on(255, picture).min() >= _LIGHT_INK else 255


def is_plain(picture: Image.Image) -> bool:
    """Return whether a picture's pixels mean what they say: 0 is black, and all bits are used."""
    if not _is_deep(picture):
        return True
    sixteen_bits = picture.mode.startswith("I;16") and not _white_is_zero(picture)
    return sixteen_bits and _full_scale(picture) == _LARGEST_SHORT


def _is_deep(picture: Image.Image) -> bool:
    return picture.mode in ("I", "F") or picture.mode.startswith("I;16")


def _white_is_zero(picture: Image.Image) -> bool:
    """Return whether 0 is white in a TIFF; Pillow applies that only up to 8 bits."""
    return bool(getattr(picture, "tag_v2", {}).get(_PHOTOMETRIC) == _WHITE_IS_ZERO)


def _laid_on(paper: int, picture: Image.Image) -> Pixels:
    page = Image.new("L", picture.size, paper)
    page.paste(picture.convert("L"), mask=picture.getchannel("A"))
    return np.array(page)


def _eight_bits(picture: Image.Image) -> Pixels:
    """Scale a picture of 16 or 32 bits, in bands to save memory."""
    white = _full_scale(picture)
    page = np.empty((picture.height, picture.width), dtype=np.uint8)
    for top in range(0, picture.height, _BAND_ROWS):
        rows = page[top : top + _BAND_ROWS]
        band = picture.crop((0, top, picture.width, top + len(rows)))
        values = np.asarray(band).astype(np.float32)
        if not np.isfinite(values).all():
            raise ValueError("some pixels are not finite numbers")
        np.rint(np.clip(values / white, 0.0, 1.0) * 255.0, out=rows, casting="unsafe")
    if _white_is_zero(picture):
        np.subtract(255, page, out=page)
    return page


def _full_scale(picture: Image.Image) -> float:
    """Return the value of white: cameras and scanners store 10 or 12 bits in 16, unscaled."""
    if picture.mode.startswith("I;16"):
        bits = int(getattr(picture, "tag_v2", {}).get(_BITS_PER_SAMPLE, (16,))[0])
        values = np.asarray(picture)
        used = next((depth for depth in _STORED_DEPTHS if _most_below(values, 2**depth)), bits)
        return float(2 ** min(bits, used) - 1)
    values = np.asarray(picture)
    scales = (1.0, 255.0, 65535.0, 2.0**31 - 1)[0 if picture.mode == "F" else 1 :]
    fitting = (scale for scale in scales if _most_below(values, scale + _ROUNDING * scale))
    return next(fitting, float(values.max()))


def _most_below(values: NDArray[Any], limit: float) -> bool:
    """Return whether all pixels but a few are darker: some sensors have pixels that are stuck."""
    return bool((values >= limit).mean() <= _STUCK)
