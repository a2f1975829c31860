"""Write results and labeled pages as ALTO 4.4, for digital libraries and eScriptorium."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path
from typing import BinaryIO, Dict, Optional, Set, Tuple, Union
from xml.etree.ElementTree import Element, ElementTree, SubElement

from htrlib._version import __version__
from htrlib.data.problems import Problem
from htrlib.data.samples import Dataset, LabeledLine
from htrlib.document.geometry import Box, Size, union_of
from htrlib.document.results import KINDS, PageResult, TextLine
from htrlib.formats.clock import written_at
from htrlib.formats.page_xml_elements import format_points
from htrlib.formats.placed_words import share, whole_pixels, xml_name, xml_names, xml_text
from htrlib.formats.saving import WriteOptions
from htrlib.formats.sheets import Sheet, loose_words, tokens, write_pages

NAMESPACE = "http://www.loc.gov/standards/alto/ns-v4#"

_PAGE, _BLOCK, _STEP = "page", "block", "processing"
_HYPHENATED = re.compile(r"(.*\w)([-\u2010\u00ac\u2e17\u00ad])")


def write(page: PageResult, file: BinaryIO, options: WriteOptions) -> None:
    """Write a page, in pixels; a hyphen at the end of a line becomes an `HYP`."""
    write_sheet(Sheet.of_result(page), file)


def write_alto(dataset: Dataset, folder: Union[str, Path]) -> Tuple[Problem, ...]:
    """Write an ALTO file (4.4) and a copy of the picture for each page.

    Coordinates become whole pixels. A line whose words have no position becomes one `String`
    without a position. The names of writers and splits are not kept.

    Args:
        dataset: dataset whose pages are written.
        folder: folder to write to; created if missing.
    Returns:
        Problems: what ALTO cannot represent, which is left out: single line pictures, lines without
        a position, and words that are not in the text.
    """
    problems = write_pages(dataset, folder, ".xml", write_sheet)
    return problems + loose_words(dataset)


def write_sheet(sheet: Sheet, file: BinaryIO) -> None:
    """Write one page: a text block for all lines, or for those that follow each other and run
    the same way, if some run up or down the page.
    """
    root = Element("alto", xmlns=NAMESPACE, SCHEMAVERSION="4.4")
    description = SubElement(root, "Description")
    SubElement(description, "MeasurementUnit").text = "pixel"
    image = SubElement(description, "sourceImageInformation")
    SubElement(image, "fileName").text = xml_text(sheet.picture)
    if sheet.bundle is not None:
        _processing(description, sheet.bundle)
    tags = _tags(root, sheet)
    size = sheet.page.size
    sides: Dict[str, str] = {"WIDTH": str(size.width), "HEIGHT": str(size.height)}
    number = {"ID": _PAGE, "PHYSICAL_IMG_NR": str(sheet.number)}
    page = SubElement(SubElement(root, "Layout"), "Page", {**number, **sides})
    space = SubElement(page, "PrintSpace", {"HPOS": "0", "VPOS": "0", **sides})
    if sheet.lines:
        taken = {_PAGE, _BLOCK, _STEP, *tags.values()}
        names = xml_names(tuple(line.id for line in sheet.lines), taken)
        taken.update(names)
        named = zip(sheet.lines, names)
        groups = [(turns, tuple(group)) for turns, group in groupby(named, key=_quarter_turns)]
        for index, (turns, group) in enumerate(groups):
            block = SubElement(space, "TextBlock", ID=xml_name(_BLOCK, taken) if index else _BLOCK)
            lines = [line.line for line, _ in group if line.line is not None]
            area = sheet.area if len(groups) == 1 else union_of(line.box for line in lines)
            block.attrib.update(_edges(area, size))
            if turns:
                block.set("ROTATION", str(360 - 90 * turns))
            for line, name in group:
                _add_line(block, name, line, size, tags, taken)
    ElementTree(root).write(file, encoding="UTF-8", xml_declaration=True)


def _quarter_turns(named: Tuple[LabeledLine, str]) -> int:
    place = named[0].line
    return 0 if place is None else place.quarter_turns


def _processing(description: Element, bundle: str) -> None:
    step = SubElement(description, "Processing", ID=_STEP)
    SubElement(step, "processingDateTime").text = written_at()
    SubElement(step, "processingStepSettings").text = xml_text(f"bundle {bundle}")
    software = SubElement(step, "processingSoftware")
    SubElement(software, "softwareName").text = "htrlib"
    SubElement(software, "softwareVersion").text = __version__


def _tags(root: Element, sheet: Sheet) -> Dict[str, str]:
    """Add the lines' kinds and tags to the file; return their ids."""
    labels = dict.fromkeys(label for line in sheet.lines for label in _labels(line))
    names = xml_names([f"tag.{label}" for label in labels])
    ids = dict(zip(labels, names))
    if ids:
        element = SubElement(root, "Tags")
        for label, name in ids.items():
            purpose = "line type" if label in KINDS else "line tag"
            about = {"LABEL": xml_text(label), "DESCRIPTION": f"{purpose} {xml_text(label)}"}
            SubElement(element, "OtherTag", {"ID": name, **about})
    return ids


def _labels(line: LabeledLine) -> Tuple[str, ...]:
    kind = line.line.kind if line.line is not None else None
    return line.tags if kind is None else (*line.tags, kind)


def _add_line(
    block: Element,
    name: str,
    line: LabeledLine,
    size: Size,
    tags: Dict[str, str],
    taken: Set[str],
) -> None:
    if line.line is None:
        return
    element = SubElement(block, "TextLine", {"ID": name, **_edges(line.line.box, size)})
    references = " ".join(tags[label] for label in _labels(line))
    if references:
        element.set("TAGREFS", references)
    _add_outline(element, line.line, size)
    if not line.words or not line.text:
        SubElement(element, "String", CONTENT=xml_text(line.text))
        return
    words = tokens(line)
    for index, (text, word) in enumerate(words, start=1):
        if index > 1:
            SubElement(element, "SP")
        hyphenated = _HYPHENATED.fullmatch(text) if index == len(words) else None
        string = SubElement(
            element,
            "String",
            ID=xml_name(f"{name}.w{index}", taken),
            CONTENT=xml_text(text if hyphenated is None else hyphenated[1]),
        )
        if word is not None:
            _put_word(string, word.box, word.confidence, size)
        if hyphenated is not None:
            SubElement(element, "HYP", CONTENT=hyphenated[2])


def _put_word(string: Element, box: Box, confidence: Optional[float], size: Size) -> None:
    if confidence is not None:
        string.set("WC", share(confidence))
    for key, value in _edges(box, size).items():
        string.set(key, value)


def _add_outline(element: Element, place: TextLine, size: Size) -> None:
    if place.baseline is not None and len(place.baseline) >= 2:
        element.set("BASELINE", format_points(place.baseline, size))
    if place.polygon is not None:
        shape = SubElement(element, "Shape")
        SubElement(shape, "Polygon", POINTS=format_points(place.polygon.points, size))


def _edges(box: Box, size: Size) -> Dict[str, str]:
    whole = whole_pixels(box, size)
    values = whole.left, whole.top, whole.width, whole.height
    return {key: f"{value:.0f}" for key, value in zip(("HPOS", "VPOS", "WIDTH", "HEIGHT"), values)}
