"""Kinds of input files, by suffix and by first bytes."""

from __future__ import annotations

from typing import Dict, Optional, Tuple

PDF = "PDF"

SUFFIXES: Dict[str, Tuple[str, ...]] = {
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "BMP": (".bmp", ".dib"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
    "JPEG2000": (".jp2", ".j2k", ".jpx", ".jpf", ".j2c", ".jpc"),
    "HEIF": (".heic", ".heif"),
    "AVIF": (".avif",),
    PDF: (".pdf",),
}
"""Kind, as named by Pillow -> suffixes of its files."""

PICTURE_SUFFIXES: Tuple[str, ...] = tuple(
    suffix for kind, suffixes in SUFFIXES.items() if kind != PDF for suffix in suffixes
)
"""Suffixes of picture files, in lower case."""

IMAGE_SUFFIXES: Tuple[str, ...] = (*PICTURE_SUFFIXES, *SUFFIXES[PDF])
"""Suffixes of all files with pages. A file named explicitly is read whatever its suffix."""

_MAGIC = (
    ("PNG", b"\x89PNG\r\n\x1a\n"),
    ("JPEG", b"\xff\xd8\xff"),
    ("TIFF", b"II*\x00"),
    ("TIFF", b"MM\x00*"),
    ("TIFF", b"II+\x00"),  # BigTIFF
    ("TIFF", b"MM\x00+"),
    (PDF, b"%PDF-"),
    ("GIF", b"GIF87a"),
    ("GIF", b"GIF89a"),
    ("BMP", b"BM"),
    ("JPEG2000", b"\xff\x4f\xff\x51"),
    ("JPEG2000", b"\x00\x00\x00\x0cjP  \r\n\x87\n"),
)
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_AVIF_BRANDS = (b"avif", b"avis")

MAGIC_BYTES = 1024
"""Number of bytes that `kind_of` needs: a PDF may begin after that many."""


def kind_of(start: bytes) -> Optional[str]:
    """Return the kind of a file, one of `SUFFIXES`, or None.

    Args:
        start: first `MAGIC_BYTES` bytes of the file.
    """
    for kind, magic in _MAGIC:
        if start.startswith(magic):
            return kind
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WEBP"
    if start[:1] == b"P" and start[1:2] in (b"1", b"2", b"3", b"4", b"5", b"6", b"f", b"y"):
        return "PPM"
    if start[4:8] == b"ftyp":
        brands = {start[at : at + 4] for at in (8, *range(16, 32, 4))}
        if brands & set(_AVIF_BRANDS):
            return "AVIF"
        return "HEIF" if brands & set(_HEIF_BRANDS) else None
    return PDF if b"%PDF-" in start[:MAGIC_BYTES] else None
