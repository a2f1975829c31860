"""Write searchable PDF: pages with an invisible text layer.

If the source is a PDF, its pages are kept and get a text layer. Pictures become pages.
"""

from __future__ import annotations

import io
import re
import zlib
from copy import copy
from decimal import Decimal
from typing import Any, BinaryIO, List, Optional, Sequence

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream
from PIL import Image

from htrlib.document.results import PageResult
from htrlib.errors import ImageError
from htrlib.formats.glyphless_font import GlyphlessFont
from htrlib.formats.pdf_archival import describe
from htrlib.formats.pdf_pictures import add_picture_page, upright_placement
from htrlib.formats.pdf_text import Placement, text_layer
from htrlib.formats.saving import Result, WriteOptions
from htrlib.images.loading import at_each_page, identified
from htrlib.images.opening import opened, source_name
from htrlib.images.pdf import copy_sound_pages, pdf_page_count
from htrlib.images.suffixes import MAGIC_BYTES, PDF, kind_of

_PDFA1 = re.compile(rb"pdfaid:part(?:\s[^>]*>|[>=])\W{0,9}1\b")


def write(result: Result, file: BinaryIO, options: WriteOptions) -> None:
    """Write all pages of the source, with a text layer on those that were read.

    Raises:
        ImageError: the source cannot be read.
    """
    name = source_name(options.source)
    read = _ReadPages(result)
    if isinstance(options.source, Image.Image):
        _write_pictures(options.source.copy(), io.BytesIO(), name, read, file)
        return
    with opened(options.source) as source:
        start = source.read(MAGIC_BYTES)
        source.seek(0)
        if kind_of(start) == PDF:
            try:
                _write_over_pdf(source, name, read, file)
            except (pikepdf.PdfError, RuntimeError) as error:  # QPDF has some of either kind
                reason = f"the PDF is damaged ({error}); repair it with qpdf or Ghostscript"
                raise ImageError(f"{name}: {reason}") from error
        else:
            _write_pictures(identified(source, name), source, name, read, file)


class _ReadPages:
    """The pages of a result by their numbers, with one in memory at a time."""

    def __init__(self, result: Result) -> None:
        self._pages = result.pages
        self._places = {page.number or 1: index for index, page in enumerate(result.pages)}

    def page(self, number: int) -> Optional[PageResult]:
        """Return the result of a page, or None if it was not read."""
        place = self._places.get(number)
        return None if place is None else self._pages[place]


def _write_over_pdf(source: BinaryIO, name: str, read: _ReadPages, file: BinaryIO) -> None:
    try:
        document = pikepdf.open(source)
    except (pikepdf.PdfError, pikepdf.PasswordError) as error:
        raise ImageError(f"{name}: the PDF is damaged or encrypted ({error})") from error
    numbers: Sequence[int] = range(1, pdf_page_count(source, name) + 1)
    if len(document.pages) != len(numbers):  # QPDF leaves damaged pages out
        document.close()
        sound, numbers = copy_sound_pages(source, name)
        document = pikepdf.open(sound)
    with document:
        font = GlyphlessFont(document)
        for number, page in zip(numbers, document.pages):
            found = read.page(number)
            if found is not None and found.lines:
                placement = _pdf_placement(page, found)
                layer = text_layer(found, placement, font, _add_font(page, font))
                _prepend(page, _packed(document, layer))
        font.finish()
        _save(document, file)


def _write_pictures(
    picture: Image.Image, source: BinaryIO, name: str, read: _ReadPages, file: BinaryIO
) -> None:
    with pikepdf.new() as document:
        font = GlyphlessFont(document)
        for number, error in at_each_page(picture, name):
            found = read.page(number)
            if error is None and found is not None:
                picture.load()
                page, drawing = add_picture_page(document, picture, source)
                placement = upright_placement(found.size, page)
                layer = b""
                if found.lines:
                    layer = text_layer(found, placement, font, _add_font(page, font))
                page.obj.Contents = _packed(document, layer + drawing)
        font.finish()
        describe(document)
        _save(document, file)


def _save(document: pikepdf.Pdf, file: BinaryIO) -> None:
    """Save reproducibly, with as much compression as allowed."""
    packed = pikepdf.ObjectStreamMode.generate
    mode = pikepdf.ObjectStreamMode.disable if _is_pdfa1(document) else packed
    output = _Output(file)
    document.save(
        output,  # type: ignore[arg-type]
        deterministic_id=True,
        object_stream_mode=mode,
        fix_metadata_version=False,
    )
    if output.error is not None:
        raise output.error


class _Output(io.RawIOBase):
    """A file that keeps its first error: QPDF ends the process if writing to a file raises one."""

    def __init__(self, file: BinaryIO) -> None:
        self.error: Optional[BaseException] = None
        self._file = file

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        if self.error is None:
            try:
                self._file.write(content)
            except (OSError, KeyboardInterrupt) as error:
                self.error = error
        return len(content)


def _is_pdfa1(document: pikepdf.Pdf) -> bool:
    """Return whether a document claims PDF/A-1, which does not allow object streams."""
    try:
        metadata = document.Root.Metadata.read_bytes()
    except (AttributeError, ValueError, pikepdf.PdfError):
        return False
    return _PDFA1.search(metadata) is not None


def _packed(document: pikepdf.Pdf, content: bytes) -> Stream:
    stream = Stream(document, b"")
    stream.write(zlib.compress(content, 9), filter=Name.FlateDecode)
    return stream


def _prepend(page: Any, layer: Stream) -> None:
    """Draw a layer before a page's own content, so that its graphics state has no effect.

    QPDF's own function refuses an array of contents of which one is missing.
    """
    own: Any = page.obj.get("/Contents")
    parts = own if isinstance(own, Array) else [own]
    page.obj.Contents = Array([layer, *(part for part in parts if isinstance(part, Stream))])


def _add_font(page: Any, font: GlyphlessFont) -> str:
    """Add the font to a page's resources, and return its name there.

    They are copied by QPDF, since names in them need not be UTF-8.
    """
    resources: Any = page.obj.get("/Resources")
    if not isinstance(resources, Dictionary):
        inherited: Any = page.resources if "/Parent" in page.obj else Dictionary()
        resources = page.obj.Resources = copy(inherited)
    elif resources.is_indirect:  # may be shared with pages that already have the font
        resources = page.obj.Resources = copy(resources)
    own: Any = resources.get("/Font")
    fonts: Any = copy(own) if isinstance(own, Dictionary) else Dictionary()
    name = "/HtrText"
    while name in fonts:  # used by the text layer of an earlier run
        name += "_"
    fonts[name] = font.reference
    resources["/Font"] = fonts
    return name


def _pdf_placement(page: Any, result: PageResult) -> Placement:
    """Return the matrix from pixels of a rendered page to the page, with its crop and rotation."""
    media = _edges(page.mediabox) or [0.0, 0.0, 612.0, 792.0]
    crop = _edges(page.cropbox) or media
    if crop[0] == crop[2] or crop[1] == crop[3]:  # nothing, which counts as none
        crop = media
    left, right = sorted((crop[0], crop[2]))
    bottom, top = sorted((crop[1], crop[3]))
    left, right = max(left, min(media[0], media[2])), min(right, max(media[0], media[2]))
    bottom, top = max(bottom, min(media[1], media[3])), min(top, max(media[1], media[3]))
    if right <= left or top <= bottom:  # then PDFium shows a sheet of letter paper
        left, bottom, right, top = 0.0, 0.0, 612.0, 792.0
    width, height = right - left, top - bottom
    across, down = result.size.width, result.size.height
    turn = _rotation(page)
    if turn == 90:
        return Placement(0.0, height / across, width / down, 0.0, left, bottom)
    if turn == 180:
        return Placement(-width / across, 0.0, 0.0, height / down, right, bottom)
    if turn == 270:
        return Placement(0.0, -height / across, -width / down, 0.0, right, top)
    return Placement(width / across, 0.0, 0.0, -height / down, left, top)


def _edges(box: Any) -> Optional[List[float]]:
    """Return the four edges of a box, or None if it is damaged."""
    try:
        left, bottom, right, top = (float(edge) for edge in box)
    except (TypeError, ValueError):
        return None
    return [left, bottom, right, top]


def _rotation(page: Any) -> int:
    """Return a page's clockwise rotation in degrees, possibly inherited."""
    node = page.obj
    for _ in range(50):  # a damaged page tree may be cyclic
        if not isinstance(node, Dictionary):
            break
        if isinstance(node.get("/Rotate"), (int, Decimal)):
            return int(node.Rotate) % 360
        if "/Parent" not in node:
            break
        node = node.Parent
    return 0
