"""Read XML that came from somewhere: no entity bombs, no outside references, errors with a line."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Dict, Iterator, List, Sequence, Tuple
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml import ElementTree as DefusedTree

from htrlib.data.pictures import is_left_by_system
from htrlib.document.geometry import Point
from htrlib.errors import AnnotationError, DatasetError

_AROUND_COMMA = re.compile(r"\s*,\s*")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def parse(path: Path) -> Element:
    """The root of a file; all names without their namespace.

    Raises:
        AnnotationError: the file is missing, not well-formed, or declares entities.
    """
    try:
        root: Element = DefusedTree.parse(path, forbid_dtd=False).getroot()
    except ParseError as error:
        raise AnnotationError(f"not well-formed XML: {error}", path, error.position[0]) from None
    except DefusedXmlException as error:
        raise AnnotationError(
            f"XML with entities of its own is not read, it can grow without bound: {error}", path
        ) from None
    except (OSError, ValueError, LookupError) as error:
        raise AnnotationError(str(error), path) from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def annotation_files(path: Path) -> Tuple[Path, Sequence[Path]]:
    """The folder that sources are named from, and the XML files.

    What systems leave in folders for themselves, as macOS `._page.xml`, is passed over.

    Raises:
        DatasetError: there is none.
    """
    if path.is_file():
        return path.parent, [path]
    files = sorted(
        file
        for file in path.rglob("*")
        if file.suffix.lower() == ".xml" and not is_left_by_system(file.relative_to(path))
    )
    if not files:
        raise DatasetError(f"{path}: expected an XML file, or a folder with some; found none")
    return path, files


def with_parent(root: Element) -> Iterator[Tuple[Element, Element]]:
    """(element, its parent) for all below the root, in document order."""
    for parent in root.iter():
        for child in parent:
            yield child, parent


def parse_points(text: str) -> List[Point]:
    """The points of "x,y x,y ..." (PAGE) or "x y x y ..." (ALTO).

    Raises:
        ValueError: it is neither. Decimal commas are not guessed: "20,5,4,25" may mean several
            things.

    >>> parse_points("1,2 3,4") == parse_points("1 2 3 4")
    True
    """
    pieces = _AROUND_COMMA.sub(",", text.strip()).split()
    pairs = [piece.split(",") for piece in pieces]
    if all(len(pair) == 1 for pair in pairs):  # no comma anywhere
        pairs = [pieces[index : index + 2] for index in range(0, len(pieces), 2)]
    if not all(len(pair) == 2 for pair in pairs):
        raise ValueError(f"{_shortened(text)} is no list of points, which is x,y x,y ...")
    return [(parse_number(x), parse_number(y)) for x, y in pairs]


def parse_number(text: str) -> float:
    """A finite number with a decimal point, if any.

    Raises:
        ValueError: it is not.
    """
    if not _NUMBER.fullmatch(text.strip()) or not math.isfinite(float(text)):
        raise ValueError(f"{_shortened(text)} is no number of pixels")
    return float(text)


def _shortened(text: str) -> str:
    return f'"{text}"' if len(text) <= 40 else f'"{text[:40]} ..."'


def attributes(element: Element) -> Dict[str, str]:
    """The attributes of an element, without their namespaces."""
    return {name.rpartition("}")[2]: value for name, value in element.items()}
