"""Results as ALTO 4.4, for libraries' viewers and search engines, and eScriptorium."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import BinaryIO, Dict, Sequence
from xml.etree.ElementTree import Element, ElementTree, SubElement

from htrlib._version import __version__
from htrlib.document.geometry import Box, Point, Size
from htrlib.document.results import LineResult, PageResult
from htrlib.formats.clock import written_at
from htrlib.formats.placed_words import placed_words, share, whole_pixels, xml_names, xml_text
from htrlib.formats.saving import WriteOptions

NAMESPACE = "http://www.loc.gov/standards/alto/ns-v4#"

_HYPHENATED = re.compile(r"(.*\w)([-\u2010\u00ac\u2e17\u00ad])")


def write(page: PageResult, file: BinaryIO, options: WriteOptions) -> None:
    """Write a page, in pixels; a hyphen that ends a line is an `HYP`."""
    root = Element("alto", xmlns=NAMESPACE, SCHEMAVERSION="4.4")
    description = SubElement(root, "Description")
    SubElement(description, "MeasurementUnit").text = "pixel"
    image = SubElement(description, "sourceImageInformation")
    SubElement(image, "fileName").text = xml_text(PurePath(page.source or "page").name)
    _processing(description, page)
    kinds = sorted({line.kind for line in page.lines if line.kind})
    tags: Dict[str, str] = {kind: f"kind.{kind}" for kind in kinds}
    if tags:
        element = SubElement(root, "Tags")
        for kind, name in tags.items():
            SubElement(element, "OtherTag", ID=name, LABEL=kind, DESCRIPTION=f"line type {kind}")
    size = page.size
    sides: Dict[str, str] = {"WIDTH": str(size.width), "HEIGHT": str(size.height)}
    number = {"ID": "page", "PHYSICAL_IMG_NR": str(page.number or 1)}
    sheet = SubElement(SubElement(root, "Layout"), "Page", {**number, **sides})
    space = SubElement(sheet, "PrintSpace", {"HPOS": "0", "VPOS": "0", **sides})
    if page.lines:
        around = page.lines[0].line.box
        for line in page.lines:
            around = around.union(line.line.box)
        block = SubElement(space, "TextBlock", {"ID": "block", **_edges(around, size)})
        names = xml_names(tuple(line.id for line in page.lines))
        for line, name in zip(page.lines, names):
            _line(block, name, line, size, tags)
    ElementTree(root).write(file, encoding="UTF-8", xml_declaration=True)


def _processing(description: Element, page: PageResult) -> None:
    step = SubElement(description, "Processing", ID="reading")
    SubElement(step, "processingDateTime").text = written_at()
    if page.bundle:
        SubElement(step, "processingStepSettings").text = xml_text(f"bundle {page.bundle}")
    software = SubElement(step, "processingSoftware")
    SubElement(software, "softwareName").text = "htrlib"
    SubElement(software, "softwareVersion").text = __version__


def _line(block: Element, name: str, line: LineResult, size: Size, tags: Dict[str, str]) -> None:
    place = line.line
    element = SubElement(block, "TextLine", {"ID": name, **_edges(place.box, size)})
    if line.kind:
        element.set("TAGREFS", tags[line.kind])
    if place.baseline is not None and len(place.baseline) >= 2:
        element.set("BASELINE", _points(place.baseline, size))
    if place.polygon is not None:
        shape = SubElement(element, "Shape")
        SubElement(shape, "Polygon", POINTS=_points(place.polygon.points, size))
    words = placed_words(line, size)
    for index, word in enumerate(words):
        if index:
            SubElement(element, "SP")
        hyphenated = _HYPHENATED.fullmatch(word.text) if index == len(words) - 1 else None
        content = {
            "ID": f"{name}.w{index + 1}",
            "CONTENT": xml_text(word.text if hyphenated is None else hyphenated[1]),
            "WC": share(word.confidence),
        }
        SubElement(element, "String", {**content, **_edges(word.box, size)})
        if hyphenated is not None:
            SubElement(element, "HYP", CONTENT=hyphenated[2])
    if not words:
        SubElement(element, "String", {"CONTENT": "", **_edges(place.box, size)})


def _edges(box: Box, size: Size) -> Dict[str, str]:
    whole = whole_pixels(box, size)
    values = whole.left, whole.top, whole.width, whole.height
    return {key: f"{value:.0f}" for key, value in zip(("HPOS", "VPOS", "WIDTH", "HEIGHT"), values)}


def _points(points: Sequence[Point], size: Size) -> str:
    return " ".join(
        f"{min(max(0, round(x)), size.width)},{min(max(0, round(y)), size.height)}"
        for x, y in points
    )
