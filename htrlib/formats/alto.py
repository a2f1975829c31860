"""Read ALTO XML, versions 2 to 4, from eScriptorium, kraken, Tesseract and digital libraries."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple, Union
from xml.etree.ElementTree import Element

from htrlib.data.collector import Collector, is_rectangle
from htrlib.data.label_text import clean_text
from htrlib.data.samples import Dataset, LabeledLine, LabeledWord
from htrlib.data.xml import parse_number, parse_points
from htrlib.document.geometry import Point, Size
from htrlib.document.results import KINDS
from htrlib.formats.page_xml_elements import confidence_of
from htrlib.formats.xml_pages import XmlFile, XmlForm, XmlPageReader, load_xml_pages, picture_of

FORM = XmlForm("ALTO", root="alto", page="Layout/Page")


def load(
    path: Union[str, Path],
    *,
    images: Optional[Union[str, Path]] = None,
    kinds: Optional[str] = None,
) -> Dataset:
    """Load the pages of an ALTO file, or of all ALTO files below a folder.

    Coordinates in tenths of a millimeter or 1/1200 inch are converted to pixels by the page's size;
    a page without a size is left out. The labels in the ``TAGREFS`` of a line and its block become
    the line's kind or tags.

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


Edges = Tuple[float, float, float, float]

_PIXELS = ("pixel", "pixels", "px")
_SOFT_HYPHEN = "\u00ad"


class _PageReader(XmlPageReader):
    """Reads one file."""

    def __init__(self, collector: Collector, file: XmlFile) -> None:
        super().__init__(collector, file)
        self.root = file.root
        self.scale = (1.0, 1.0)
        self.labels = {
            tag.get("ID", ""): tag.get("LABEL", "")
            for tags in self.root.iter("Tags")
            for tag in tags
        }

    def read(self) -> None:
        name = self.root.findtext("Description/sourceImageInformation/fileName", "").strip()
        picture = picture_of(self.file, name, self.collector)
        if picture is None:
            return
        stated = self._stated()
        unit = self.root.findtext("Description/MeasurementUnit", "").strip() or "pixel"
        in_pixels = unit.lower() in _PIXELS
        expected = Size(*map(round, stated)) if in_pixels and stated is not None else None
        size = self.collector.picture(picture, self.source, expected)
        if size is None:
            return
        if not in_pixels:
            if stated is None:
                detail = f"its coordinates are in {unit}; their scale is not known"
                self.collector.note("page without a size", self.source, detail, skipped="page")
                return
            # What was measured fills the picture.
            self.scale = (size.width / stated[0], size.height / stated[1])
        lines = [self._line(size, block, row) for block, row in self._rows()]
        self.collector.add_page(picture, size, self.source, lines)

    def _stated(self) -> Optional[Tuple[float, float]]:
        """Return the page's width and height in the file's unit, or None.

        What is 0, or no number, counts as missing.
        """
        try:
            width, height = _pair([self.page.get(key, "") for key in ("WIDTH", "HEIGHT")])
        except ValueError:
            return None
        return (width, height) if min(width, height) >= 1 else None

    def _rows(self) -> List[Tuple[Element, Element]]:
        """Return the lines and what holds them in reading order; lines missing in it come last.

        That should be a TextBlock, but any element is taken: no line is lost.
        """
        ranks: Dict[str, int] = {}
        for reference in self.root.findall(".//ReadingOrder//ElementRef"):
            for name in reference.get("REF", "").split():
                ranks.setdefault(name, len(ranks))
        last = len(ranks)

        def rank(pair: Tuple[Element, Element]) -> int:
            block, row = (ranks.get(element.get("ID", ""), last) for element in pair)
            return block if row == last else row

        holders = self.page.iter()
        return sorted(((h, row) for h in holders for row in h.findall("TextLine")), key=rank)

    def _line(self, size: Size, block: Element, row: Element) -> Optional[LabeledLine]:
        name = row.get("ID", "")
        source = f"{self.source}#{name}"
        polygon = row.find("Shape/Polygon")
        outline = "" if polygon is None else polygon.get("POINTS", "")
        points = self.collector.points(source, lambda: self._points(outline))
        box = stated = self._box(source, row)
        if box is not None and min(box[2] - box[0], box[3] - box[1]) <= 0:
            box = None  # that of a level baseline, for one
        if box is None and not points:
            box = self._box_of_strings(source, row) or stated
        baseline = row.get("BASELINE", "")
        labels = self._labels(block, row)
        kinds = [label for label in labels if label in KINDS]
        place = self.collector.text_line(
            size,
            source,
            box=box,
            polygon=() if box is not None and is_rectangle(points) else points,
            baseline=self.collector.points(source, lambda: self._baseline(baseline, box)),
            kind=kinds[-1] if kinds else None,
        )
        words = self._words(size, source, row)
        text = _text(row)
        tags = [label for label in labels if label not in KINDS]
        return self.collector.line(text, source, place, words=words, tags=tags, id=name)

    def _labels(self, block: Element, row: Element) -> List[str]:
        """Return the tags of a line and its block, the line's own last."""
        references = f"{block.get('TAGREFS', '')} {row.get('TAGREFS', '')}".split()
        return list(dict.fromkeys(self.labels[key] for key in references if self.labels.get(key)))

    def _words(self, size: Size, source: str, row: Element) -> List[LabeledWord]:
        """Return the strings that are single words: some programs put a whole line into one."""
        words = []
        strings = row.findall("String")
        hyphen = row.find("HYP")
        for index, string in enumerate(strings):
            text, edges = clean_text(_content(string)), self._box(source, string)
            if not text or " " in text or edges is None:
                continue
            if hyphen is not None and index == len(strings) - 1:
                text = _hyphenated(text, hyphen)
            box = self.collector.box(size, source, edges)
            if box is not None:
                words.append(LabeledWord(text, box, confidence_of(string, "WC")))
        return words

    def _box(self, source: str, element: Element) -> Optional[Edges]:
        """Return left, top, right and bottom in pixels, or None if one is missing."""
        values = [element.get(key, "") for key in ("HPOS", "VPOS", "WIDTH", "HEIGHT")]
        if not all(values):
            return None
        corners = self.collector.points(source, lambda: [_pair(values[:2]), _pair(values[2:])])
        if not corners:
            return None
        (left, top), (width, height) = corners
        x, y = self.scale
        return (left * x, top * y, (left + width) * x, (top + height) * y)

    def _box_of_strings(self, source: str, row: Element) -> Optional[Edges]:
        """Return the box around a line's strings; None unless all of them have a box."""
        boxes = [self._box(source, string) for string in row.findall("String")]
        known = [box for box in boxes if box is not None]
        if not known or len(known) < len(boxes):
            return None
        lefts, tops, rights, bottoms = zip(*known)
        return (min(lefts), min(tops), max(rights), max(bottoms))

    def _baseline(self, text: str, box: Optional[Edges]) -> List[Point]:
        """Return the points of a BASELINE; up to version 3 it is a single height."""
        if len(text.replace(",", " ").split()) != 1:
            return self._points(text)
        if box is None:
            return []
        height = parse_number(text) * self.scale[1]
        return [(box[0], height), (box[2], height)]

    def _points(self, text: str) -> List[Point]:
        return [(x * self.scale[0], y * self.scale[1]) for x, y in parse_points(text)]


def _pair(texts: Sequence[str]) -> Point:
    first, second = map(parse_number, texts)
    return (first, second)


def _text(row: Element) -> str:
    """Join the strings of a line; if it has no space elements, put a space between all."""
    spaced = row.find("SP") is not None
    text = ""
    for element in row:
        if element.tag == "SP":
            text += " "
        elif element.tag == "HYP":
            text = _hyphenated(text, element)
        elif element.tag == "String":
            text += ("" if spaced or not text else " ") + _content(element)
    return text


def _content(string: Element) -> str:
    """Return a string's own text, or that of its letters."""
    own = string.get("CONTENT", "")
    return own or "".join(glyph.get("CONTENT", "") for glyph in string.findall("Glyph"))


def _hyphenated(text: str, element: Element) -> str:
    """Add the hyphen at a line's end, unless the text has it already, as some programs write it.

    A soft hyphen would be dropped as invisible.
    """
    hyphen = element.get("CONTENT", "-").replace(_SOFT_HYPHEN, "-")
    return text if text.endswith(hyphen) else text + hyphen
