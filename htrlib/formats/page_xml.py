"""PAGE XML, versions 2010 to 2019, as Transkribus, eScriptorium, OCR-D and others write it."""

from __future__ import annotations

import functools
import itertools
import re
from datetime import datetime, timezone
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple, Union
from xml.etree.ElementTree import Element, ElementTree, SubElement

from htrlib.data.collector import Collector, bounds, is_rectangle
from htrlib.data.label_text import clean_text
from htrlib.data.pictures import file_stems, find_picture, place_picture
from htrlib.data.samples import (
    Dataset,
    LabeledLine,
    LabeledWord,
    PageSample,
    Problem,
)
from htrlib.data.xml import parse_number, parse_points
from htrlib.document.geometry import Box, Point, Size
from htrlib.document.results import TextLine
from htrlib.formats.xml_pages import XmlFile, XmlForm, load_xml_pages

NAMESPACE = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"

FORM = XmlForm("PAGE XML", root="PcGts", page="Page")

_REGIONS = ("TextRegion", "TableCell")
_READING_ORDER = re.compile(r"readingOrder\s*\{[^}]*index:\s*(\d+)")
_CUSTOM_SYNTAX = re.compile(r"[{};]")
_STRUCTURE = re.compile(r"structure\s*\{[^}]*type:\s*([^;}]+)")


def load(path: Union[str, Path], *, images: Optional[Union[str, Path]] = None) -> Dataset:
    """The pages of a PAGE XML file, or of all below a folder.

    Lines come in the order of ``ReadingOrder`` and of Transkribus' ``custom`` attribute, elsewhere
    in that of the file. What the file says is printed (``production``) is left out and reported.
    Region types and Transkribus' structure tags become tags of the lines, the metadata items
    ``writer`` and ``split`` those of the page.

    Args:
        path: the file or folder.
        images: folder of the pictures; by default beside the XML, or one folder up.
    Raises:
        AnnotationError: a file is not well-formed, or not of this form.
        DatasetError: no page can be used.
    """
    return load_xml_pages(path, images, FORM, lambda *given: _PageReader(*given).read())


class _PageReader:
    """Reads one file."""

    def __init__(self, collector: Collector, file: XmlFile) -> None:
        self.collector = collector
        self.file = file
        self.source = file.source
        self.page = file.page
        self.metadata = {
            item.get("name", ""): item.get("value") for item in file.root.iter("MetadataItem")
        }

    def read(self) -> None:
        stem, folders = self.file.path.stem, self.file.folders
        name = self.page.get("imageFilename", "")
        picture = find_picture(name, stem, folders) or folders[0] / (name or stem)
        size = self.collector.picture(picture, self.source, self._stated())
        if size is None:
            return
        lines: List[Optional[LabeledLine]] = []
        for region in regions_in_order(self.page):
            rows = region.findall("TextLine")
            source = f"{self.source}#{region.get('id')}"
            text = first_text(region) or ""
            if region.find(".//TextLine") is None and clean_text(text):
                text = self.collector.clean(text, source)
                self.collector.note("text of a region without lines", source, text)
                lines.append(LabeledLine(text))  # the page has more writing than its lines
            lines += [self._line(size, region, row) for row in rows_in_order(rows)]
        self.collector.add_page(
            picture,
            size,
            self.source,
            lines,
            writer=self.metadata.get("writer"),
            split=self.metadata.get("split"),
        )

    def _stated(self) -> Optional[Size]:
        """The size of the page, where the file says it: 0 says nothing."""
        width, height = (int(self.page.attrib[f"image{side}"]) for side in ("Width", "Height"))
        return Size(width, height) if width > 0 and height > 0 else None

    def _line(self, size: Size, region: Element, row: Element) -> Optional[LabeledLine]:
        name = row.get("id", "")
        source = f"{self.source}#{name}"
        text = first_text(row)
        if text is None:
            text = " ".join(first_text(word) or "" for word in row.findall("Word"))
        if (row.get("production") or region.get("production")) == "printed":
            self.collector.note("printed text", source, text, skipped="line")
            return None
        outline = self.collector.points(source, lambda: points_at(row, "Coords"))
        rectangular = is_rectangle(outline)
        place = self.collector.text_line(
            size,
            source,
            box=bounds(outline) if rectangular else None,
            polygon=() if rectangular else outline,
            baseline=self.collector.points(source, lambda: points_at(row, "Baseline")),
        )
        tags = [region.get("type", ""), *_STRUCTURE.findall(row.get("custom", ""))]
        return self.collector.line(
            text,
            source,
            place,
            words=self._words(size, source, row),
            tags=dict.fromkeys(tag for tag in tags if tag),
            id=name,
        )

    def _words(self, size: Size, source: str, row: Element) -> List[LabeledWord]:
        words = []
        for word in row.findall("Word"):
            text = clean_text(first_text(word) or "")
            outline = self.collector.points(source, functools.partial(points_at, word, "Coords"))
            if not outline or not text:
                continue
            box = self.collector.box(size, source, bounds(outline))
            if box is not None:
                words.append(LabeledWord(text, box))
        return words


def regions_in_order(page: Element) -> List[Element]:
    """All that holds lines or a text in reading order, what that leaves out at the end.

    These are text regions, the cells of tables, and what else has lines: files of many
    programs nest them in other ways than the schema says. Nested ones are where the outer one
    is, unless the order names them.
    """
    order = page.find("ReadingOrder")
    ranks: Dict[str, int] = {}
    if order is not None:
        for reference in region_references(order):
            ranks.setdefault(reference, len(ranks))
    found: List[Tuple[int, Element]] = []

    def visit(element: Element, rank: int) -> None:
        rank = ranks.get(element.get("id", ""), rank)
        if element.tag in _REGIONS or element.find("TextLine") is not None:
            found.append((rank, element))
        for child in element:
            if child.tag not in ("TextLine", "ReadingOrder"):
                visit(child, rank)

    visit(page, len(ranks))
    return [element for _, element in sorted(found, key=lambda pair: pair[0])]


def rows_in_order(rows: List[Element]) -> List[Element]:
    """Text lines as Transkribus' ``custom`` attribute orders them, or else as they come."""
    found = [_READING_ORDER.search(row.get("custom", "")) for row in rows]
    places = [int(match.group(1)) for match in found if match is not None]
    if len(places) != len(rows):
        return rows
    return [row for _, row in sorted(zip(places, rows), key=lambda pair: pair[0])]


def region_references(group: Element) -> List[str]:
    """The regions that a reading order names, groups in groups included."""
    found = []
    for child in sorted(group, key=lambda child: int(child.get("index", 0))):
        if "regionRef" in child.attrib:
            found.append(child.attrib["regionRef"])
        found += region_references(child)
    return found


def first_text(element: Element) -> Optional[str]:
    """The first of an element's own texts, or None where it has none."""
    texts = sorted(element.findall("TextEquiv"), key=lambda text: int(text.get("index", 0)))
    unicode = texts[0].find("Unicode") if texts else None
    return None if unicode is None else unicode.text or ""


def points_at(element: Element, name: str) -> List[Point]:
    """The points of a child: in its attribute, or until 2010 each an element of its own."""
    child = element.find(name)
    if child is None:
        return []
    own = [(point.get("x", ""), point.get("y", "")) for point in child.findall("Point")]
    if own and not child.get("points"):
        return [(parse_number(x), parse_number(y)) for x, y in own]
    return parse_points(child.get("points", ""))


def write_page_xml(dataset: Dataset, folder: Union[str, Path]) -> Tuple[Problem, ...]:
    """Write a PAGE XML file (2019-07-15) and a copy of the picture for each page.

    Coordinates become whole pixels. A line is outlined by its polygon, or else by its box.

    Args:
        dataset: its pages are written.
        folder: made where it is missing.
    Returns:
        What PAGE XML cannot hold and was left out: single line pictures, lines without a place.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    problems = [
        Problem("a line picture is no page", sample.source, skipped="line")
        for sample in dataset
        if not isinstance(sample, PageSample)
    ]
    for page, stem in zip(dataset.pages, file_stems(dataset.pages)):
        picture = place_picture(page.image, folder, stem)
        root, region = _page_element(page, picture.name)
        names = _names(page.lines)
        for index, line in enumerate(page.lines):
            if line.line is None:
                problems.append(
                    Problem("line without a place", page.source, line.text, skipped="line")
                )
            else:
                _line_element(region, index, names[index], line, line.line)
        ElementTree(root).write(folder / f"{stem}.xml", encoding="UTF-8", xml_declaration=True)
    return tuple(problems)


def _page_element(page: PageSample, picture: str) -> Tuple[Element, Element]:
    """The root, and the one text region, of a page."""
    root = Element("PcGts", xmlns=NAMESPACE)
    metadata = add_child(root, "Metadata")
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    for name, text in (("Creator", "htrlib"), ("Created", now), ("LastChange", now)):
        add_child(metadata, name).text = text
    for name, value in (("writer", page.writer), ("split", page.split)):
        if value is not None:
            add_child(metadata, "MetadataItem", type="other", name=name, value=value)
    element = add_child(
        root,
        "Page",
        imageFilename=picture,
        imageWidth=str(page.size.width),
        imageHeight=str(page.size.height),
    )
    paragraph = page.paragraph or Box(0, 0, page.size.width, page.size.height)
    region = add_child(element, "TextRegion", id="r1")
    add_child(region, "Coords", points=box_points(paragraph))
    return root, region


def _names(lines: Sequence[LabeledLine]) -> List[str]:
    """The lines' own names, and others for those that have none."""
    taken = {line.id for line in lines}
    numbers = (f"l{number}" for number in itertools.count())
    free = (name for name in numbers if name not in taken)
    return [line.id or next(free) for line in lines]


def _line_element(
    region: Element, index: int, name: str, line: LabeledLine, place: TextLine
) -> None:
    tags = [_CUSTOM_SYNTAX.sub(" ", tag) for tag in line.tags]
    custom = [f"readingOrder {{index:{index};}}"] + [f"structure {{type:{tag};}}" for tag in tags]
    element = add_child(region, "TextLine", id=name, custom=" ".join(custom))
    outline = (
        box_points(place.box) if place.polygon is None else format_points(place.polygon.points)
    )
    add_child(element, "Coords", points=outline)
    if place.baseline is not None:
        add_child(element, "Baseline", points=format_points(place.baseline))
    for number, word in enumerate(line.words):
        child = add_child(element, "Word", id=f"{name}w{number}")
        add_child(child, "Coords", points=box_points(word.box))
        add_child(add_child(child, "TextEquiv"), "Unicode").text = word.text
    add_child(add_child(element, "TextEquiv"), "Unicode").text = line.text


def add_child(parent: Element, tag: str, **attributes: str) -> Element:
    """A new last child."""
    return SubElement(parent, tag, attributes)


def box_points(box: Box) -> str:
    """The corners of a box as PAGE writes points."""
    left, top, right, bottom = box.as_tuple()
    return format_points(((left, top), (right, top), (right, bottom), (left, bottom)))


def format_points(points: Sequence[Point]) -> str:
    """Points as PAGE writes them: whole pixels, "x,y x,y"."""
    return " ".join(f"{round(x)},{round(y)}" for x, y in points)
