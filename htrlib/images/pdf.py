"""Render the pages of a PDF like a viewer, with their rotation and crop box."""

from __future__ import annotations

import ctypes
import io
import logging
import math
import os
import threading
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Iterator, List, Tuple, Union

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from htrlib.errors import ImageError
from htrlib.images.page_selection import DPI, PageSelection

if TYPE_CHECKING:
    from htrlib.images.pdf_content import PageContents

_PDFIUM = threading.RLock()
"""Held in every call: PDFium may be used by one thread at a time, even for different documents."""

_POINTS = 72  # per inch
_ROUNDING = 1.0 - 1e-7  # rounding errors of single precision must not add a pixel

MOST_DAMAGED = 50
"""Number of damaged pages in a row after which to give up: a file can claim any number."""

_MOST_AT_ONCE = 100  # pages, and
_MOST_KEPT = 16_000_000  # bytes of the file: PDFium keeps them while a document is open
_PACKED_BY = ("DCTDecode", "JPXDecode", "CCITTFaxDecode", "JBIG2Decode")
"""Filters that PDFium does not undo in `FPDFImageObj_GetImageDataDecoded`."""

_END_OF_JPEG = b"\xff\xd9"
_LONGEST_PADDING = 64  # bytes after it
_JPEG_BLOCK = 8  # rows
_WHITE = 250  # gray level


class _TooLargeError(ImageError):
    """A page has too many pixels, but is sound."""


def iter_pdf_pages(
    file: BinaryIO, name: str, count: int, selection: PageSelection, dpi: float, max_pixels: int
) -> Iterator[Tuple[int, Union[NDArray[np.uint8], ImageError]]]:
    """Yield the pages of a PDF one by one, each with its number from 1.

    Args:
        file: the PDF, open for reading; left open.
        name: its name in messages.
        count: number of its pages, see `pdf_page_count`.
        selection: the pages to render; others are skipped.
        dpi: dots per inch.
        max_pixels: pixel limit of a page.
    Returns:
        (H, W) uint8 each, 0 is black, or the reason why the page cannot be read. After
        `MOST_DAMAGED` damaged pages in a row, the last reason is that for the rest of the file.
    Raises:
        ImageError: the file is encrypted, or not a readable PDF.
    """
    damaged = 0
    if count == 0:
        raise ImageError(f"{name}: the PDF has no pages; export it again")
    last = count if selection.last is None else min(count, selection.last)
    wanted = [number for number in range(1, last + 1) if number in selection]
    at_once = _pages_at_once(file, count)
    for start in range(0, len(wanted), at_once):
        with _opened(file, name) as document:
            for number in wanted[start : start + at_once]:
                page = _drawn(document, number, dpi, max_pixels)
                sound = not isinstance(page, ImageError) or isinstance(page, _TooLargeError)
                damaged = 0 if sound else damaged + 1
                yield number, page
                if damaged == MOST_DAMAGED:
                    reason = f"{damaged} pages in a row are damaged, the rest is skipped"
                    advice = "repair the file with qpdf or Ghostscript"
                    yield number + 1, ImageError(f"{name}: {reason}; {advice}")
                    return


def _pages_at_once(file: BinaryIO, count: int) -> int:
    """Return the number of pages to draw before opening a document again.

    PDFium keeps the data of all pages that it has drawn until the document is closed.
    """
    size = file.seek(0, os.SEEK_END)
    return max(1, min(_MOST_AT_ONCE, _MOST_KEPT * count // max(1, size)))


def _drawn(
    document: _Document, number: int, dpi: float, max_pixels: int
) -> Union[NDArray[np.uint8], ImageError]:
    try:
        with _PDFIUM:
            return _draw(document, number, dpi, max_pixels)
    except ImageError as error:
        return error


def pdf_page_count(file: BinaryIO, name: str) -> int:
    """Return the number of pages. Raises what `iter_pdf_pages` raises."""
    with _PDFIUM, _opened(file, name) as document:
        return len(document.pages)


def copy_sound_pages(file: BinaryIO, name: str) -> Tuple[BinaryIO, Tuple[int, ...]]:
    """Copy the pages of a PDF that are not damaged into a new one, without looking at pictures.

    Returns:
        The new PDF, and the numbers that its pages had.
    Raises:
        ImageError: see `iter_pdf_pages`.
    """
    import pypdfium2

    numbers: List[int] = []
    damaged = 0
    new = pypdfium2.PdfDocument.new
    with _PDFIUM, _opened(file, name) as document, closing(new()) as sound:
        for number in range(1, len(document.pages) + 1):
            try:
                sound.import_pages(document.pages, pages=[number - 1])
            except pypdfium2.PdfiumError:
                damaged += 1
                if len(sound) > len(numbers):  # it left a blank page
                    del sound[len(numbers)]
                if damaged == MOST_DAMAGED:
                    break
            else:
                numbers.append(number)
                damaged = 0
        copied = io.BytesIO()
        sound.save(copied)
    return copied, tuple(numbers)


def pdf_page_size(file: BinaryIO, name: str, number: int = 1) -> Tuple[int, int]:
    """Return the width and height of a page in pixels, rendered at `DPI`.

    Args:
        number: number of the page, from 1 to the number of pages.
    Raises:
        ImageError: see `iter_pdf_pages`, or the page is damaged.
    """
    with _PDFIUM, _opened(file, name) as document, document.page(number) as page:
        return _pixels(page.get_size(), document.scale(number, DPI))


def iter_pdf_decoded_sizes(file: BinaryIO, name: str) -> Iterator[Tuple[int, int]]:
    """Yield width and height of the largest picture decoded to render each page at `DPI`.

    This is the page itself or a larger picture on it. Nothing is decoded to find out. A damaged
    page, which is not rendered, has (0, 0).

    Raises:
        ImageError: see `iter_pdf_pages`.
    """
    with _opened(file, name) as document:
        with _PDFIUM:
            count = len(document.pages)
        for number in range(1, count + 1):
            yield _largest_size(document, number)


def _largest_size(document: _Document, number: int) -> Tuple[int, int]:
    try:
        with _PDFIUM, document.page(number) as page:
            whole = _pixels(page.get_size(), document.scale(number, DPI))
            return max([whole, *_picture_sizes(page)], key=math.prod)
    except ImageError:
        return 0, 0


def _picture_sizes(page: Any) -> Iterator[Tuple[int, int]]:
    """Yield width and height of the pictures on a page."""
    import pypdfium2.raw as raw

    for picture in _pictures(page):
        width, height = ctypes.c_uint(), ctypes.c_uint()
        raw.FPDFImageObj_GetImagePixelSize(picture, width, height)
        yield width.value, height.value


def _pictures(page: Any) -> Iterator[Any]:
    import pypdfium2.raw as raw

    objects: Iterator[Any] = page.get_objects([raw.FPDF_PAGEOBJ_IMAGE], max_depth=15)
    return objects


def _is_undecodable(picture: Any) -> bool:
    """Return whether PDFium draws nothing in place of a picture, since its data is damaged."""
    import pypdfium2.raw as raw

    bitmap = raw.FPDFImageObj_GetBitmap(picture)
    if not bitmap:
        return True
    raw.FPDFBitmap_Destroy(bitmap)
    if any(name in _PACKED_BY for name in picture.get_filters()):
        return False
    facts = picture.get_metadata()
    # The least that a picture can have: `bits_per_pixel` is what PDFium draws with, not the file's.
    wanted = facts.height * math.ceil(facts.width / 8)
    return bool(raw.FPDFImageObj_GetImageDataDecoded(picture, None, 0) < wanted)


def _is_cut_off(picture: Any) -> bool:
    """Return whether a baseline JPEG is cut off: PDFium repeats its last gray to the end."""
    if picture.get_filters() != ["DCTDecode"]:
        return False
    data = bytes(picture.get_data())
    if _END_OF_JPEG in data[-_LONGEST_PADDING:]:
        return False
    try:
        with Image.open(io.BytesIO(data + _END_OF_JPEG)) as ended:
            last = np.asarray(ended.convert("L"))[-_JPEG_BLOCK:]
    except (OSError, SyntaxError, Image.DecompressionBombError):
        return False  # see `_is_undecodable`
    # Some lack the mark alone; white is their margin.
    return bool(last.min() == last.max() < _WHITE)


@dataclass(frozen=True, eq=False)
class _Document:
    """An open PDF: its pages as PDFium has them, what they contain, and its name in messages."""

    pages: Any
    contents: PageContents
    name: str

    def scale(self, number: int, dpi: float) -> float:
        """Return the pixels of one unit of a page, which is 1/72 inch unless the page says else."""
        return _ROUNDING * dpi * self.contents.user_unit(number) / _POINTS

    @contextmanager
    def page(self, number: int) -> Iterator[Any]:
        """A page, closed afterwards: memory holds one at a time.

        Raises:
            ImageError: it is damaged, or draws without end.
        """
        import pypdfium2

        name = f"{self.name}, page {number}"
        reason = self.contents.too_much(number)
        if reason is not None:
            raise ImageError(f"{name}: the page cannot be drawn: {reason}; scan or export it again")
        try:
            page = self.pages[number - 1]
        except pypdfium2.PdfiumError as error:
            raise ImageError(f"{name}: the page is damaged ({error})") from error
        with closing(page):
            yield page


@contextmanager
def _opened(file: BinaryIO, name: str) -> Iterator[_Document]:
    import pypdfium2  # here: most pictures are no PDF

    from htrlib.images.pdf_content import PageContents, why_unopened

    with _PDFIUM:
        try:
            pages = pypdfium2.PdfDocument(file)
            _show_forms(pages)
            count = len(pages)
        except pypdfium2.PdfiumError as error:
            raise ImageError(f"{name}: {why_unopened(file)}") from error
    try:
        with closing(PageContents(file, count)) as contents:
            yield _Document(pages, contents, name)
    finally:
        with _PDFIUM:
            pages.close()


def _show_forms(pages: Any) -> None:
    """Have PDFium draw what is filled into a document's forms; no script of it is run."""
    import pypdfium2

    # It says which build would draw XFA; most such forms have the same fields without.
    logging.getLogger("pypdfium2").setLevel(logging.ERROR)
    with suppress(pypdfium2.PdfiumError):
        pages.init_forms()


def _draw(document: _Document, number: int, dpi: float, max_pixels: int) -> NDArray[np.uint8]:
    import pypdfium2

    name = f"{document.name}, page {number}"
    with document.page(number) as page:
        scale = document.scale(number, dpi)
        width, height = _pixels(page.get_size(), scale)
        if width * height > max_pixels:
            across, down = (side / dpi * 25.4 for side in (width, height))
            fitting = math.floor(dpi * math.sqrt(max_pixels / (width * height)))
            raise _TooLargeError(
                f"{name}: a page has at most {max_pixels:,} pixels, {across:,.0f} x {down:,.0f} mm "
                f"at {dpi:g} dpi have {width * height:,}; draw it with --dpi {max(1, fitting)}"
            )
        try:
            bitmap = page.render(scale=scale, grayscale=True)
        except (pypdfium2.PdfiumError, ValueError, MemoryError) as error:
            raise ImageError(f"{name}: the page cannot be drawn ({error})") from error
        with closing(bitmap):
            pixels = bitmap.to_numpy()
            drawn = np.array(pixels.reshape(pixels.shape[:2]))
        blank = drawn.min() == drawn.max()
        if any(_is_cut_off(x) or (blank and _is_undecodable(x)) for x in _pictures(page)):
            raise ImageError(
                f"{name}: a picture on the page is damaged; copy the file, or scan the page again"
            )
        return drawn


def _pixels(size: Tuple[float, float], scale: float) -> Tuple[int, int]:
    """Return the size in pixels of a page in units, each of as many pixels as the scale says."""
    width, height = (max(1, math.ceil(side * scale)) for side in size)
    return width, height
