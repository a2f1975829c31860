"""Searchable PDF: the pages as they look, with their text under the writing, not seen.

A PDF that was read keeps its pages, and each gets a layer of text. Pictures become pages.
"""

from __future__ import annotations

import struct
from typing import Any, BinaryIO, Dict

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream
from PIL import ImageCms

from htrlib._version import __version__
from htrlib.document.results import PageResult
from htrlib.errors import ImageError
from htrlib.formats.glyphless_font import GlyphlessFont
from htrlib.formats.pdf_pictures import add_picture_page, upright_placement
from htrlib.formats.pdf_text import FONT, Placement, text_layer
from htrlib.formats.saving import Result, WriteOptions
from htrlib.images.loading import at_each_page, identified
from htrlib.images.opening import opened, source_name
from htrlib.images.suffixes import MAGIC_BYTES, PDF, kind_of


def write(result: Result, file: BinaryIO, options: WriteOptions) -> None:
    """Write all pages of the source, with the text of those that were read.

    Raises:
        ImageError: the source cannot be read.
    """
    name = source_name(options.source)
    read = {page.number or 1: page for page in result.pages}
    with opened(options.source) as source:
        start = source.read(MAGIC_BYTES)
        source.seek(0)
        if kind_of(start) == PDF:
            _write_over_pdf(source, name, read, file)
        else:
            _write_pictures(source, name, read, file)


def _write_over_pdf(
    source: BinaryIO, name: str, read: Dict[int, PageResult], file: BinaryIO
) -> None:
    try:
        document = pikepdf.open(source)
    except pikepdf.PdfError as error:
        raise ImageError(f"{name}: the PDF is damaged or encrypted ({error})") from error
    with document:
        font = GlyphlessFont(document)
        for number, page in enumerate(document.pages, start=1):
            if number in read and read[number].lines:
                placement = _pdf_placement(page, read[number])
                _add_text(document, page, read[number], placement, font)
        font.finish()
        document.save(file, deterministic_id=True, object_stream_mode=_PACKED)


def _write_pictures(
    source: BinaryIO, name: str, read: Dict[int, PageResult], file: BinaryIO
) -> None:
    picture = identified(source, name)
    with pikepdf.new() as document:
        font = GlyphlessFont(document)
        for number, error in at_each_page(picture, name):
            if error is None and number in read:
                picture.load()
                page, points = add_picture_page(document, picture, source)
                size = read[number].size
                placement = upright_placement((size.width, size.height), points)
                _add_text(document, page, read[number], placement, font)
                page.contents_coalesce()
        font.finish()
        _describe(document)
        document.save(file, deterministic_id=True, object_stream_mode=_PACKED)


_PACKED = pikepdf.ObjectStreamMode.generate
_XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
    'rdf:about="" xmlns:pdf="http://ns.adobe.com/pdf/1.3/" pdf:Producer="htrlib {version}"'
    '{archival}/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
_ARCHIVAL = ' xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/" pdfaid:part="2" pdfaid:conformance="B"'


def _add_text(
    document: pikepdf.Pdf,
    page: Any,
    result: PageResult,
    placement: Placement,
    font: GlyphlessFont,
) -> None:
    """Put the text before the page's own content, where no state of that has been set yet."""
    content = Stream(document, text_layer(result, placement, font))
    resources = page.obj.get("/Resources")
    if resources is None:
        inherited: Any = page.resources if "/Parent" in page.obj else Dictionary()
        resources = page.obj.Resources = Dictionary(inherited)
    elif resources.is_indirect:  # shared with pages that may have been given theirs
        resources = page.obj.Resources = Dictionary(resources)
    fonts = Dictionary(resources.get("/Font", Dictionary()))
    fonts[FONT] = font.reference
    resources["/Font"] = fonts
    page.contents_add(content, prepend=True)


def _pdf_placement(page: Any, result: PageResult) -> Placement:
    """Return the matrix from pixels of a rendered page to the page, with its crop and rotation."""
    media = [float(edge) for edge in page.mediabox]
    crop = [float(edge) for edge in page.cropbox]
    left, right = sorted((crop[0], crop[2]))
    bottom, top = sorted((crop[1], crop[3]))
    left, right = max(left, min(media[0], media[2])), min(right, max(media[0], media[2]))
    bottom, top = max(bottom, min(media[1], media[3])), min(top, max(media[1], media[3]))
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


def _rotation(page: Any) -> int:
    """Degrees clockwise by which a page is shown turned; a page without any has its parent's."""
    node = page.obj
    for _ in range(50):  # a damaged tree may run in a circle
        if "/Rotate" in node:
            return int(node.Rotate) % 360
        if "/Parent" not in node:
            break
        node = node.Parent
    return 0


def _describe(document: pikepdf.Pdf) -> None:
    """Say what PDF/A-2b asks for, where no picture speaks against it."""
    images = [page.obj.Resources.XObject.Picture for page in document.pages]
    archival = all(image.get("/Filter") != Name.JPXDecode for image in images)
    said = _XMP.format(version=__version__, archival=_ARCHIVAL if archival else "")
    metadata = Stream(document, said.encode("utf-8"))
    metadata.Type, metadata.Subtype = Name.Metadata, Name.XML
    document.Root.Metadata = document.make_indirect(metadata)
    profile = Stream(document, _srgb_profile())
    profile.N = 3
    intent = Dictionary(
        Type=Name.OutputIntent,
        S=Name.GTS_PDFA1,
        OutputConditionIdentifier=pikepdf.String("sRGB"),
        DestOutputProfile=document.make_indirect(profile),
    )
    document.Root.OutputIntents = Array([intent])


def _srgb_profile() -> bytes:
    """The color profile, without the time of its making, so that files can be reproduced."""
    content = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    content[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    content[84:100] = bytes(16)  # the checksum, which may be left out
    return bytes(content)
