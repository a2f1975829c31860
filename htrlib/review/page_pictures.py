"""Render pages as JPEG for the browser."""

from __future__ import annotations

import contextlib
import hashlib
import io
import math
from pathlib import Path

from PIL import Image, ImageOps

from htrlib.data.page_places import PagePlace
from htrlib.document.geometry import Size
from htrlib.errors import ImageError
from htrlib.images.numbered_pages import load_page, page_size
from htrlib.images.page_selection import DPI
from htrlib.images.suffixes import SUFFIXES
from htrlib.review.whole_files import replace_file

LARGEST = 3200
"""Pixels of a picture's longer side, where the browser asks for no other number."""

SMALLEST, MOST = 64, 6400  # maximum size that may be requested
THUMBNAIL_HEIGHT = 240

_QUALITY = 85
_PDF, _TIFF = SUFFIXES["PDF"], SUFFIXES["TIFF"]


def shown_size(size: Size, largest: int) -> Size:
    """Limit the longer side of a page's size."""
    scale = min(1.0, largest / max(size.width, size.height))
    return Size(max(1, round(size.width * scale)), max(1, round(size.height * scale)))


def picture_tag(place: PagePlace, largest: int) -> str:
    """Return a tag that changes with a page's picture.

    Raises:
        OSError: the file does not exist.
    """
    status = place.picture.stat()
    text = f"{place.name} {status.st_size} {status.st_mtime_ns} {largest}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def jpeg(place: PagePlace, size: Size) -> bytes:
    """Return the page as a JPEG, with its EXIF orientation applied.

    Args:
        size: size of the result, no larger than the page.
    Raises:
        ImageError: the file cannot be read.
    """
    if place.number > 1 or place.picture.suffix.lower() in (*_PDF, *_TIFF):
        picture = _gray(place, size)
    else:
        picture = _opened(place.picture, size)
    if picture.size != (size.width, size.height):
        picture = picture.resize(
            (size.width, size.height), Image.Resampling.BILINEAR, reducing_gap=2.0
        )
    target = io.BytesIO()
    picture.save(target, "JPEG", quality=_QUALITY)
    return target.getvalue()


class Thumbnails:
    """Thumbnails of pages, cached in a folder.

    Args:
        folder: folder of the cache, which may be emptied at any time.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, place: PagePlace) -> bytes:
        """Return a page as JPEG, `THUMBNAIL_HEIGHT` pixels high. Raises like `jpeg`."""
        name = hashlib.sha256(place.name.encode()).hexdigest()[:24]
        path = self._folder / f"{name}-{picture_tag(place, THUMBNAIL_HEIGHT)}.jpg"
        try:
            return path.read_bytes()
        except FileNotFoundError:
            pass
        size = page_size(place.picture, place.number)
        scale = min(1.0, THUMBNAIL_HEIGHT / size.height, 2 * THUMBNAIL_HEIGHT / size.width)
        width, height = max(1, round(size.width * scale)), max(1, round(size.height * scale))
        content = jpeg(place, Size(width, height))
        with contextlib.suppress(OSError):  # the disk is full: make it again the next time
            for old in self._folder.glob(f"{name}-*.jpg"):  # of an earlier picture
                old.unlink(missing_ok=True)
            replace_file(path, content)
        return content


def _gray(place: PagePlace, size: Size) -> Image.Image:
    """Load a page as gray; pages of a PDF are rendered no larger than shown."""
    whole = page_size(place.picture, place.number)
    dpi = min(DPI, math.ceil(DPI * size.width / whole.width) + 1)
    return Image.fromarray(load_page(place.picture, place.number, dpi))


def _opened(path: Path, size: Size) -> Image.Image:
    """Open a picture in color, at about the given size or larger."""
    page_size(path)  # refuses other files and pictures that are too large before decoding
    try:
        with Image.open(path) as opened:
            longest = max(size.width, size.height)
            opened.draft("RGB", (longest, longest))
            picture = ImageOps.exif_transpose(opened)
            if picture.mode in ("RGB", "L"):
                picture.load()
                return picture
    except (OSError, ValueError, SyntaxError) as error:
        raise ImageError(f"{path.name}: {error}") from error
    return Image.fromarray(load_page(path))
