"""Correct the lines of a PAGE XML file in place, keeping everything else.

PAGE has no elements for some of the data: the page's state and the author of its last change are in
a ``MetadataItem``, and a line's confirmation in the ``custom`` attribute, where Transkribus keeps
its own marks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence, Set, Tuple
from xml.etree.ElementTree import Element, ParseError, indent, tostring

from defusedxml import DefusedXmlException
from defusedxml import ElementTree as DefusedTree

from htrlib.data.collector import bounds, is_rectangle
from htrlib.data.corrected_pages import CorrectedLine, CorrectedPage
from htrlib.data.flat_outlines import from_baselines, strip_along
from htrlib.data.label_text import clean_text
from htrlib.data.line_ids import free_ids
from htrlib.data.xml import parse_number
from htrlib.document.geometry import Box, Point, Polygon, Size
from htrlib.document.results import TextLine, Word
from htrlib.errors import AnnotationError
from htrlib.formats.clock import written_at
from htrlib.formats.page_xml import first_text, points_at, regions_in_order, rows_in_order
from htrlib.formats.page_xml_elements import (
    NAMESPACE,
    add_child,
    add_text,
    add_word,
    box_points,
    confidence_of,
    custom_tags,
    custom_value,
    kind_of,
    put_kind,
    put_place,
    readings,
    tags_of,
)

READ, IN_WORK, DONE = STATES = ("read", "in work", "done")

_STATE, _CHANGED_BY = "htrlib-state", "htrlib-changed-by"
_CONFIRMED = re.compile(r"\s*\bconfirmed\s*\{[^}]*\}")
_ORDER = re.compile(r"\s*\breadingOrder\s*\{[^}]*\}")
_TRANSKRIBUS_DONE = ("DONE", "FINAL", "GT")
# The order of a line's children in the schema; unknown elements come last.
_RANKS = {"AlternativeImage": 0, "Coords": 1, "Baseline": 2, "Word": 3, "TextEquiv": 4}


@dataclass(frozen=True)
class Stamp:
    """The author of a change, and the state of the page afterwards.

    Attributes:
        by: name of the person or the program.
        state: state of the page, one of `STATES`.
    """

    by: str
    state: str


@dataclass(frozen=True)
class PageFile:
    """The content of a file: the page, its state, and who changed it last."""

    page: CorrectedPage
    state: str
    changed_by: str = ""


def read_page_file(content: bytes, path: Path, size: Size) -> PageFile:
    """Read a PAGE XML file with one page.

    Args:
        path: name of the file in messages.
        size: size of the page's picture.
    Raises:
        AnnotationError: the file is not PAGE XML with one page, or its picture had another size.
    """
    tree = _Tree.parse(content, path)
    stated = tree.size
    if stated != size:
        raise AnnotationError(
            f"the file describes a picture of {stated.width} x {stated.height}, but its picture "
            f"has {size.width} x {size.height}; restore the picture, or move the file away",
            path,
        )
    lines = tuple(line for _, line in tree.lines())
    items = {i.get("name", ""): i.get("value", "") for i in tree.root.iter("MetadataItem")}
    statuses = [i.get("status", "") for i in tree.root.iter("TranskribusMetadata")]
    state = items.get(_STATE, "")
    if state not in STATES:
        state = DONE if set(statuses) & set(_TRANSKRIBUS_DONE) else READ
    return PageFile(
        CorrectedPage(size, lines, done=state == DONE), state, items.get(_CHANGED_BY, "")
    )


def write_page_file(
    content: Optional[bytes], page: CorrectedPage, picture: str, stamp: Stamp, path: Path
) -> bytes:
    """Return the content of a file with the page's lines; other elements stay unchanged.

    Args:
        content: current content of the file, or None for a new file.
        picture: file name of the page's picture, for a new file.
    Raises:
        AnnotationError: `content` is not PAGE XML with one page.
    """
    tree = _Tree.new(picture, page.size) if content is None else _Tree.parse(content, path)
    tree.stamp(stamp)
    tree.update(page, stamp)
    indent(tree.root)
    tree.root.set("xmlns", tree.namespace)
    written: bytes = tostring(tree.root, encoding="UTF-8", xml_declaration=True)
    return written + b"\n"


class _Tree:
    """The elements of a file, with PAGE's elements stripped of their namespace."""

    def __init__(self, root: Element, namespace: str, path: Path) -> None:
        pages = root.findall("Page")
        if root.tag != "PcGts" or len(pages) != 1:
            raise AnnotationError(
                f"expected PAGE XML with one page, found the root {root.tag} with {len(pages)} "
                "pages; move the file away to have the page read into a new one",
                path,
            )
        self.root, self.namespace, self.path, self.page = root, namespace, path, pages[0]
        self._name_lines()

    @classmethod
    def parse(cls, content: bytes, path: Path) -> _Tree:
        try:
            root: Element = DefusedTree.fromstring(content, forbid_dtd=True)
        except ParseError as error:
            raise AnnotationError(
                f"not well-formed XML: {error}", path, error.position[0]
            ) from None
        except (DefusedXmlException, ValueError, LookupError) as error:
            raise AnnotationError(f"the XML cannot be read: {error!r}", path) from None
        namespace = root.tag.partition("}")[0].lstrip("{") if "}" in root.tag else NAMESPACE
        prefix = f"{{{namespace}}}"
        for element in root.iter():
            if isinstance(element.tag, str) and element.tag.startswith(prefix):
                element.tag = element.tag[len(prefix) :]
        return cls(root, namespace, path)

    @classmethod
    def new(cls, picture: str, size: Size) -> _Tree:
        root = Element("PcGts")
        metadata = add_child(root, "Metadata")
        for name, text in (
            ("Creator", "htrlib"),
            ("Created", written_at()),
            ("LastChange", written_at()),
        ):
            add_child(metadata, name).text = text
        measures = {"imageWidth": str(size.width), "imageHeight": str(size.height)}
        page = add_child(root, "Page", imageFilename=picture, **measures)
        region = add_child(page, "TextRegion", id="r1")
        add_child(region, "Coords", points=box_points(Box(0, 0, size.width, size.height), size))
        return cls(root, NAMESPACE, Path(picture))

    @property
    def size(self) -> Size:
        stated = [self.page.get(f"image{side}", "") for side in ("Width", "Height")]
        try:
            return Size(*(round(parse_number(side)) for side in stated))
        except ValueError:
            raise AnnotationError(
                "expected imageWidth and imageHeight of the Page in pixels, found "
                f'"{stated[0]}" and "{stated[1]}"; correct them, or move the file away',
                self.path,
            ) from None

    def lines(self) -> Iterator[Tuple[Element, CorrectedLine]]:
        """Return the lines in reading order, each with its element."""
        found = [
            (row, self._line(region, row))
            for region in regions_in_order(self.page)
            for row in rows_in_order(region.findall("TextLine"))
        ]
        bare = [not _points(row, "Coords") for row, _ in found]
        if any(bare):
            places = from_baselines([line.place for _, line in found], bare, self.size)
            found = [(row, replace(line, place=p)) for (row, line), p in zip(found, places)]
        yield from found

    def stamp(self, stamp: Stamp) -> None:
        """Record the author and time of a change, and the page's state."""
        metadata = self.root.find("Metadata")
        if metadata is None:
            metadata = Element("Metadata")
            self.root.insert(0, metadata)
        for name in ("Creator", "Created", "LastChange"):
            if metadata.find(name) is None:
                add_child(metadata, name).text = "htrlib" if name == "Creator" else written_at()
        change = metadata.find("LastChange")
        if change is not None:
            change.text = written_at()
        for name, value in ((_STATE, stamp.state), (_CHANGED_BY, clean_text(stamp.by))):
            for item in metadata.findall("MetadataItem"):
                if item.get("name") == name:
                    metadata.remove(item)
            if value:
                add_child(metadata, "MetadataItem", type="other", name=name, value=value)

    def update(self, page: CorrectedPage, stamp: Stamp) -> None:
        """Update the lines to those of the page, in its order."""
        known = {line.id: (row, line) for row, line in self.lines()}
        regions = {region.get("id", ""): region for region in regions_in_order(self.page)}
        if not regions:
            region = add_child(self.page, "TextRegion", id="r1")
            whole = Box(0, 0, page.size.width, page.size.height)
            add_child(region, "Coords", points=box_points(whole, page.size))
            regions["r1"] = region
        first = next(iter(regions))
        rows: Dict[str, List[Element]] = {name: [] for name in regions}
        texts: Dict[str, List[str]] = {name: [] for name in regions}
        for line in page.lines:
            row, old = known.get(line.id, (Element("TextLine", id=line.id), None))
            _write_line(row, old, line, page.size, stamp)
            place = line.region if line.region in regions else first
            _keep_kind(row, regions[place], line)
            rows[place].append(row)
            texts[place].append(line.text)
        for name, region in regions.items():
            _put_rows(region, rows[name], "\n".join(texts[name]))

    def _line(self, region: Element, row: Element) -> CorrectedLine:
        name = row.get("id", "")
        texts = readings(row)
        text = first_text(row)
        if text is None:
            text = " ".join(first_text(word) or "" for word in row.findall("Word"))
        others = [clean_text(equiv.findtext("Unicode") or "") for equiv in texts[1:]]
        custom = row.get("custom", "")
        kind = kind_of(row, region)
        cleaned = clean_text(text)
        return CorrectedLine(
            name,
            cleaned,
            self._place(row, name, kind),
            tuple(_words(row)),
            tuple(other for other in others if other),
            confidence_of(texts[0]) if texts else None,
            bool(cleaned) and _CONFIRMED.search(custom) is not None,
            region.get("id", ""),
            tags_of(row),
        )

    def _place(self, row: Element, name: str, kind: Optional[str]) -> Optional[TextLine]:
        outline, baseline = _points(row, "Coords"), _points(row, "Baseline")
        base = tuple(baseline) if len(baseline) > 1 else None
        try:
            box = Box(*bounds(outline)) if outline or base is None else strip_along(base, self.size)
        except ValueError:
            return None
        if box is None:
            return None
        rectangular = len(outline) < 3 or is_rectangle(outline)
        polygon = None if rectangular else Polygon(tuple(outline))
        return TextLine(box, polygon, base, id=name, kind=kind)

    def _name_lines(self) -> None:
        """Assign ids to lines that have none, or the same as another line."""
        rows = [row for region in regions_in_order(self.page) for row in region.iter("TextLine")]
        names = {element.get("id", "") for element in self.root.iter()}
        free = free_ids(names)
        taken: Set[str] = {""}
        for row in dict.fromkeys(rows):
            if row.get("id", "") in taken:
                row.set("id", next(free))
            taken.add(row.get("id", ""))


def _points(row: Element, name: str) -> List[Point]:
    """Return the points of a line's place; invalid ones are like missing ones, and stay there."""
    try:
        return points_at(row, name)
    except ValueError:
        return []


def _words(row: Element) -> Iterator[Word]:
    for word in row.findall("Word"):
        text = clean_text(first_text(word) or "")
        confidence = confidence_of(word.find("TextEquiv"))
        try:
            box: Optional[Box] = Box(*bounds(points_at(word, "Coords")))
        except ValueError:
            box = None
        if text:
            yield Word(text, 1.0 if confidence is None else confidence, 0, 0, box)


def _write_line(
    row: Element, old: Optional[CorrectedLine], line: CorrectedLine, size: Size, by: Stamp
) -> None:
    """Change what differs from the existing line."""
    if old is None:
        row.set("custom", custom_tags(line.tags))
    if old is None or old.place != line.place:
        put_place(row, line.place, size)
        if line.place is not None:
            put_kind(row, line.place.kind)
    if old is None or old.words != line.words:
        _remove(row, "Word")
        for number, word in enumerate(word for word in line.words if word.box is not None):
            if word.box is not None:
                name = f"{line.id}-w{number}"
                add_word(row, name, word.text, word.box, word.confidence, size)
    if old is None or _said(old) != _said(line):
        _remove(row, "TextEquiv")
        add_text(row, line.text, line.confidence, 0 if line.alternatives else None)
        for index, text in enumerate(line.alternatives, start=1):
            add_text(row, text, None, index)
    custom = _ORDER.sub("", row.get("custom", ""))
    if not line.confirmed:
        custom = _CONFIRMED.sub("", custom)
    elif _CONFIRMED.search(custom) is None or (old is not None and old.text != line.text):
        who = custom_value(clean_text(by.by))
        custom = f"{_CONFIRMED.sub('', custom)} confirmed {{by:{who}; at:{written_at()};}}"
    row.set("custom", custom.strip())
    row[:] = sorted(row, key=lambda child: _RANKS.get(str(child.tag), len(_RANKS)))


def _keep_kind(row: Element, region: Element, line: CorrectedLine) -> None:
    """State the kind of a line that would take another one from its region."""
    if line.place is not None and kind_of(row, region) != line.place.kind:
        put_kind(row, line.place.kind)
        if line.place.kind is None:
            row.set("production", "other")


def _said(line: CorrectedLine) -> Tuple[str, Optional[float], Tuple[str, ...]]:
    return line.text, line.confidence, line.alternatives


def _put_rows(region: Element, rows: Sequence[Element], text: str) -> None:
    """Put lines into a region, before the region's own text, as the schema requires."""
    before = region.findall("TextLine")
    for row in before:
        region.remove(row)
    after = [i for i, child in enumerate(region) if child.tag in ("TextEquiv", "TextStyle")]
    start = after[0] if after else len(region)
    region[start:start] = rows
    for index, row in enumerate(rows):
        row.set("custom", f"readingOrder {{index:{index};}} {row.get('custom', '')}".strip())
    unicode = region.find("TextEquiv/Unicode")
    if unicode is not None and (rows or before):
        unicode.text = text


def _remove(row: Element, tag: str) -> None:
    for child in row.findall(tag):
        row.remove(child)
