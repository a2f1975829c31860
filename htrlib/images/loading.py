"""Pictures to pages: a page is an (H, W) uint8 array, 0 is black.

>>> resize(np.array([[0, 100], [100, 200]], dtype=np.uint8), width=1, height=1)
array([[100]], dtype=uint8)
"""

from __future__ import annotations

import io
import os
import stat
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, Callable, Dict, Generator, Iterator, List, Tuple, Union

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile

from htrlib.document.geometry import Size
from htrlib.errors import ImageError

Source = Union[str, "os.PathLike[str]", bytes, BinaryIO, Image.Image]
Page = NDArray[np.uint8]

MAX_PIXELS = 80_000_000
"""Most pixels of a page; A3 at 600 dpi has 70 million, and Pillow warns from 89 million on."""

MAX_DOCUMENT_PIXELS = 1_000_000_000
"""Most pixels of all pages that `load_pages` returns at once."""

# Not all that Pillow knows: its reader of EPS, for one, runs a program that is in the file.
_FORMATS = ("PNG", "JPEG", "TIFF", "GIF", "WEBP", "BMP", "PPM", "JPEG2000")

_BAND_ROWS = 256

# TIFF tags, and the values of them that matter here
_NEW_SUBFILE_TYPE, _THUMBNAIL_OR_MASK = 254, 0b101
_BITS_PER_SAMPLE = 258
_TILE_WIDTH, _TILE_LENGTH = 322, 323
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0

_UPRIGHT: Dict[object, Callable[[Page], Page]] = {
    2: lambda page: page[:, ::-1],
    3: lambda page: page[::-1, ::-1],
    4: lambda page: page[::-1],
    5: lambda page: page.T,
    6: lambda page: page[::-1].T,
    7: lambda page: page[::-1, ::-1].T,
    8: lambda page: page[:, ::-1].T,
}
"""EXIF orientation -> how to set the page upright."""

_SIDEWAYS = (5, 6, 7, 8)


def load_image(source: Source) -> Page:
    """Read one page; of a multi-page TIFF the first, of an animation the first frame.

    The EXIF orientation is applied. Transparent parts become white paper. More than 8 bits are
    brought to 8 by the full scale of the format, not by the brightest pixel. 32-bit integers and
    floats have no full scale; theirs is the first of 1 (floats only), 255, 65535 and 2**31 - 1
    that no pixel exceeds.

    Args:
        source: a path, the bytes of a file, a binary file open for reading (read from its start,
            left open), or a PIL image (left as it is). PNG, JPEG, TIFF, GIF, WebP, BMP, PPM and
            JPEG 2000.
    Returns:
        (H, W) uint8, 0 is black.
    Raises:
        ImageError: there is no such file, it is no picture, it is damaged, or it has more than
            `MAX_PIXELS` pixels (found before they are decoded).
    """
    with closing(iter_pages(source)) as pages:
        return next(pages)


def load_pages(source: Source) -> Tuple[Page, ...]:
    """Read all pages of a multi-page TIFF; of every other file what `load_image` reads.

    Args:
        source: as for `load_image`.
    Returns:
        at least one page, each (H, W) uint8, 0 is black.
    Raises:
        ImageError: as for `load_image`, or the pages have more than `MAX_DOCUMENT_PIXELS` pixels
            together; `iter_pages` reads any number of them.
    """
    pages: List[Page] = []
    pixels = 0
    for page in iter_pages(source):
        pixels += page.size
        if pixels > MAX_DOCUMENT_PIXELS:
            raise ImageError(
                f"{_name(source)}: at most {MAX_DOCUMENT_PIXELS:,} pixels are held at once, found "
                f"{pixels:,} in {len(pages) + 1} pages; take them one by one from iter_pages"
            )
        pages.append(page)
    return tuple(pages)


def iter_pages(source: Source) -> Generator[Page, None, None]:
    """The pages of `load_pages` one by one, so that memory holds only one of them."""
    name = _name(source)
    if isinstance(source, Image.Image):
        yield _read(source, name)
        return
    with _opened(source, name) as file:
        picture = _identified(file, name)
        picture.draft("L", None)  # a JPEG decoder gives gray alone, in half the time and memory
        for _ in _at_each_page(picture, name):
            yield _read(picture, name)


def image_size(path: Union[str, os.PathLike[str]]) -> Size:
    """The size of the page that `load_image` reads, from the file's header where that tells.

    Raises:
        ImageError: as for `load_image`; pixels that are damaged are not noticed.
    """
    name = _name(path)
    with _opened(path, name) as file:
        picture = _identified(file, name)
        with _decoding(name):
            width, height = _checked_size(picture, name)
        if _orientation(picture) not in _SIDEWAYS:
            return Size(width, height)
        if picture.format == "TIFF":  # Pillow's versions differ in whether `size` is turned already
            height, width = load_image(path).shape
            return Size(width, height)
        return Size(height, width)


def check_page(image: object) -> Page:
    """The array itself, if it is a page.

    Raises:
        ImageError: it is not an (H, W) uint8 array, is empty, or has more than `MAX_PIXELS` pixels.
    """
    page = _checked(image)
    if page.size > MAX_PIXELS:
        raise ImageError(
            f"a page has at most {MAX_PIXELS:,} pixels, found {page.shape[1]:,} x "
            f"{page.shape[0]:,}; shrink it with htrlib.images.loading.resize or cut it into pages"
        )
    return page


def resize(image: Page, width: int, height: int) -> Page:
    """Bring an image to a size: weighted averages where it shrinks, linear where it grows.

    Args:
        image: (H, W) uint8.
        width: of the result, in pixels.
        height: of the result, in pixels.
    Returns:
        (height, width) uint8.
    Raises:
        ImageError: the image is not an (H, W) uint8 array, or is empty.
    """
    size = Size(width, height)
    picture = Image.fromarray(_checked(image))
    # A triangle as wide as the shrinking asks for: a thin stroke keeps its ink to 3 % wherever it
    # falls between the new pixels, where BOX, which takes a pixel whole or not at all, loses 20 %.
    picture = picture.resize((size.width, size.height), Image.Resampling.BILINEAR, reducing_gap=3.0)
    return np.array(picture)


def pad(image: Page, size: Size, value: int = 255) -> Page:
    """Set an image into the top left corner of a larger one.

    Args:
        image: (H, W) uint8.
        size: of the result, at least that of the image.
        value: of the new pixels.
    Returns:
        (size.height, size.width) uint8.
    Raises:
        ImageError: the image is not an (H, W) uint8 array, is empty, or larger than `size`.
    """
    height, width = _checked(image).shape
    if width > size.width or height > size.height:
        raise ImageError(
            f"an image of {width} x {height} does not fit into {size.width} x {size.height}; "
            "resize it first"
        )
    padded = np.full((size.height, size.width), value, dtype=np.uint8)
    padded[:height, :width] = image
    return padded


def _checked(image: object) -> Page:
    """The array itself, if it is a not empty (H, W) uint8 array."""
    wanted = "a page is an (H, W) array of uint8, 0 is black"
    if not isinstance(image, np.ndarray):
        raise ImageError(
            f"{wanted}; found {type(image).__name__}: htrlib.load_image makes one of a file, of "
            "bytes or of a PIL image"
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


def _name(source: object) -> str:
    """What error messages call a source."""
    if isinstance(source, (str, os.PathLike)):
        return repr(os.fspath(source))
    name = getattr(source, "filename", None) or getattr(source, "name", None)
    return repr(name) if isinstance(name, str) else f"<{type(source).__name__}>"


@contextmanager
def _opened(source: object, name: str) -> Iterator[BinaryIO]:
    """A seekable binary file, closed afterwards if it was opened here."""
    if isinstance(source, (str, os.PathLike)):
        with _opened_path(Path(os.fsdecode(source)), name) as file:
            yield file
    elif isinstance(source, (bytes, bytearray, memoryview)):
        yield io.BytesIO(source)
    elif isinstance(source, io.TextIOBase):
        raise ImageError(f"{name}: the file is open in text mode; open it with mode 'rb'")
    elif hasattr(source, "read"):
        yield _seekable(source)
    else:
        raise ImageError(
            f"a page is read from a path, bytes, a binary file or a PIL image, found {name}; an "
            "(H, W) uint8 array is a page already"
        )


def _opened_path(path: Path, name: str) -> BinaryIO:
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):
            return path.open("rb")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ImageError(f"{name}: cannot be opened: {reason}") from error
    if stat.S_ISDIR(mode):
        raise ImageError(f"{name}: is a directory; name the pictures in it")
    # Opening it could block (a pipe), reading it never end (a device).
    raise ImageError(f"{name}: is not a regular file; give its bytes or an open file instead")


def _seekable(file: Any) -> BinaryIO:
    try:
        file.seek(0)
    except (AttributeError, OSError):
        return io.BytesIO(file.read())
    seekable: BinaryIO = file
    return seekable


def _identified(file: BinaryIO, name: str) -> Image.Image:
    """The picture in a file, its pixels not decoded yet.

    Image.open would warn of large pictures. A warning can be silenced only for all threads at
    once, and a large picture is an error here anyhow.
    """
    Image.init()
    start = file.read(16)
    with _decoding(name):
        for image_format in _FORMATS:
            factory, accept = Image.OPEN[image_format]
            if accept is not None and accept(start) is True:
                file.seek(0)
                return factory(file, "")
        raise ImageError(f"{name}: {_unknown_advice(start)}")


def _unknown_advice(start: bytes) -> str:
    if not start:
        return "the file is empty; copy it again"
    if start.startswith(b"%PDF"):
        return "is a PDF; turn its pages into pictures first (pdftoppm -r 300 -png)"
    if start[4:8] == b"ftyp":
        return "is a HEIC, AVIF or video file; save the picture as PNG or JPEG"
    known = ", ".join(_FORMATS)
    return f"is not a picture ({known}), it starts with {start[:12]!r}; save it as PNG or JPEG"


@contextmanager
def _decoding(name: str) -> Iterator[None]:
    """Turn whatever a decoder stumbles over in a file into an ImageError."""
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


def _at_each_page(picture: Any, name: str) -> Iterator[None]:
    """Set the picture to its pages in turn; thumbnails and masks in a TIFF are not pages."""
    for number in count() if picture.format == "TIFF" else range(1):
        with _decoding(name):
            try:
                picture.seek(number)
            except EOFError:
                return
            kind = picture.tag_v2.get(_NEW_SUBFILE_TYPE, 0) if number else 0
            is_page = not kind & _THUMBNAIL_OR_MASK
        if is_page:
            yield


def _read(picture: Image.Image, name: str) -> Page:
    """Decode the picture's present frame."""
    with _decoding(name):
        _checked_size(picture, name)
        # GluonCV, once imported, lets Pillow fill up files that are cut off; a page whose lower
        # half is missing shall not pass for one without writing there.
        ImageFile.LOAD_TRUNCATED_IMAGES = False
        picture.load()
        page = _gray(picture)
    turn = _UPRIGHT.get(_orientation(picture))
    return page if turn is None else np.ascontiguousarray(turn(page))


def _checked_size(picture: Image.Image, name: str) -> Tuple[int, int]:
    """Width and height, as the header says."""
    width, height = picture.size
    if width * height == 0:
        raise ImageError(f"{name}: the picture has no pixels ({width} x {height})")
    across, down = decoded_size(picture)
    if across * down > MAX_PIXELS:
        raise ImageError(f"{name}: {_too_large(f'{across:,} x {down:,}')}")
    return width, height


def decoded_size(picture: Image.Image) -> Tuple[int, int]:
    """Width and height of what a decoder makes at once: the picture, or a larger tile of a TIFF."""
    tags = getattr(picture, "tag_v2", {})
    width, height = picture.size
    across, down = (int(tags.get(tag, 0)) for tag in (_TILE_WIDTH, _TILE_LENGTH))
    return (across, down) if across * down > width * height else (width, height)


def _orientation(picture: Image.Image) -> object:
    """The EXIF orientation; 1, upright, where the EXIF data are damaged."""
    try:
        return picture.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # its reader raises as many kinds of errors as the decoders do
        return 1


def _gray(picture: Image.Image) -> Page:
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        return _eight_bits(picture)
    if picture.has_transparency_data:
        if picture.mode not in ("LA", "RGBA"):
            picture = picture.convert("RGBA")
        paper = Image.new("L", picture.size, 255)
        paper.paste(picture.convert("L"), mask=picture.getchannel("A"))
        return np.array(paper)
    return np.array(picture.convert("L"))


def _eight_bits(picture: Image.Image) -> Page:
    """Scale a picture of 16 or 32 bits, band by band to keep memory low."""
    white = _full_scale(picture)
    page = np.empty((picture.height, picture.width), dtype=np.uint8)
    for top in range(0, picture.height, _BAND_ROWS):
        rows = page[top : top + _BAND_ROWS]
        band = picture.crop((0, top, picture.width, top + len(rows)))
        values = np.asarray(band).astype(np.float32)
        if not np.isfinite(values).all():
            raise ValueError("there are pixels that are not finite numbers")
        np.rint(np.clip(values / white, 0.0, 1.0) * 255.0, out=rows, casting="unsafe")
    tags = getattr(picture, "tag_v2", {})
    if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:  # which Pillow heeds up to 8 bits only
        np.subtract(255, page, out=page)
    return page


def _full_scale(picture: Image.Image) -> float:
    """The pixel value of white."""
    if picture.mode.startswith("I;16"):
        bits = getattr(picture, "tag_v2", {}).get(_BITS_PER_SAMPLE, (16,))  # 12 in some scans
        return float(2 ** bits[0] - 1)
    brightest = float(picture.getextrema()[1])  # type: ignore[arg-type]
    scales = (1.0, 255.0, 65535.0, 2.0**31 - 1)[0 if picture.mode == "F" else 1 :]
    return next((scale for scale in scales if brightest <= scale), brightest)
