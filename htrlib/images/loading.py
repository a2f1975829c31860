"""Load pictures as pages. A page is an (H, W) uint8 array, 0 is black.

>>> resize(np.array([[0, 100], [100, 200]], dtype=np.uint8), width=1, height=1)
array([[100]], dtype=uint8)
"""

from __future__ import annotations

import os
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, BinaryIO, Generator, Iterator, List, Optional, Tuple, Union

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from htrlib.document.geometry import Size
from htrlib.errors import ImageError
from htrlib.images.arrays import checked_array
from htrlib.images.opening import opened, source_name
from htrlib.images.page_selection import ALL_PAGES, DPI, PageSelection
from htrlib.images.pdf import iter_pdf_pages, pdf_page_count, pdf_page_size
from htrlib.images.pixels import SIDEWAYS, gray, orientation, upright
from htrlib.images.suffixes import MAGIC_BYTES, PDF, kind_of

Source = Union[str, "os.PathLike[str]", bytes, BinaryIO, Image.Image]
Page = NDArray[np.uint8]

MAX_PIXELS = 80_000_000
"""Pixel limit of a page. A3 at 600 dpi has 70 million; Pillow warns above 89 million."""

MAX_DOCUMENT_PIXELS = 1_000_000_000
"""Limit on the total number of pixels that `load_pages` returns."""

# TIFF tags and values
_NEW_SUBFILE_TYPE, _THUMBNAIL_OR_MASK = 254, 0b101
_TILE_WIDTH, _TILE_LENGTH = 322, 323


@dataclass(frozen=True, eq=False)
class PageOutcome:
    """A page of a file, or the reason why it cannot be read.

    Attributes:
        number: number of the page in its file, from 1.
        page: (H, W) uint8, 0 is black; None if it cannot be read.
        error: names the page; None if it can be read.
        only: whether the file has no other page.
    """

    number: int
    page: Optional[Page] = None
    error: Optional[ImageError] = None
    only: bool = False


def load_image(source: Source) -> Page:
    """Read one page; of a PDF or multi-page TIFF the first, of an animation the first frame.

    The EXIF orientation is applied. Transparent parts become white, or black around light ink that
    has no paper of its own. Pixels of more than 8 bits are scaled by the full range of the format,
    not by the brightest pixel. 32-bit integers and floats have no fixed range; theirs is the first
    of 1 (floats only), 255, 65535 and 2**31 - 1 that no pixel exceeds, up to a few stuck ones.

    Args:
        source: a path, the bytes of a file, a binary file open for reading (read from its start,
            left open), or a PIL image (not modified). PNG, JPEG, TIFF, PDF, GIF, WebP, BMP, PPM,
            JPEG 2000, and AVIF and HEIC if Pillow supports them.
    Returns:
        (H, W) uint8, 0 is black.
    Raises:
        ImageError: the file does not exist, is not a picture, is damaged or encrypted, or has more
            than `MAX_PIXELS` pixels (checked before decoding).
    """
    with closing(iter_pages(source)) as pages:
        return next(pages)


def load_pages(source: Source) -> Tuple[Page, ...]:
    """Read all pages of a PDF or multi-page TIFF; for other files, what `load_image` reads.

    Args:
        source: see `load_image`.
    Returns:
        At least one page, each (H, W) uint8, 0 is black.
    Raises:
        ImageError: see `load_image`, or the pages have more than `MAX_DOCUMENT_PIXELS` pixels
            together; `iter_pages` has no such limit.
    """
    pages: List[Page] = []
    pixels = 0
    for page in iter_pages(source):
        pixels += page.size
        if pixels > MAX_DOCUMENT_PIXELS:
            raise ImageError(
                f"{source_name(source)}: at most {MAX_DOCUMENT_PIXELS:,} pixels are read at once, "
                f"found {pixels:,} in {len(pages) + 1} pages; read them one by one with iter_pages"
            )
        pages.append(page)
    return tuple(pages)


def iter_pages(
    source: Source, *, pages: PageSelection = ALL_PAGES, dpi: float = DPI
) -> Generator[Page, None, None]:
    """Yield the pages of `load_pages` one by one, with only one in memory.

    Args:
        source: see `load_image`.
        pages: which pages of the file.
        dpi: resolution at which the pages of a PDF are rendered.
    Raises:
        ImageError: see `load_image`; raised at the first page that cannot be read.
    """
    for outcome in iter_page_outcomes(source, pages=pages, dpi=dpi):
        if outcome.page is None:
            raise outcome.error or ImageError(f"{source_name(source)}: no page")
        yield outcome.page


def iter_page_outcomes(
    source: Source, *, pages: PageSelection = ALL_PAGES, dpi: float = DPI
) -> Generator[PageOutcome, None, None]:
    """Yield the pages of a file one by one, continuing after damaged pages.

    Args:
        source: see `load_image`.
        pages: which pages of the file.
        dpi: resolution at which the pages of a PDF are rendered.
    Raises:
        ImageError: no page can be read, or the file has none of these pages.
    """
    name = source_name(source)
    found = False
    for outcome in _outcomes(source, name, pages, dpi):
        found = True
        yield outcome
    if not found:
        raise ImageError(f"{name}: the file has no page {pages}; name one that it has")


def _outcomes(source: Source, name: str, pages: PageSelection, dpi: float) -> Iterator[PageOutcome]:
    if isinstance(source, Image.Image):
        if 1 in pages:
            yield PageOutcome(1, _read(source, name), only=True)
        return
    with opened(source) as file:
        with _decoding(name):  # of a failing disk, nothing can be read
            start = _start(file)
        if kind_of(start) == PDF:
            count = pdf_page_count(file, name)
            for number, page in iter_pdf_pages(file, name, count, pages, dpi, MAX_PIXELS):
                if isinstance(page, ImageError):
                    yield PageOutcome(number, error=page)
                else:
                    yield PageOutcome(number, page, only=count == 1)
            return
        picture = identified(file, name)
        picture.draft("L", None)  # the JPEG decoder outputs gray only, in half the time and memory
        yield from _picture_outcomes(picture, name, pages)


def _picture_outcomes(
    picture: Image.Image, name: str, pages: PageSelection
) -> Iterator[PageOutcome]:
    for number, error in at_each_page(picture, name):
        if pages.last is not None and number > pages.last:
            return
        if number not in pages:
            continue
        if error is not None:
            yield PageOutcome(number, error=error)
            continue
        if number == 1 and not _has_further_pages(picture):
            yield PageOutcome(1, _read(picture, name), only=True)
            return
        try:
            page = _read(picture, f"{name}, page {number}")
        except ImageError as damaged:
            yield PageOutcome(number, error=damaged)
        else:
            yield PageOutcome(number, page)


def image_size(path: Union[str, os.PathLike[str]]) -> Size:
    """Return the size of the page that `load_image` reads, from the file's header if possible.

    Raises:
        ImageError: see `load_image`; damaged pixels are not detected.
    """
    name = source_name(path)
    with opened(path) as file:
        if kind_of(_start(file)) == PDF:
            return Size(*pdf_page_size(file, name))
        picture = identified(file, name)
        with _decoding(name):
            width, height = _checked_size(picture, name)
        if orientation(picture) not in SIDEWAYS:
            return Size(width, height)
        if picture.format == "TIFF":  # Pillow's versions differ in whether `size` is turned already
            height, width = load_image(path).shape
            return Size(width, height)
        return Size(height, width)


def check_page(image: object) -> Page:
    """Return the array if it is a page.

    Raises:
        ImageError: it is not an (H, W) uint8 array, is empty, or has more than `MAX_PIXELS` pixels.
    """
    page = checked_array(image)
    if page.size > MAX_PIXELS:
        raise ImageError(
            f"a page has at most {MAX_PIXELS:,} pixels, found {page.shape[1]:,} x "
            f"{page.shape[0]:,}; shrink it with htrlib.images.loading.resize or cut it into pages"
        )
    return page


def resize(image: Page, width: int, height: int) -> Page:
    """Resize an image, by weighted averages when shrinking and linearly when growing.

    Args:
        image: (H, W) uint8.
        width: width of the result in pixels.
        height: height of the result in pixels.
    Returns:
        (height, width) uint8.
    Raises:
        ImageError: the image is not an (H, W) uint8 array, or is empty.
    """
    size = Size(width, height)
    picture = Image.fromarray(np.ascontiguousarray(checked_array(image)))  # or Pillow copies slowly
    # A triangle filter scaled to the reduction: a thin stroke keeps its ink within 3 % wherever it
    # falls between the new pixels. BOX, which takes whole pixels, loses up to 20 %.
    picture = picture.resize((size.width, size.height), Image.Resampling.BILINEAR, reducing_gap=3.0)
    return np.array(picture)


def pad(image: Page, size: Size, value: int = 255) -> Page:
    """Pad an image at the right and bottom.

    Args:
        image: (H, W) uint8.
        size: size of the result, at least that of the image.
        value: value of the new pixels.
    Returns:
        (size.height, size.width) uint8.
    Raises:
        ImageError: the image is not an (H, W) uint8 array, is empty, or larger than `size`.
    """
    height, width = checked_array(image).shape
    if width > size.width or height > size.height:
        raise ImageError(
            f"an image of {width} x {height} does not fit into {size.width} x {size.height}; "
            "resize it first"
        )
    padded = np.full((size.height, size.width), value, dtype=np.uint8)
    padded[:height, :width] = image
    return padded


def _start(file: BinaryIO) -> bytes:
    """Return the first bytes of a file, and rewind it."""
    start = file.read(MAGIC_BYTES)
    file.seek(0)
    return start


def identified(file: BinaryIO, name: str) -> Image.Image:
    """Open the picture in a file without decoding its pixels.

    Image.open would warn of large pictures. Warnings can only be silenced for all threads at once,
    and large pictures are errors here anyway.

    Args:
        file: a picture of any kind but PDF, at its start.
        name: its name in messages.
    Raises:
        ImageError: it is not a picture, or is damaged.
    """
    Image.init()
    start = _start(file)
    kind = kind_of(start)
    if kind == "HEIF":
        _register_heif(name)
    with _decoding(name):
        # Not all formats of Pillow: its EPS reader, for one, runs a program contained in the file.
        if kind is not None and kind in Image.OPEN:
            factory, accept = Image.OPEN[kind]
            if accept is None or accept(start[:16]) is True:
                return factory(file, "")
        raise ImageError(f"{name}: {_unknown_advice(start)}")


def _register_heif(name: str) -> None:
    try:
        import pillow_heif
    except ImportError as error:
        raise ImageError(
            f"{name}: is a HEIC picture; run `pip install pillow-heif`, or save it as JPEG"
        ) from error
    pillow_heif.register_heif_opener()


def _unknown_advice(start: bytes) -> str:
    if not start:
        return "the file is empty; copy it again"
    if kind_of(start) == "AVIF":
        return "is an AVIF picture, which this Pillow cannot read; save it as PNG or JPEG"
    if start[4:8] == b"ftyp":
        return "is a video file; save the picture as PNG or JPEG"
    known = "PNG, JPEG, TIFF, PDF, GIF, WebP, BMP, PPM, JPEG 2000"
    return f"is not a picture ({known}), it starts with {start[:12]!r}; save it as PNG or JPEG"


@contextmanager
def _decoding(name: str) -> Iterator[None]:
    """Convert any exception of a decoder into an ImageError."""
    try:
        yield
    except ImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(f"{name}: {_too_large('far more')}") from error
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise ImageError(
            f"{name}: the picture is damaged, cut off or of an unknown kind ({reason}); copy or "
            "save it again"
        ) from error


def _too_large(found: str) -> str:
    return (
        f"a page has at most {MAX_PIXELS:,} pixels, found {found}; scan it at 300 dpi, shrink it "
        "or cut it into pages"
    )


def at_each_page(picture: Any, name: str) -> Iterator[Tuple[int, Optional[ImageError]]]:
    """Seek to each page of a picture in turn, skipping thumbnails and masks in a TIFF.

    Returns:
        The number of each page from 1, and None or the reason why it cannot be read. That ends the
        iteration where the position of further pages is unknown.
    """
    number = 0
    for frame in count() if picture.format == "TIFF" else range(1):
        try:
            with _decoding(f"{name}, page {number + 1}"):
                try:
                    picture.seek(frame)
                except EOFError:
                    return
                kind = picture.tag_v2.get(_NEW_SUBFILE_TYPE, 0) if frame else 0
                is_page = not kind & _THUMBNAIL_OR_MASK  # not always a number in damaged files
        except ImageError as error:
            number += 1
            yield number, error
            if picture.tell() != frame:
                return
            continue
        if is_page:
            number += 1
            yield number, None


def _has_further_pages(picture: Any) -> bool:
    """Return whether a TIFF positioned at its first page has another."""
    return picture.format == "TIFF" and bool(getattr(picture.tag_v2, "next", 0))


def _read(picture: Image.Image, name: str) -> Page:
    """Decode the picture's current frame."""
    with _decoding(name):
        _checked_size(picture, name)
        # GluonCV makes Pillow accept truncated files, but a page whose lower half is missing must
        # not pass for one without writing there.
        ImageFile.LOAD_TRUNCATED_IMAGES = False
        picture.load()
        return upright(picture, gray(picture))


def _checked_size(picture: Image.Image, name: str) -> Tuple[int, int]:
    """Return width and height from the header."""
    width, height = picture.size
    if width * height == 0:
        raise ImageError(f"{name}: the picture has no pixels ({width} x {height})")
    across, down = decoded_size(picture)
    if across * down > MAX_PIXELS:
        raise ImageError(f"{name}: {_too_large(f'{across:,} x {down:,}')}")
    return width, height


def decoded_size(picture: Image.Image) -> Tuple[int, int]:
    """Return width and height of the largest buffer to decode: the picture, or a TIFF tile."""
    tags = getattr(picture, "tag_v2", {})
    width, height = picture.size
    across, down = (int(tags.get(tag, 0)) for tag in (_TILE_WIDTH, _TILE_LENGTH))
    return (across, down) if across * down > width * height else (width, height)
