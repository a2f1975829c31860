"""Read hOCR (HTML, well-formed or not) from Tesseract, OCRopus, kraken and others."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple, Union

from htrlib.data.annotation_text import read_text, unread
from htrlib.data.collector import Collector, is_rectangle, points_of
from htrlib.data.flat_outlines import ASCENT
from htrlib.data.label_text import clean_text
from htrlib.data.pictures import find_picture, is_left_by_system
from htrlib.data.samples import Dataset, LabeledLine, LabeledWord
from htrlib.data.xml import parse_number
from htrlib.document.geometry import Box, Point, Size, quarter_turned
from htrlib.document.results import KINDS
from htrlib.errors import AnnotationError, DatasetError, ImageError
from htrlib.images.numbered_pages import count_pages

SUFFIXES = (".hocr", ".html", ".htm", ".xhtml")

_PAGE, _WORD = "ocr_page", "ocrx_word"
_PLAIN_LINES = ("ocr_line", "ocrx_line")
_LINES = (*_PLAIN_LINES, "ocr_header", "ocr_footer", "ocr_caption", "ocr_textfloat")
_EMPTY = ("area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr")
_HEAD = 1024  # bytes in which a file declares its charset
_CHARSET = re.compile(
    rb"""<(?:\?xml|meta)\b[^>]*?\b(?:encoding|charset)\s*=\s*["']?\s*([\w.:-]+)""", re.I
)
_PROPERTY = re.compile(r"""\s*([\w-]+)\s*((?:"[^"]*"|'[^']*'|[^;"'])*)(?:;|$)""")


def load(
    path: Union[str, Path],
    *,
    images: Optional[Union[str, Path]] = None,
    kinds: Optional[str] = None,
) -> Dataset:
    """Load the pages of an hOCR file, or of all hOCR files below a folder.

    Headers, footers, captions and floats become lines with a corresponding tag. Further pages
    (``ppageno``) of a picture with several are left out and reported, since a picture in a dataset
    has one page. The charset is the one that the file declares, or else UTF-8.

    Args:
        path: the file or folder.
        images: folder of the pictures; by default beside the file, or one folder up.
        kinds: kinds of lines to keep, such as "handwritten,typewritten"; by default all.
    Raises:
        AnnotationError: the given file has no hOCR page, or is not of its charset; such files in a
            folder are reported, and the others are read.
        ConfigError: there is no such kind.
        DatasetError: no page can be used.
    """
    path = Path(path)
    base, files = (path.parent, [path]) if path.is_file() else (path, _files(path))
    collector = Collector()
    collector.note_links(path)
    for file in files:
        source = file.relative_to(base).with_suffix("").as_posix()
        folders = [file.parent, file.parent.parent] if images is None else [Path(images)]
        try:
            pages = _pages_of(file)
        except AnnotationError as error:
            if path.is_file():
                raise
            collector.note("file that cannot be read", source, str(error), skipped="page")
            continue
        if not pages and path.is_file():
            raise AnnotationError(f"expected an element with the class {_PAGE}, found none", file)
        if not pages:
            collector.note("not hOCR", source, f"no element of the class {_PAGE}", skipped="page")
        pictures = [_picture_of(page, file.stem, folders) for page in pages]
        for number, (page, picture) in enumerate(zip(pages, pictures), start=1):
            name = source if len(pages) == 1 else f"{source}-{number}"
            _PageReader(collector, name, page, picture, pictures.count(picture) > 1).read()
    return collector.dataset(path).of_kinds(kinds)


def _files(folder: Path) -> List[Path]:
    files = sorted(
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in SUFFIXES and not is_left_by_system(file.relative_to(folder))
    )
    if not files:
        raise DatasetError(
            f"{folder}: expected an hOCR file ({', '.join(SUFFIXES)}), or a folder with some; "
            "found none"
        )
    return files


@dataclass
class _Node:
    """An element with an hOCR class; `text` is its whole content."""

    kind: str
    id: str
    properties: Dict[str, str]
    text: List[str] = field(default_factory=list)
    children: List[_Node] = field(default_factory=list)


class _Parser(HTMLParser):
    """Collects pages, their lines, and the lines' words."""

    def __init__(self) -> None:
        super().__init__()
        self.pages: List[_Node] = []
        self._open: List[Tuple[str, Optional[_Node]]] = []

    def handle_starttag(self, tag: str, attrs: List[Tuple[str, Optional[str]]]) -> None:
        if tag in _EMPTY:
            return
        given = {name: value or "" for name, value in attrs}
        known = [name for name in given.get("class", "").split() if name in (_PAGE, *_LINES, _WORD)]
        node = None
        if known:
            node = _Node(known[0], given.get("id", ""), _properties(given.get("title", "")))
            self._add(node)
        self._open.append((tag, node))

    def handle_endtag(self, tag: str) -> None:
        if tag in (name for name, _ in self._open):
            while self._open.pop()[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        for _, node in self._open:
            if node is not None and node.kind != _PAGE:
                node.text.append(data)

    def _add(self, node: _Node) -> None:
        if node.kind == _PAGE:
            self.pages.append(node)
            return
        around = [other for _, other in self._open if other is not None]
        wanted = _LINES if node.kind == _WORD else (_PAGE,)
        parents = [other for other in around if other.kind in wanted]
        if parents:
            parents[-1].children.append(node)


def _pages_of(file: Path) -> List[_Node]:
    """Parse the pages of a file.

    Raises:
        AnnotationError: the file cannot be read.
    """
    parser = _Parser()
    try:
        parser.feed(_text_of(file))
        parser.close()
    except AssertionError as error:  # the parser uses assertions
        raise AnnotationError(f"the HTML cannot be parsed: {error}", file) from None
    return parser.pages


def _text_of(file: Path) -> str:
    """Return the text of a file in the charset that it declares, or else in UTF-8.

    Raises:
        AnnotationError: the file cannot be read.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise unread(file, error) from None
    declared = _CHARSET.search(content[:_HEAD])
    if declared is None or content.startswith(codecs.BOM_UTF8):
        return read_text(file)
    name = declared[1].decode("ascii")
    try:
        # As in browsers, what calls itself Latin-1 may have the quotation marks of Windows.
        latin = codecs.lookup(name).name in ("ascii", "iso8859-1")
        return content.decode("cp1252" if latin else name)
    except (LookupError, UnicodeError) as error:
        detail = f"is not text in {name}, the charset it declares ({error}); save it as UTF-8"
        raise AnnotationError(detail, file) from None


def _properties(title: str) -> Dict[str, str]:
    return {match[1]: match[2].strip() for match in _PROPERTY.finditer(title)}


def _picture_of(page: _Node, stem: str, folders: Sequence[Path]) -> Path:
    name = page.properties.get("image", "").strip("\"'")
    return find_picture(name, stem, folders) or folders[0] / (name or stem)


class _PageReader:
    """Adds one page to the collector; `shared` says whether others of its file name its picture."""

    def __init__(
        self,
        collector: Collector,
        source: str,
        page: _Node,
        picture: Path,
        shared: bool,
    ) -> None:
        self.collector = collector
        self.source = source
        self.page = page
        self.picture = picture
        self.shared = shared

    def read(self) -> None:
        if self._is_further():
            number = self.page.properties["ppageno"]
            detail = f"{self.picture.name} and its page {number}, counted from 0"
            self.collector.note(
                "page of a picture with several", self.source, detail, skipped="page"
            )
            return
        size = self.collector.picture(self.picture, self.source, self._stated())
        if size is None:
            return
        lines = [self._line(size, line) for line in self.page.children]
        self.collector.add_page(self.picture, size, self.source, lines)

    def _is_further(self) -> bool:
        """Return whether the page is not the first of a picture with several.

        Given a list of pictures, Tesseract numbers the pages of all of them.
        """
        if self.page.properties.get("ppageno", "0") == "0":
            return False
        try:
            return self.shared or count_pages(self.picture) > 1
        except (ImageError, OSError):  # reported as unreadable
            return False

    def _stated(self) -> Optional[Size]:
        edges = self._numbers(self.page, "bbox")
        if len(edges) != 4 or edges[2] <= edges[0] or edges[3] <= edges[1]:
            return None
        return Size(round(edges[2]), round(edges[3]))

    def _line(self, size: Size, line: _Node) -> Optional[LabeledLine]:
        source = f"{self.source}#{line.id}"
        box = self._numbers(line, "bbox")
        full = self._numbers(line, "x_full") or box  # before it was trimmed by htrlib
        outline = self.collector.points(
            source, lambda: list(points_of(self._numbers(line, "poly")))
        )
        kind = line.properties.get("x_kind")
        place = self.collector.text_line(
            size,
            source,
            box=full if len(full) == 4 else None,
            polygon=() if is_rectangle(outline) else outline,
            baseline=self._baseline(line, box),
            kind=kind if kind in KINDS else None,
        )
        tags = () if line.kind in _PLAIN_LINES else (line.kind.partition("_")[2],)
        words = [self._word(size, source, word) for word in line.children]
        return self.collector.line(
            "".join(line.text),
            source,
            place,
            words=[word for word in words if word is not None],
            tags=tags,
            id=line.id,
        )

    def _word(self, size: Size, source: str, word: _Node) -> Optional[LabeledWord]:
        text = clean_text("".join(word.text))
        edges = self._numbers(word, "x_full") or self._numbers(word, "bbox")
        if not text or " " in text or len(edges) != 4:
            return None
        box = self.collector.box(size, source, edges)
        percent = self._numbers(word, "x_wconf")
        confidence = min(max(percent[0] / 100, 0.0), 1.0) if percent else None
        return None if box is None else LabeledWord(text, box, confidence)

    def _baseline(self, line: _Node, box: Sequence[float]) -> List[Point]:
        """Return the baseline's ends, given its slope and its height above the box's corner.

        The baseline of text that runs up or down the page is estimated.
        """
        angle = self._numbers(line, "textangle")
        has_area = len(box) == 4 and box[0] < box[2] and box[1] < box[3]
        if angle in ([90.0], [270.0]) and has_area:
            turns = 4 - round(angle[0] / 90)
            upright = Box(*box).turned(turns)
            y = upright.bottom - (1 - ASCENT) * upright.height
            ends = ((upright.left, y), (upright.right, y))
            return [quarter_turned(point, -turns) for point in ends]
        numbers = self._numbers(line, "baseline")
        if len(numbers) != 2 or len(box) != 4:
            return []
        slope, offset = numbers
        left, _, right, bottom = box
        points = [(left, bottom + offset), (right, bottom + offset + slope * (right - left))]
        return points[::-1] if angle == [180.0] else points

    def _numbers(self, node: _Node, name: str) -> List[float]:
        """Return the numbers of a property; report it and return none if it has other values."""
        try:
            return [parse_number(part) for part in node.properties.get(name, "").split()]
        except ValueError as error:
            self.collector.note("coordinates that cannot be read", self.source, str(error))
            return []
