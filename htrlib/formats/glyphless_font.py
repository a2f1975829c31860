"""A font without ink: text that is searched and copied, and not seen.

A TrueType file of two empty glyphs is embedded, so that the file stays PDF/A. Each character of a
document has a code of its own, and a `ToUnicode` map says which.
"""

from __future__ import annotations

import struct
from typing import Any, Dict

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream

ASCENT, DESCENT = 750, -250
"""Of 1000 units, so that a line's height is the size of its text."""

ADVANCE = 500
"""Width of every character, of 1000 units."""

_UNITS = 1000
_LONGEST_BLOCK = 100  # of entries in a map, as the format has it
_LAST_CODE = 0xFFFF


class GlyphlessFont:
    """The font of one document; `finish` embeds it when all text has been encoded."""

    def __init__(self, document: pikepdf.Pdf) -> None:
        self._document = document
        self._codes: Dict[str, int] = {}
        self.reference: Any = document.make_indirect(Dictionary(Type=Name.Font))

    def encode(self, text: str) -> bytes:
        """The codes of a text in hexadecimal, two bytes each, as a content stream has them."""
        codes = [self._code(character) for character in text]
        return b"<" + "".join(f"{code:04X}" for code in codes).encode("ascii") + b">"

    def _code(self, character: str) -> int:
        known = self._codes.get(character)
        if known is None:
            known = self._codes[character] = min(len(self._codes) + 1, _LAST_CODE)
        return known

    def finish(self) -> None:
        """Complete the font that pages refer to."""
        document = self._document
        program = Stream(document, font_program())
        program.Length1 = len(font_program())
        glyphs = Stream(document, b"\x00\x01" * (_LAST_CODE + 1))  # every code is the empty glyph
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
            CIDToGIDMap=document.make_indirect(glyphs),
        )
        font = self.reference
        font.Subtype = Name.Type0
        font.BaseFont = Name.GlyphLessFont
        font.Encoding = Name("/Identity-H")
        font.DescendantFonts = Array([document.make_indirect(descendant)])
        font.ToUnicode = document.make_indirect(Stream(document, self._unicode_map()))

    def _unicode_map(self) -> bytes:
        entries = [
            f"<{code:04X}> <{character.encode('utf-16-be', 'replace').hex().upper()}>"
            for character, code in self._codes.items()
        ]
        blocks = [
            entries[start : start + _LONGEST_BLOCK]
            for start in range(0, len(entries), _LONGEST_BLOCK)
        ]
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
        for block in blocks:
            rows += [f"{len(block)} beginbfchar", *block, "endbfchar"]
        rows += ["endcmap", "CMapName currentdict /CMap defineresource pop", "end", "end"]
        return "\n".join(rows).encode("ascii")


def font_program() -> bytes:
    """The TrueType file: two glyphs without outlines, `ADVANCE` wide."""
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
