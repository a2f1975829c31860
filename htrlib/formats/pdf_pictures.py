"""Turn pictures into pages of a PDF without loss, with their own compressed data if possible."""

from __future__ import annotations

import io
import zlib
from typing import Any, BinaryIO, Optional, Tuple

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream
from PIL import Image

from htrlib.document.geometry import Size
from htrlib.formats.pdf_text import Placement
from htrlib.images.pixels import gray, is_plain, orientation, paper_of

DPI = 300  # default resolution of pictures without a plausible one
_LONGEST = 1000 / 25.4  # inches; for a longer page, the resolution must be wrong
_LEAST_DPI = 50
_LEAST_PAGE, _LARGEST_PAGE = 3.1, 14_400.0  # points of a side that all programs can show

# Points by which a page is smaller than its picture's size, and the picture than the page:
# otherwise programs that round up show an additional row or column, and shift the others.
_LESS_PAPER, _LESS_PICTURE = 0.0001, 0.001

# EXIF orientation -> where the upright page has the picture's left, top, and whether it is turned
_TURNS = {
    1: (1, 0, 0, 1, 0, 0),
    2: (-1, 0, 0, 1, 1, 0),
    3: (-1, 0, 0, -1, 1, 1),
    4: (1, 0, 0, -1, 0, 1),
    5: (0, -1, -1, 0, 1, 1),
    6: (0, -1, 1, 0, 0, 1),
    7: (0, 1, 1, 0, 0, 0),
    8: (0, 1, -1, 0, 1, 0),
}
_SIDEWAYS = (5, 6, 7, 8)

_PALETTE = 3
_PROFILED = {"L": b"GRAY", "RGB": b"RGB "}  # mode -> color space of a profile
_QUICKLY_PACKED = 500_000  # pixels
_PNG_SAMPLES = {0: 1, 2: 3, _PALETTE: 1}  # color type of a PNG file -> samples of a pixel


def add_picture_page(
    document: pikepdf.Pdf, picture: Image.Image, file: BinaryIO
) -> Tuple[Any, bytes]:
    """Add a page for a picture.

    Args:
        document: document to add the page to.
        picture: picture, at the frame to show.
        file: file that it was opened from.
    Returns:
        The page, and the content that shows the picture.
    """
    turn = orientation(picture)
    shape = _TURNS.get(turn if isinstance(turn, int) else 1, _TURNS[1])
    across, down = _resolution(picture)
    width, height = 72 * picture.width / across, 72 * picture.height / down
    if turn in _SIDEWAYS:
        width, height = height, width
    scale = _scale(width, height)
    width, height = scale * width - _LESS_PAPER, scale * height - _LESS_PAPER
    drawn = Dictionary(Picture=document.make_indirect(_picture(document, picture, file)))
    # Not by `add_blank_page`, which takes no page below 3 points.
    document.pages.append(
        pikepdf.Page(
            Dictionary(
                Type=Name.Page,
                MediaBox=Array([0, 0, width, height]),
                Resources=Dictionary(XObject=drawn),
            )
        )
    )
    page = document.pages[-1]
    a, b, c, d, e, f = shape
    wide, high, edge = width - _LESS_PICTURE, height - _LESS_PICTURE, _LESS_PICTURE / 2
    numbers = (a * wide, b * high, c * wide, d * high, e * wide + edge, f * high + edge)
    matrix = " ".join(f"{number:.7g}" for number in numbers)
    return page, f"q {matrix} cm /Picture Do Q".encode("ascii")


def upright_placement(size: Size, page: Any) -> Placement:
    """Return the matrix from pixels of an upright page to the PDF page that they fill."""
    width, height = (float(edge) for edge in page.mediabox[2:])
    return Placement(width / size.width, 0.0, 0.0, -height / size.height, 0.0, height)


def _resolution(picture: Image.Image) -> Tuple[float, float]:
    """Return the horizontal and vertical resolution in dots per inch."""
    try:
        across, down = (float(value) for value in picture.info["dpi"])
    except (KeyError, TypeError, ValueError):
        return DPI, DPI
    fits = max(picture.width / max(across, 1), picture.height / max(down, 1)) <= _LONGEST
    return (across, down) if fits and min(across, down) >= _LEAST_DPI else (DPI, DPI)


def _scale(width: float, height: float) -> float:
    """Return what makes a page neither too long nor too narrow for viewers."""
    return min(max(1.0, _LEAST_PAGE / min(width, height)), _LARGEST_PAGE / max(width, height))


def _picture(document: pikepdf.Pdf, picture: Image.Image, file: BinaryIO) -> Stream:
    kind = picture.format  # MPO: a JPEG and more behind it, as phones save it
    if kind in ("JPEG", "MPO") and picture.mode in ("L", "RGB"):
        return _stream(document, picture, _content(file), Name.DCTDecode)
    if kind == "JPEG2000" and picture.mode in ("L", "RGB"):
        return _stream(document, picture, _content(file), Name.JPXDecode)
    if kind == "PNG" and is_plain(picture) and not picture.has_transparency_data:
        packed = _own_png(document, picture, _content(file))
        if packed is not None:
            return packed
    if picture.mode == "1":
        return _fax(document, picture)
    return _lossless(document, picture)


def _content(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read()


def _stream(
    document: pikepdf.Pdf, picture: Image.Image, content: bytes, filter: Name, **more: Any
) -> Stream:
    space = Name.DeviceGray if picture.mode in ("1", "L") else Name.DeviceRGB
    profile = picture.info.get("icc_profile")
    colors: Any = space
    if profile and _PROFILED.get(picture.mode) == profile[16:20]:
        icc = Stream(document, profile)
        icc.N, icc.Alternate = (1 if picture.mode == "L" else 3), space
        colors = Array([Name.ICCBased, document.make_indirect(icc)])
    stream = Stream(document, b"")
    stream.write(content, filter=filter, decode_parms=more.pop("parameters", None))
    stream.Type, stream.Subtype = Name.XObject, Name.Image
    stream.Width, stream.Height = picture.width, picture.height
    stream.ColorSpace, stream.BitsPerComponent = colors, more.pop("bits", 8)
    return stream


def _fax(document: pikepdf.Pdf, picture: Image.Image) -> Stream:
    """Encode a bilevel picture as CCITT group 4, in one strip."""
    file = io.BytesIO()
    plain = Image.frombytes("1", picture.size, picture.tobytes())
    plain.save(file, "TIFF", compression="group4", tiffinfo={278: picture.height})
    with Image.open(file) as coded:
        strips = coded.tag_v2[273]  # type: ignore[attr-defined]
        length = coded.tag_v2[279][0]  # type: ignore[attr-defined]
        black_is_zero = coded.tag_v2[262] == 1  # type: ignore[attr-defined]
    if len(strips) != 1:
        return _lossless(document, picture)
    start = strips[0]
    parameters = Dictionary(
        K=-1, Columns=picture.width, Rows=picture.height, BlackIs1=bool(black_is_zero)
    )
    content = file.getvalue()[start : start + length]
    return _stream(document, picture, content, Name.CCITTFaxDecode, bits=1, parameters=parameters)


def _lossless(document: pikepdf.Pdf, picture: Image.Image) -> Stream:
    """Encode the pixels of a picture like PNG; transparent parts become paper, as for reading."""
    shown = picture
    if not is_plain(picture):
        shown = Image.fromarray(gray(picture))
    elif picture.mode.startswith("I;16"):
        shown = picture
    elif picture.has_transparency_data:
        whole = picture.convert("RGBA")
        paper = Image.new("RGBA", picture.size, (paper_of(whole),) * 3)
        shown = Image.alpha_composite(paper, whole).convert("RGB")
    elif picture.mode == "P":
        return _plainly_packed(document, picture)
    elif picture.mode not in ("L", "RGB"):
        shown = picture.convert("L" if picture.mode in ("1", "LA") else "RGB")
    file = io.BytesIO()
    shown.save(file, "PNG", compress_level=9, icc_profile=None)
    packed, bits = _png_data(file.getvalue())
    parameters = _png_rows(shown.width, bits, 3 if shown.mode == "RGB" else 1)
    plain = shown if shown.mode in ("L", "RGB") else Image.new("L", (1, 1))
    stream = _stream(document, plain, packed, Name.FlateDecode, bits=bits, parameters=parameters)
    stream.Width, stream.Height = shown.width, shown.height
    return stream


def _plainly_packed(document: pikepdf.Pdf, picture: Image.Image) -> Stream:
    """Compress pixels without a PNG predictor, which does not help palettes."""
    packed = zlib.compress(picture.tobytes(), 9)
    stream = _stream(document, picture, packed, Name.FlateDecode)
    if picture.mode == "P":
        stream.ColorSpace = _palette(document, picture)
    return stream


def _own_png(document: pikepdf.Pdf, picture: Image.Image, content: bytes) -> Optional[Stream]:
    """Return the rows of a PNG file, recompressed if that is smaller; None if interlaced."""
    packed, bits = _png_data(content)
    color_type, interlaced = content[25], content[28]
    if interlaced or color_type not in _PNG_SAMPLES:
        return None
    if picture.mode in ("L", "P") and picture.width * picture.height < _QUICKLY_PACKED:
        plain = _plainly_packed(document, picture)
        if int(plain.Length) < len(packed):
            return plain
    parameters = _png_rows(picture.width, bits, _PNG_SAMPLES[color_type])
    stream = _stream(document, picture, packed, Name.FlateDecode, bits=bits, parameters=parameters)
    if color_type == _PALETTE:
        stream.ColorSpace = _palette(document, picture)
    elif color_type == 0 and picture.mode != "L":
        stream.ColorSpace = Name.DeviceGray
    return stream


def _png_rows(width: int, bits: int, samples: int) -> Dictionary:
    return Dictionary(Predictor=15, Colors=samples, BitsPerComponent=bits, Columns=width)


def _palette(document: pikepdf.Pdf, picture: Image.Image) -> Array:
    """Return the colors that a picture uses, in the order of its palette."""
    last = int(picture.getextrema()[1])  # type: ignore[arg-type]
    colors = bytes(picture.getpalette("RGB") or b"").ljust(3 * last + 3, b"\0")[: 3 * last + 3]
    table = document.make_indirect(pikepdf.String(colors))
    return Array([Name.Indexed, Name.DeviceRGB, last, table])


def _png_data(content: bytes) -> Tuple[bytes, int]:
    """Return the compressed rows of a PNG file, and its bits per sample."""
    place, packed = 8, []
    while place < len(content):
        length = int.from_bytes(content[place : place + 4], "big")
        if content[place + 4 : place + 8] == b"IDAT":
            packed.append(content[place + 8 : place + 8 + length])
        place += 12 + length
    return b"".join(packed), content[24]
