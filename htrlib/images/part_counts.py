"""Count the parts of a picture file before a decoder creates an object for each of them.

A file of 25 MB may list millions of strips or segments, which would take gigabytes of memory.
"""

from __future__ import annotations

import struct
from typing import Optional

from PIL.JpegImagePlugin import MARKER

MOST_STRIPS = 1 << 17  # strips of a TIFF page; a page of 40 million pixels hardly has as many rows
MOST_FIELDS = 1 << 12  # fields of a TIFF page
MOST_SEGMENTS = 1 << 12  # segments before the pixels of a JPEG

_STRIPS_AND_TILES = (273, 279, 324, 325)  # offsets and sizes
_PIXELS = 0xDA


def too_many_parts(content: bytes, most_pages: int) -> Optional[str]:
    """Describe what a PNG, JPEG or TIFF file has too many of, or return None. Ignores damage.

    Args:
        most_pages: number of pages of a TIFF to check.
    """
    if content.startswith(b"\xff\xd8"):
        return _too_many_segments(content)
    if content.startswith((b"II", b"MM")):
        try:
            return _too_many_fields(content, most_pages)
        except struct.error:  # truncated
            return None
    return None


def _too_many_segments(content: bytes) -> Optional[str]:
    at = 2
    for _ in range(MOST_SEGMENTS):
        at = content.find(b"\xff", at)  # decoders skip bytes between segments
        if at < 0 or at + 4 > len(content) or content[at + 1] == _PIXELS:
            return None
        marker = content[at + 1]
        if marker == 0xFF:  # padding
            at += 1
        elif _has_length(marker):
            at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
        else:
            at += 2
    return f"a JPEG has at most {MOST_SEGMENTS:,} segments before its pixels, found more"


def _has_length(marker: int) -> bool:
    """Return whether a segment has a length, which Pillow uses to skip it."""
    _, _, reader = MARKER.get(0xFF00 | marker, ("", "", None))
    return reader is not None


def _too_many_fields(content: bytes, most_pages: int) -> Optional[str]:
    order = "<" if content.startswith(b"II") else ">"
    if content[2:3] == b"+":  # BigTIFF
        place, count, entry = (struct.Struct(order + code) for code in ("Q", "Q", "HHQQ"))
    else:
        place, count, entry = (struct.Struct(order + code) for code in ("I", "H", "HHII"))
    at = place.unpack_from(content, place.size)[0]
    for _ in range(most_pages):
        if not at:
            return None
        (fields,) = count.unpack_from(content, at)
        if fields > MOST_FIELDS:
            return f"a page of a TIFF has at most {MOST_FIELDS:,} fields, found {fields:,}"
        at += count.size
        for _ in range(fields):
            tag, _, values, _ = entry.unpack_from(content, at)
            if tag in _STRIPS_AND_TILES and values > MOST_STRIPS:
                return f"a page of a TIFF has at most {MOST_STRIPS:,} strips, found {values:,}"
            at += entry.size
        (at,) = place.unpack_from(content, at)
    return None
