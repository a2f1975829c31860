"""A font of empty glyphs, for text that can be searched and copied but not seen.

It is embedded as a TrueType file, which PDF/A requires. The code of a character is its UTF-16 code
unit; a character of two code units gets an unused code.
"""

from __future__ import annotations

import re
import struct
from typing import Any, Dict, Set

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream

ASCENT, DESCENT = 750, -250
"""Chosen so that a line's height equals its font size; an em has 1000 units."""

ADVANCE = 500
"""Width of every character but the space, of 1000 units."""

SPACE = 400
"""Width of a space."""

_UNITS = 1000
_LONGEST_BLOCK = 100  # maximum number of entries per block of a CMap
_SURROGATES = range(0xD800, 0xE000)
_UNKNOWN = 0xFFFD
_ESCAPED = re.compile(rb"[\\()]")


class GlyphlessFont:
    """The font of one document; call `finish` to embed it after all text has been encoded."""

    def __init__(self, document: pikepdf.Pdf) -> None:
        self._document = document
        self._rows: Set[int] = set()  # first bytes of the codes in use
        self._astral: Dict[str, int] = {}
        self.reference: Any = document.make_indirect(Dictionary(Type=Name.Font))

    def encode(self, text: str) -> bytes:
        """Encode a text as a string of a content stream, two bytes per character."""
        codes = b"".join(self._code(character).to_bytes(2, "big") for character in text)
        return b"(" + _ESCAPED.sub(rb"\\\g<0>", codes).replace(b"\r", rb"\r") + b")"

    def _code(self, character: str) -> int:
        code = ord(character)
        if code > 0xFFFF:
            if len(self._astral) == len(_SURROGATES):
                return self._astral.get(character, _UNKNOWN)
            return self._astral.setdefault(character, _SURROGATES[len(self._astral)])
        if code in _SURROGATES:
            code = _UNKNOWN
        self._rows.add(code >> 8)
        return code

    def finish(self) -> None:
        """Complete the font that the pages refer to."""
        document = self._document
        program = Stream(document, font_program())
        program.Length1 = len(font_program())
        descriptor = Dictionary(
            Type=Name.FontDescriptor,
            FontName=Name.GlyphLessFont,
            Flags=5,
            FontBBox=Array([0, DESCENT, ADVANCE, ASCENT]),
            ItalicAngle=0,
            Ascent=ASCENT,
            Descent=DESCENT,
            CapHeight=ASCENT,
            StemV=80,
            FontFile2=document.make_indirect(program),
        )
        descendant = Dictionary(
            Type=Name.Font,
            Subtype=Name.CIDFontType2,
            BaseFont=Name.GlyphLessFont,
            CIDSystemInfo=Dictionary(
                Registry=pikepdf.String("Adobe"), Ordering=pikepdf.String("Identity"), Supplement=0
            ),
            FontDescriptor=document.make_indirect(descriptor),
            DW=ADVANCE,
            W=Array([ord(" "), Array([SPACE])]),
            CIDToGIDMap=Name.Identity,
        )
        font = self.reference
        font.Subtype = Name.Type0
        font.BaseFont = Name.GlyphLessFont
        font.Encoding = Name("/Identity-H")
        font.DescendantFonts = Array([document.make_indirect(descendant)])
        font.ToUnicode = document.make_indirect(Stream(document, self._unicode_map()))

    def _unicode_map(self) -> bytes:
        entries = [
            f"<{code:04X}> <{character.encode('utf-16-be').hex().upper()}>"
            for character, code in self._astral.items()
        ]
        ranges = [f"<{row:02X}00> <{row:02X}FF> <{row:02X}00>" for row in sorted(self._rows)]
        rows = [
            "/CIDInit /ProcSet findresource begin",
            "12 dict begin",
            "begincmap",
            "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def",
            "/CMapName /Adobe-Identity-UCS def",
            "/CMapType 2 def",
            "1 begincodespacerange",
            "<0000> <FFFF>",
            "endcodespacerange",
        ]
        for kind, mappings in (("bfrange", ranges), ("bfchar", entries)):
            for start in range(0, len(mappings), _LONGEST_BLOCK):
                block = mappings[start : start + _LONGEST_BLOCK]
                rows += [f"{len(block)} begin{kind}", *block, f"end{kind}"]
        rows += ["endcmap", "CMapName currentdict /CMap defineresource pop", "end", "end"]
        return "\n".join(rows).encode("ascii")


def font_program() -> bytes:
    """Return the TrueType file: two glyphs without outlines, `ADVANCE` wide."""
    tables = {
        b"glyf": b"\x00" * 4,
        b"head": struct.pack(
            ">IIIIHHQQhhhhHHhhh",
            *(0x00010000, 0x00010000, 0, 0x5F0F3CF5, 0, _UNITS, 0, 0),
            *(0, DESCENT, ADVANCE, ASCENT, 0, 8, 2, 0, 0),
        ),
        b"hhea": struct.pack(
            ">IhhhHhhhhhhhhhhhH", 0x00010000, ASCENT, DESCENT, 0, ADVANCE, *[0] * 3, 1, *[0] * 7, 2
        ),
        b"hmtx": struct.pack(">HhHh", ADVANCE, 0, ADVANCE, 0),
        b"loca": struct.pack(">HHH", 0, 0, 0),
        b"maxp": struct.pack(">IH13H", 0x00010000, 2, *[0] * 4, 1, *[0] * 8),
    }
    header = struct.pack(">IHHHH", 0x00010000, len(tables), 64, 2, 16 * len(tables) - 64)
    directory, body = b"", b""
    start = len(header) + 16 * len(tables)
    for tag, content in sorted(tables.items()):
        padded = content + b"\x00" * (-len(content) % 4)
        total = sum(struct.unpack(f">{len(padded) // 4}I", padded)) & 0xFFFFFFFF
        directory += tag + struct.pack(">III", total, start + len(body), len(content))
        body += padded
    return header + directory + body
