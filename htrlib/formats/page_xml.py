"""Read PAGE XML, versions 2010 to 2019, from Transkribus, eScriptorium, OCR-D and others."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Dict, List, Optional, Tuple, Union
from xml.etree.ElementTree import Element

from htrlib.data.collector import Collector, bounds, is_rectangle
from htrlib.data.label_text import clean_text
from htrlib.data.samples import Dataset, LabeledLine, LabeledWord
from htrlib.data.xml import parse_number, parse_points
from htrlib.document.geometry import Point, Size
from htrlib.formats.page_xml_elements import confidence_of, index_of, kind_of, readings, tags_of
from htrlib.formats.xml_pages import XmlFile, XmlForm, XmlPageReader, load_xml_pages, picture_of

FORM = XmlForm("PAGE XML", root="PcGts", page="Page")

_REGIONS = ("TextRegion", "TableCell")
_READING_ORDER = re.compile(r"readingOrder\s*\{[^}]*index:\s*(\d+)")


def load(
    path: Union[str, Path],
    *,
    images: Optional[Union[str, Path]] = None,
    kinds: Optional[str] = None,
) -> Dataset:
    """Load the pages of a PAGE XML file, or of all PAGE XML files below a folder.

    Lines are in the order of ``ReadingOrder`` and of Transkribus' ``custom`` attribute, or else in
    that of the file. ``production`` and structure tags that name a kind become the lines' kinds;
    region types and Transkribus' other structure tags become their tags. The metadata items
    ``writer`` and ``split`` become those of the page.

    Args:
        path: the file or folder.
        images: folder of the pictures; by default beside the XML, or one folder up.
        kinds: kinds of lines to keep, such as "handwritten,typewritten"; by default all.
    Raises:
        AnnotationError: a file is not well-formed, or not of this form.
        ConfigError: there is no such kind.
        DatasetError: no page can be used.
    """
    return load_xml_pages(path, FORM, _PageReader, images=images, kinds=kinds)


class _PageReader(XmlPageReader):
    """Reads one file."""

    def __init__(self, collector: Collector, file: XmlFile) -> None:
        super().__init__(collector, file)
        self.metadata = {
            item.get("name", ""): item.get("value") for item in file.root.iter("MetadataItem")
        }

    def read(self) -> None:
        name = self.page.get("imageFilename", "")
        picture = picture_of(self.file, name, self.collector)
        if picture is None:
            return
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
                lines.append(LabeledLine(text))  # the page contains writing outside its lines
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
        """Return the size of the page in the file, or None.

        What is 0 or empty counts as missing, and also, which is reported, what is no number.
        """
        stated = [self.page.get(f"image{side}", "").strip() for side in ("Width", "Height")]
        try:
            width, height = (parse_number(side or "0") for side in stated)
        except ValueError:
            detail = f"{' x '.join(stated)}; that of the picture is taken"
            self.collector.note("size of a page that is no number", self.source, detail)
            return None
        return Size(round(width), round(height)) if min(width, height) >= 1 else None

    def _line(self, size: Size, region: Element, row: Element) -> Optional[LabeledLine]:
        name = row.get("id", "")
        source = f"{self.source}#{name}"
        text = first_text(row) or ""
        if not clean_text(text):
            text = " ".join(map(_text_of_word, row.findall("Word")))
        outline = self.collector.points(source, lambda: points_at(row, "Coords"))
        rectangular = is_rectangle(outline)
        place = self.collector.text_line(
            size,
            source,
            box=bounds(outline) if rectangular else None,
            polygon=() if rectangular else outline,
            baseline=self.collector.points(source, lambda: points_at(row, "Baseline")),
            confidence=confidence_of(row.find("Coords")),
            kind=kind_of(row, region),
        )
        tags = [region.get("type", ""), *tags_of(row)]
        return self.collector.line(
            text,
            source,
            place,
            words=self._words(size, source, row),
            tags=dict.fromkeys(tag for tag in tags if tag),
            id=name,
            confidence=confidence_of(next(iter(readings(row)), None)),
        )

    def _words(self, size: Size, source: str, row: Element) -> List[LabeledWord]:
        words = []
        for word in row.findall("Word"):
            text = clean_text(_text_of_word(word))
            outline = self.collector.points(source, functools.partial(points_at, word, "Coords"))
            if not outline or not text:
                continue
            box = self.collector.box(size, source, bounds(outline))
            if box is not None:
                confidence = confidence_of(next(iter(readings(word)), None))
                words.append(LabeledWord(text, box, confidence))
        return words


def regions_in_order(page: Element) -> List[Element]:
    """Return the regions with lines or a text in reading order; regions missing in it come last.

    These are text regions, table cells, and any other element with lines, since many programs nest
    them in ways that the schema does not allow; even a line can hold lines. Nested regions follow
    the outer one, unless the reading order names them.
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
            if child.tag != "ReadingOrder":
                visit(child, rank)

    visit(page, len(ranks))
    return [element for _, element in sorted(found, key=lambda pair: pair[0])]


def rows_in_order(rows: List[Element]) -> List[Element]:
    """Return text lines in the order of Transkribus' ``custom`` attribute, or of the file."""
    found = [_READING_ORDER.search(row.get("custom", "")) for row in rows]
    places = [int(match.group(1)) for match in found if match is not None]
    if len(places) != len(rows):
        return rows
    return [row for _, row in sorted(zip(places, rows), key=lambda pair: pair[0])]


def region_references(group: Element) -> List[str]:
    """Return the regions in a reading order, including nested groups."""
    found = []
    for child in sorted(group, key=index_of):
        if "regionRef" in child.attrib:
            found.append(child.attrib["regionRef"])
        found += region_references(child)
    return found


def first_text(element: Element) -> Optional[str]:
    """Return the first of an element's own texts, or None."""
    texts = readings(element)
    unicode = texts[0].find("Unicode") if texts else None
    return None if unicode is None else unicode.text or ""


def _text_of_word(word: Element) -> str:
    """Return a word's own text, or that of its letters."""
    return first_text(word) or "".join(first_text(glyph) or "" for glyph in word.findall("Glyph"))


def points_at(element: Element, name: str) -> List[Point]:
    """Return the points of a child: an attribute, or until 2010 one element per point."""
    child = element.find(name)
    if child is None:
        return []
    own = [(point.get("x", ""), point.get("y", "")) for point in child.findall("Point")]
    if own and not child.get("points"):
        return [(parse_number(x), parse_number(y)) for x, y in own]
    return parse_points(child.get("points", ""))
