"""Add what PDF/A-2b requires of a document made from pictures: metadata and color profiles."""

from __future__ import annotations

import struct
from typing import Dict

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream

from htrlib._version import __version__

_XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
    'rdf:about="" xmlns:pdf="http://ns.adobe.com/pdf/1.3/" pdf:Producer="htrlib {version}"'
    '{archival}/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
_ARCHIVAL = ' xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/" pdfaid:part="2" pdfaid:conformance="B"'

_MADE = (2000, 1, 1, 0, 0, 0)  # creation date of profiles, constant for reproducible files
_XYZ = b"XYZ " + bytes(4)
_D50 = (0.9642, 1.0, 0.8249)
_D65_TO_D50 = (1.04788, 0.02292, -0.05022, 0.02959, 0.99048, -0.01707, -0.00925, 0.01508, 0.75168)
_PRIMARIES = {
    b"rXYZ": (0.43607, 0.22249, 0.01392),
    b"gXYZ": (0.38515, 0.71687, 0.09708),
    b"bXYZ": (0.14307, 0.06061, 0.71410),
}
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def describe(document: pikepdf.Pdf) -> None:
    """Claim PDF/A-2b unless a picture prevents it, and add the profile of device colors.

    Args:
        document: document whose pages have one picture each, named `Picture`.
    """
    images = [page.obj.Resources.XObject.Picture for page in document.pages]
    archival = all(image.get("/Filter") != Name.JPXDecode for image in images)
    gray = all(image.ColorSpace == Name.DeviceGray for image in images)
    xmp = _XMP.format(version=__version__, archival=_ARCHIVAL if archival else "")
    metadata = Stream(document, xmp.encode("utf-8"))
    metadata.Type, metadata.Subtype = Name.Metadata, Name.XML
    document.Root.Metadata = document.make_indirect(metadata)
    profile = Stream(document, icc_profile(gray=gray))
    profile.N = 1 if gray else 3
    intent = Dictionary(
        Type=Name.OutputIntent,
        S=Name.GTS_PDFA1,
        OutputConditionIdentifier=pikepdf.String("sGray" if gray else "sRGB"),
        DestOutputProfile=document.make_indirect(profile),
    )
    document.Root.OutputIntents = Array([intent])


def icc_profile(*, gray: bool) -> bytes:
    """Build the ICC profile (version 4) of sRGB, or of gray with the same curve.

    IEC 61966-2-1 defines the curve and primaries, which are adapted to D50, as ICC requires.
    """
    curve = b"para" + struct.pack(">IHH", 0, 3, 0) + _fixed(*_SRGB_CURVE)
    tags = {
        b"desc": _text("sGray" if gray else "sRGB"),
        b"cprt": _text("CC0"),
        b"wtpt": _XYZ + _fixed(*_D50),
    }
    if gray:
        tags[b"kTRC"] = curve
    else:
        tags[b"chad"] = b"sf32" + bytes(4) + _fixed(*_D65_TO_D50)
        tags.update({tag: _XYZ + _fixed(*primary) for tag, primary in _PRIMARIES.items()})
        tags.update(dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))
    places: Dict[bytes, int] = {}  # identical contents are stored once
    table, data = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for tag, content in tags.items():
        if content not in places:
            places[content] = start + len(data)
            data += content + bytes(-len(content) % 4)
        table += tag + struct.pack(">II", places[content], len(content))
    space = b"GRAY" if gray else b"RGB "
    header = struct.pack(">I4sI4s4s4s", start + len(data), b"", 0x04300000, b"mntr", space, b"XYZ ")
    header += struct.pack(">6H", *_MADE) + b"acsp" + bytes(28) + _fixed(*_D50)
    return header.ljust(128, b"\0") + table + data


def _text(text: str) -> bytes:
    content = text.encode("utf-16-be")
    return b"mluc" + struct.pack(">III4sII", 0, 1, 12, b"enUS", len(content), 28) + content


def _fixed(*numbers: float) -> bytes:
    """Encode numbers with 16 fractional bits."""
    return struct.pack(f">{len(numbers)}i", *(round(number * 65536) for number in numbers))
