"""Measure how much the content of a PDF page draws, before drawing it.

Content draws forms, patterns and masks, and these draw others: a file of a kilobyte can ask for
work without end, for which PDFium takes all memory.
"""

from __future__ import annotations

import math
import re
import zlib
from collections import Counter
from decimal import Decimal
from typing import Any, BinaryIO, Dict, Iterator, Optional, Tuple

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream

MOST_CONTENT = 100_000_000
"""Bytes of content that a page may draw, what it draws repeatedly counted as often."""

_EACH = 500  # bytes that each object counts at least
_DEEPEST = 50  # maximum nesting of objects
_PARENTS = 50  # maximum depth of the page tree
_DRAWN = re.compile(  # behind a comment any operator may stand
    rb"/([^\x00\t\n\x0c\r ()<>\[\]{}/%]+)[\x00\t\n\x0c\r ]*"
    rb"(?:%|(?<=[\x00\t\n\x0c\r ])(?:Do|gs|scn|SCN)(?![^\x00\t\n\x0c\r ()<>\[\]{}/%]))"
)
_ESCAPE = re.compile(rb"#([0-9A-Fa-f]{2})")


def why_unopened(file: BinaryIO) -> str:
    """Return why PDFium cannot open a PDF, and what to do.

    PDFium's own reason may be that of an earlier file.
    """
    try:
        with pikepdf.open(file) as document:
            if not document.pages:
                return "the PDF has no pages; export it again"
    except pikepdf.PasswordError:
        return (
            "the PDF is encrypted; remove its password first "
            "(qpdf --decrypt --password=... in.pdf out.pdf)"
        )
    except pikepdf.PdfError:
        pass
    return "the PDF is damaged; copy it again, or repair it with qpdf"


class PageContents:
    """The contents of a document's pages.

    Args:
        file: the PDF, open for reading; left open. Of one that only PDFium can read nothing is
            known.
        count: number of pages that PDFium counts. It counts damaged pages that QPDF leaves out;
            if the numbers differ, any page may be any other.
    """

    def __init__(self, file: BinaryIO, count: int) -> None:
        self._count = count
        self._sizes: Dict[Tuple[int, int], float] = {}
        self._largest: Optional[float] = None
        self._document: Optional[pikepdf.Pdf] = None
        try:
            self._document = pikepdf.open(file)
        except (pikepdf.PdfError, pikepdf.PasswordError):
            return

    def close(self) -> None:
        """Release the file."""
        if self._document is not None:
            self._document.close()

    def too_much(self, number: int) -> Optional[str]:
        """Return the reason not to draw a page, or None.

        Args:
            number: number of the page, from 1.
        """
        size = self.size(number)
        if size <= MOST_CONTENT:
            return None
        if size == math.inf:
            return "something on it draws itself"
        return f"it draws {size:,.0f} bytes of content, {MOST_CONTENT:,} are the most"

    def user_unit(self, number: int) -> float:
        """Return the units of 1/72 inch that one of the page has; 1 if nothing is known of it.

        PDFium does not look at it.

        Args:
            number: of the page, from 1.
        """
        if self._document is None or len(self._document.pages) != self._count:
            return 1.0
        stated: Any = self._document.pages[number - 1].obj.get("/UserUnit")
        unit = float(stated) if isinstance(stated, (int, Decimal)) else 1.0
        return unit if unit > 0 else 1.0

    def size(self, number: int) -> float:
        """Return the bytes of everything a page draws; infinite if something draws itself.

        Args:
            number: of the page, from 1.
        """
        if self._document is None:
            return 0.0
        pages = self._document.pages
        if len(pages) != self._count:
            if self._largest is None:
                self._largest = max((self._size_of_page(page.obj) for page in pages), default=0.0)
            return self._largest
        return self._size_of_page(pages[number - 1].obj)

    def _size_of_page(self, page: Any) -> float:
        resources = _inherited(page, "/Resources")
        size = self._size(page.get("/Contents"), resources, ())
        for annotation in _items(page.get("/Annots")):
            looks = _entry(_entry(annotation, "/AP"), "/N")
            # One that may be on or off has a look for each.
            for look in [looks] if isinstance(looks, Stream) else _values(looks):
                size += self._size_of_drawn(look, resources, ())
        return size

    def _size(self, content: Any, resources: Any, around: Tuple[Tuple[int, int], ...]) -> float:
        """Return the bytes of a content stream, or an array of them, including what it draws."""
        parts = [_decoded(part) for part in _items(content) if isinstance(part, Stream)]
        size = float(sum(map(len, parts)))
        drawn = dict(_drawn_by_name(resources))
        if not drawn or size > MOST_CONTENT:
            return size
        names = Counter(name for part in parts for name in _DRAWN.findall(part))
        for name, times in names.items():
            plain = _ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), name)
            target = drawn.get("/" + plain.decode("utf-8", "surrogateescape"))
            if target is not None:
                size += times * (_EACH + self._size_of_drawn(target, resources, around))
        return size

    def _size_of_drawn(
        self, drawn: Any, resources: Any, around: Tuple[Tuple[int, int], ...]
    ) -> float:
        if not isinstance(drawn, Stream):
            return 0.0
        key = drawn.objgen
        if key in around or len(around) > _DEEPEST:
            return math.inf
        if key not in self._sizes:
            own = drawn.get("/Resources", resources)
            self._sizes[key] = self._size(drawn, own, (*around, key))
        return self._sizes[key]


def _drawn_by_name(resources: Any) -> Iterator[Tuple[str, Any]]:
    """Return the forms, patterns and masks that content can name."""
    for kind in ("/XObject", "/Pattern", "/ExtGState"):
        for name, found in _pairs(_entry(resources, kind)):
            target = found
            if kind == "/ExtGState":
                target = _entry(_entry(found, "/SMask"), "/G")
            is_picture = _entry(target, "/Subtype") == Name.Image
            if isinstance(target, Stream) and not is_picture:
                yield name, target


def _decoded(stream: Any) -> bytes:
    """Decode a stream, stopping once the limit is exceeded."""
    filters = list(_items(stream.get("/Filter")))
    try:
        # Not as texts: a damaged name may be none.
        if any(name not in (Name.FlateDecode, Name.Fl) for name in filters):
            return bytes(stream.read_bytes())
        content = bytes(stream.read_raw_bytes())
        for _ in filters:
            content = zlib.decompressobj().decompress(content, MOST_CONTENT + 1)
        return content
    except (pikepdf.PdfError, zlib.error):
        return b""


def _inherited(page: Any, key: str) -> Any:
    node = page
    for _ in range(_PARENTS):  # a damaged page tree may be cyclic
        if not isinstance(node, Dictionary) or key in node:
            break
        node = node.get("/Parent")
    return _entry(node, key)


def _entry(found: Any, key: str) -> Any:
    return found.get(key) if isinstance(found, (Dictionary, Stream)) else None


def _items(found: Any) -> Iterator[Any]:
    return iter(found) if isinstance(found, Array) else iter([] if found is None else [found])


def _pairs(found: Any) -> Iterator[Tuple[str, Any]]:
    return iter(found.items()) if isinstance(found, Dictionary) else iter(())


def _values(found: Any) -> Iterator[Any]:
    return (value for _, value in _pairs(found))
