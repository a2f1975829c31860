"""Elements of PAGE XML 2019-07-15 for the position and text of lines."""

from __future__ import annotations

import math
import re
from typing import Iterable, List, Optional, Sequence, Tuple
from xml.etree.ElementTree import Element, SubElement

from htrlib.document.geometry import Box, Point, Size
from htrlib.document.results import HANDWRITTEN, KINDS, PRINTED, TYPEWRITTEN, TextLine
from htrlib.formats.placed_words import share, whole_pixels, xml_text

NAMESPACE = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"

_STRUCTURE = re.compile(r"\s*\bstructure\s*\{[^}]*\btype:\s*([^;}]+)[^}]*\}")
_SYNTAX = re.compile(r"[{};]")
_PRODUCTIONS = {HANDWRITTEN: "handwritten-cursive", TYPEWRITTEN: "typewritten", PRINTED: "printed"}
_DIRECTIONS = {1: "top-to-bottom", 3: "bottom-to-top"}
_KINDS = {
    "handwritten-printscript": HANDWRITTEN,
    "medieval-manuscript": HANDWRITTEN,
    **{production: kind for kind, production in _PRODUCTIONS.items()},
}


def kind_of(row: Element, region: Element) -> Optional[str]:
    """Return a line's kind by `production`, its own or its region's, or by a structure tag."""
    production = row.get("production") or region.get("production") or ""
    tagged = (tag for tag in structure_types(row) if tag in KINDS)
    return _KINDS.get(production) or next(tagged, None)


def structure_types(row: Element) -> Tuple[str, ...]:
    """Return the structure types in a line's `custom` attribute of Transkribus."""
    return tuple(_STRUCTURE.findall(row.get("custom", "")))


def tags_of(row: Element) -> Tuple[str, ...]:
    """Return the structure types of a line that are not kinds."""
    return tuple(tag for tag in structure_types(row) if tag not in KINDS)


def custom_tags(tags: Iterable[str]) -> str:
    """Format structure types for the `custom` attribute."""
    return " ".join(f"structure {{type:{custom_value(tag)};}}" for tag in tags)


def custom_value(text: str) -> str:
    """Remove the characters that separate values of the `custom` attribute."""
    return _SYNTAX.sub(" ", xml_text(text))


def put_kind(row: Element, kind: Optional[str]) -> None:
    """Set a line's kind, in `production` and in Transkribus' form, replacing the previous one."""
    row.attrib.pop("production", None)
    custom = _STRUCTURE.sub(
        lambda match: "" if match[1] in KINDS else match[0], row.get("custom", "")
    )
    if kind is not None:
        row.set("production", _PRODUCTIONS[kind])
        custom = f"{custom} {custom_tags((kind,))}"
    row.set("custom", custom.strip())


def put_place(row: Element, place: Optional[TextLine], size: Size) -> None:
    """Set a line's position, replacing the previous one; None removes it.

    Args:
        row: element of the line.
        place: position, rounded to whole pixels on the page.
        size: size of the page.
    """
    for name in ("Coords", "Baseline"):
        for child in row.findall(name):
            row.remove(child)
    if row.get("readingDirection") in _DIRECTIONS.values():
        del row.attrib["readingDirection"]
    if place is None:
        return
    if place.quarter_turns:
        row.set("readingDirection", _DIRECTIONS[place.quarter_turns])
    outline = (
        box_points(place.box, size)
        if place.polygon is None
        else format_points(place.polygon.points, size)
    )
    coords = add_child(row, "Coords", points=outline)
    if place.confidence < 1:
        coords.set("conf", share(place.confidence))
    if place.baseline is not None and len(place.baseline) >= 2:
        add_child(row, "Baseline", points=format_points(place.baseline, size))


def add_word(
    row: Element, name: str, text: str, box: Box, confidence: Optional[float], size: Size
) -> None:
    """Add a word to a line."""
    word = add_child(row, "Word", id=name)
    add_child(word, "Coords", points=box_points(box, size))
    add_text(word, text, confidence)


def add_text(
    parent: Element, text: str, confidence: Optional[float] = None, index: Optional[int] = None
) -> None:
    """Add the text of a line, word or region.

    Args:
        parent: element of the line, word or region.
        text: text; characters that XML does not allow are dropped.
        confidence: confidence of the text, if a program read it.
        index: 0 for the best of several readings, then 1 and so on.
    """
    equivalent = SubElement(parent, "TextEquiv")
    if index is not None:
        equivalent.set("index", str(index))
    if confidence is not None:
        equivalent.set("conf", share(confidence))
    add_child(equivalent, "Unicode").text = xml_text(text)


def confidence_of(element: Optional[Element], name: str = "conf") -> Optional[float]:
    """Return the confidence of an element, between 0 and 1, or None if missing or invalid."""
    try:
        confidence = math.nan if element is None else float(element.attrib[name])
    except (KeyError, ValueError):
        return None
    return None if math.isnan(confidence) else min(max(confidence, 0.0), 1.0)


def readings(element: Element) -> List[Element]:
    """Return the texts of a line, word or region, the best one first."""
    return sorted(element.findall("TextEquiv"), key=index_of)


def index_of(element: Element) -> float:
    """Return the rank of an element among its siblings; one that is no number counts as missing."""
    try:
        index = float(element.get("index", 0))
    except ValueError:
        return 0.0
    return index if math.isfinite(index) else 0.0


def add_child(parent: Element, tag: str, **attributes: str) -> Element:
    """Append a new child."""
    return SubElement(parent, tag, attributes)


def box_points(box: Box, size: Size) -> str:
    """Format the corners of a box as points of PAGE."""
    left, top, right, bottom = whole_pixels(box, size).as_tuple()
    return format_points(((left, top), (right, top), (right, bottom), (left, bottom)), size)


def format_points(points: Sequence[Point], size: Size) -> str:
    """Format points: whole pixels on the page, "x,y x,y"."""
    return " ".join(
        f"{min(max(0, round(x)), size.width)},{min(max(0, round(y)), size.height)}"
        for x, y in points
    )
