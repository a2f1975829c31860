"""Write results and labeled pages as PAGE XML 2019-07-15."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Set, Tuple, Union
from xml.etree.ElementTree import Element, ElementTree

from htrlib._version import __version__
from htrlib.data.problems import Problem
from htrlib.data.samples import Dataset, LabeledLine
from htrlib.document.geometry import Size
from htrlib.document.results import PageResult
from htrlib.formats.clock import written_at
from htrlib.formats.page_xml_elements import (
    NAMESPACE,
    add_child,
    add_text,
    add_word,
    box_points,
    custom_tags,
    put_kind,
    put_place,
)
from htrlib.formats.placed_words import xml_name, xml_names, xml_text
from htrlib.formats.saving import WriteOptions
from htrlib.formats.sheets import Sheet, write_pages

_ORDER, _REGION = "order", "region"


def write(page: PageResult, file: BinaryIO, options: WriteOptions) -> None:
    """Write a page. Coordinates become whole pixels on the page; each level has its `conf`."""
    write_sheet(Sheet.of_result(page), file)


def write_page_xml(dataset: Dataset, folder: Union[str, Path]) -> Tuple[Problem, ...]:
    """Write a PAGE XML file (2019-07-15) and a copy of the picture for each page.

    Coordinates become whole pixels. A line is outlined by its polygon, or else by its box.

    Args:
        dataset: dataset whose pages are written.
        folder: folder to write to; created if missing.
    Returns:
        Problems: single line pictures and lines without a position, which are left out.
    """
    return write_pages(dataset, folder, ".xml", write_sheet)


def write_sheet(sheet: Sheet, file: BinaryIO) -> None:
    """Write one page, in one text region."""
    page = sheet.page
    root = Element("PcGts", xmlns=NAMESPACE)
    _metadata(root, sheet)
    element = add_child(
        root,
        "Page",
        imageFilename=xml_text(sheet.picture),
        imageWidth=str(page.size.width),
        imageHeight=str(page.size.height),
    )
    order = add_child(add_child(element, "ReadingOrder"), "OrderedGroup", id=_ORDER)
    add_child(order, "RegionRefIndexed", index="0", regionRef=_REGION)
    region = add_child(element, "TextRegion", id=_REGION)
    add_child(region, "Coords", points=box_points(sheet.area, page.size))
    taken = {_ORDER, _REGION}
    names = xml_names(tuple(line.id for line in sheet.lines), taken)
    taken.update(names)
    for number, (line, name) in enumerate(zip(sheet.lines, names)):
        _add_line(region, number, name, line, page.size, taken)
    if sheet.lines:
        add_text(region, "\n".join(line.text for line in sheet.lines))
    ElementTree(root).write(file, encoding="UTF-8", xml_declaration=True)


def _metadata(root: Element, sheet: Sheet) -> None:
    metadata = add_child(root, "Metadata")
    creator = f"htrlib {__version__}" + (f", bundle {sheet.bundle}" if sheet.bundle else "")
    now = written_at()
    for name, text in (("Creator", creator), ("Created", now), ("LastChange", now)):
        add_child(metadata, name).text = xml_text(text)
    for name, value in (("writer", sheet.page.writer), ("split", sheet.page.split)):
        if value is not None:
            add_child(metadata, "MetadataItem", type="other", name=name, value=xml_text(value))


def _add_line(
    region: Element, number: int, name: str, line: LabeledLine, size: Size, taken: Set[str]
) -> None:
    custom = f"readingOrder {{index:{number};}} {custom_tags(line.tags)}".strip()
    element = add_child(region, "TextLine", id=name, custom=custom)
    put_kind(element, None if line.line is None else line.line.kind)
    put_place(element, line.line, size)
    for index, word in enumerate(line.words, start=1):
        word_name = xml_name(f"{name}.w{index}", taken)
        add_word(element, word_name, word.text, word.box, word.confidence, size)
    add_text(element, line.text, line.confidence)
