"""Pages as pictures that browsers show."""

from __future__ import annotations

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

SMALLEST, MOST = 64, 6400  # that it may ask for
THUMBNAIL_HEIGHT = 240

_QUALITY = 85
_PDF, _TIFF = SUFFIXES["PDF"], SUFFIXES["TIFF"]


def shown_size(size: Size, largest: int) -> Size:
    """The size of a page's picture, made smaller where its longer side is longer than that."""
    scale = min(1.0, largest / max(size.width, size.height))
    return Size(max(1, round(size.width * scale)), max(1, round(size.height * scale)))


def picture_tag(place: PagePlace, largest: int) -> str:
    """Changes when a page's picture does.

    Raises:
        OSError: the file is not there.
    """
    status = place.picture.stat()
    text = f"{place.name} {status.st_size} {status.st_mtime_ns} {largest}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def jpeg(place: PagePlace, size: Size) -> bytes:
    """The upright page as a JPEG.

    Args:
        size: of the result, no larger than the page.
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
    """Small pictures of pages, kept in a folder.

    Args:
        folder: may be emptied at any time.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, place: PagePlace) -> bytes:
        """The JPEG of a page, `THUMBNAIL_HEIGHT` pixels high; raises as `jpeg`, and OSError."""
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
        for old in self._folder.glob(f"{name}-*.jpg"):  # of the picture that was there before
            old.unlink(missing_ok=True)
        replace_file(path, content)
        return content


def _gray(place: PagePlace, size: Size) -> Image.Image:
    """A page as the library reads it; one of a PDF is drawn no finer than it is shown."""
    whole = page_size(place.picture, place.number)
    dpi = min(DPI, math.ceil(DPI * size.width / whole.width) + 1)
    return Image.fromarray(load_page(place.picture, place.number, dpi))


def _opened(path: Path, size: Size) -> Image.Image:
    """A picture in its colors, about as large as that or larger."""
    page_size(path)  # refuses what is no picture, or too large a one, before it is decoded
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
