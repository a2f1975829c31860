"""Results as PAGE XML 2019-07-15, for Transkribus, eScriptorium and OCR-D."""

from __future__ import annotations

from pathlib import PurePath
from typing import BinaryIO, Sequence
from xml.etree.ElementTree import Element, ElementTree, SubElement

from htrlib._version import __version__
from htrlib.document.geometry import Box, Point, Size
from htrlib.document.results import LineResult, PageResult
from htrlib.formats.clock import written_at
from htrlib.formats.page_xml import NAMESPACE
from htrlib.formats.placed_words import placed_words, share, whole_pixels, xml_names, xml_text
from htrlib.formats.saving import WriteOptions


def write(page: PageResult, file: BinaryIO, options: WriteOptions) -> None:
    """Write a page. Coordinates become whole pixels on the page; `conf` is given at each level."""
    root = Element("PcGts", xmlns=NAMESPACE)
    metadata = SubElement(root, "Metadata")
    creator = f"htrlib {__version__}" + (f", bundle {page.bundle}" if page.bundle else "")
    now = written_at()
    for name, text in (("Creator", creator), ("Created", now), ("LastChange", now)):
        SubElement(metadata, name).text = xml_text(text)
    element = SubElement(
        root,
        "Page",
        imageFilename=xml_text(PurePath(page.source or "page").name),
        imageWidth=str(page.size.width),
        imageHeight=str(page.size.height),
    )
    order = SubElement(SubElement(element, "ReadingOrder"), "OrderedGroup", id="order")
    SubElement(order, "RegionRefIndexed", index="0", regionRef="region")
    whole = Box(0, 0, page.size.width, page.size.height)
    region = SubElement(element, "TextRegion", id="region", type="paragraph")
    boxes = [line.line.box for line in page.lines]
    around = page.paragraph or (boxes[0] if boxes else whole)
    for box in boxes:
        around = around.union(box)
    SubElement(region, "Coords", points=_corners(around, page.size))
    names = xml_names(tuple(line.id for line in page.lines))
    for number, (line, name) in enumerate(zip(page.lines, names)):
        _line(region, number, name, line, page.size)
    if page.lines:
        _text(region, page.text, None)
    ElementTree(root).write(file, encoding="UTF-8", xml_declaration=True)


def _line(region: Element, number: int, name: str, line: LineResult, size: Size) -> None:
    custom = f"readingOrder {{index:{number};}}"
    if line.kind:
        custom += f" structure {{type:{line.kind};}}"
    element = SubElement(region, "TextLine", id=name, custom=custom)
    place = line.line
    outline = (
        _corners(place.box, size) if place.polygon is None else _points(place.polygon.points, size)
    )
    SubElement(element, "Coords", points=outline, conf=share(place.confidence))
    if place.baseline is not None and len(place.baseline) >= 2:
        SubElement(element, "Baseline", points=_points(place.baseline, size))
    for index, word in enumerate(placed_words(line, size), start=1):
        child = SubElement(element, "Word", id=f"{name}.w{index}")
        SubElement(child, "Coords", points=_corners(word.box, size))
        _text(child, word.text, word.confidence)
    _text(element, line.text, line.transcription.confidence)


def _text(element: Element, text: str, confidence: object) -> None:
    equivalent = SubElement(element, "TextEquiv")
    if isinstance(confidence, float):
        equivalent.set("conf", share(confidence))
    SubElement(equivalent, "Unicode").text = xml_text(text)


def _corners(box: Box, size: Size) -> str:
    left, top, right, bottom = whole_pixels(box, size).as_tuple()
    return _points(((left, top), (right, top), (right, bottom), (left, bottom)), size)


def _points(points: Sequence[Point], size: Size) -> str:
    return " ".join(
        f"{min(max(0, round(x)), size.width)},{min(max(0, round(y)), size.height)}"
        for x, y in points
    )
