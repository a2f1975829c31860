"""The elements of PAGE XML 2019-07-15 that say where a line is and what it says."""

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
_KINDS = {
    "handwritten-printscript": HANDWRITTEN,
    "medieval-manuscript": HANDWRITTEN,
    **{production: kind for kind, production in _PRODUCTIONS.items()},
}


def kind_of(row: Element, region: Element) -> Optional[str]:
    """The kind of a line, as its `production` says, that of its region, or a structure tag."""
    production = row.get("production") or region.get("production") or ""
    tagged = (tag for tag in structure_types(row) if tag in KINDS)
    return _KINDS.get(production) or next(tagged, None)


def structure_types(row: Element) -> Tuple[str, ...]:
    """The types that Transkribus' `custom` attribute gives a line."""
    return tuple(_STRUCTURE.findall(row.get("custom", "")))


def tags_of(row: Element) -> Tuple[str, ...]:
    """The structure types of a line that are no kind."""
    return tuple(tag for tag in structure_types(row) if tag not in KINDS)


def custom_tags(tags: Iterable[str]) -> str:
    """Structure types as the `custom` attribute has them."""
    return " ".join(f"structure {{type:{custom_value(tag)};}}" for tag in tags)


def custom_value(text: str) -> str:
    """The text without the signs that part values of the `custom` attribute."""
    return _SYNTAX.sub(" ", xml_text(text))


def put_kind(row: Element, kind: Optional[str]) -> None:
    """Say a line's kind, in `production` and as Transkribus shows it, in place of what it had."""
    row.attrib.pop("production", None)
    custom = _STRUCTURE.sub(
        lambda match: "" if match[1] in KINDS else match[0], row.get("custom", "")
    )
    if kind is not None:
        row.set("production", _PRODUCTIONS[kind])
        custom = f"{custom} {custom_tags((kind,))}"
    row.set("custom", custom.strip())


def put_place(row: Element, place: Optional[TextLine], size: Size) -> None:
    """Say where a line lies, in place of what it said; no place takes that away.

    Args:
        row: the line.
        place: its outline becomes whole pixels on the page.
        size: of the page.
    """
    for name in ("Coords", "Baseline"):
        for child in row.findall(name):
            row.remove(child)
    if place is None:
        return
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
    """Add what a line, word or region says.

    Args:
        parent: the line, word or region.
        text: what XML cannot hold is left out.
        confidence: of the text, where it was read by a program.
        index: 0 for the best of several readings, then 1 and so on.
    """
    equivalent = SubElement(parent, "TextEquiv")
    if index is not None:
        equivalent.set("index", str(index))
    if confidence is not None:
        equivalent.set("conf", share(confidence))
    add_child(equivalent, "Unicode").text = xml_text(text)


def confidence_of(element: Optional[Element], name: str = "conf") -> Optional[float]:
    """The confidence of an element, between 0 and 1; None where it says none, or no number."""
    try:
        confidence = math.nan if element is None else float(element.attrib[name])
    except (KeyError, ValueError):
        return None
    return None if math.isnan(confidence) else min(max(confidence, 0.0), 1.0)


def readings(element: Element) -> List[Element]:
    """The texts of a line, word or region, the best first."""
    return sorted(element.findall("TextEquiv"), key=lambda text: int(text.get("index", 0)))


def add_child(parent: Element, tag: str, **attributes: str) -> Element:
    """A new last child."""
    return SubElement(parent, tag, attributes)


def box_points(box: Box, size: Size) -> str:
    """The corners of a box as PAGE writes points."""
    left, top, right, bottom = whole_pixels(box, size).as_tuple()
    return format_points(((left, top), (right, top), (right, bottom), (left, bottom)), size)


def format_points(points: Sequence[Point], size: Size) -> str:
    """Points as PAGE and ALTO write them: whole pixels on the page, "x,y x,y"."""
    return " ".join(
        f"{min(max(0, round(x)), size.width)},{min(max(0, round(y)), size.height)}"
        for x, y in points
    )
