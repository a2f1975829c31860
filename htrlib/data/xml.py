"""Read untrusted XML: no entities, no external references, errors with line numbers."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Dict, Iterator, List, Sequence, Tuple
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml import ElementTree as DefusedTree

from htrlib.data.annotation_text import is_zip, unread
from htrlib.data.pictures import is_left_by_system
from htrlib.document.geometry import Point
from htrlib.errors import AnnotationError, DatasetError

_AROUND_COMMA = re.compile(r"\s*,\s*")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def parse(path: Path) -> Element:
    """Parse a file and return its root; all names are stripped of their namespace.

    Raises:
        AnnotationError: the file is missing, not well-formed, or declares entities.
    """
    try:
        root: Element = DefusedTree.parse(path, forbid_dtd=False).getroot()
    except ParseError as error:
        if is_zip(path):
            raise unread(path, error) from None
        raise AnnotationError(f"not well-formed XML: {error}", path, error.position[0]) from None
    except DefusedXmlException as error:
        raise AnnotationError(
            f"XML that declares entities is not read, because it can expand without limit: {error}",
            path,
        ) from None
    except (OSError, ValueError, LookupError) as error:
        raise unread(path, error) from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def annotation_files(path: Path) -> Tuple[Path, Sequence[Path]]:
    """Return the folder that sources are named relative to, and the XML files.

    Files of the operating system, such as `._page.xml` of macOS, are ignored.

    Raises:
        DatasetError: there is no XML file.
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
    """Yield (element, parent) for all elements below the root, in document order."""
    for parent in root.iter():
        for child in parent:
            yield child, parent


def parse_points(text: str) -> List[Point]:
    """Parse points of the form "x,y x,y ..." (PAGE) or "x y x y ..." (ALTO).

    Raises:
        ValueError: the text has neither form. Decimal commas are rejected, because "20,5,4,25" is
            ambiguous.

    >>> parse_points("1,2 3,4") == parse_points("1 2 3 4")
    True
    """
    pieces = _AROUND_COMMA.sub(",", text.strip()).split()
    pairs = [piece.split(",") for piece in pieces]
    if all(len(pair) == 1 for pair in pairs):  # no commas
        pairs = [pieces[index : index + 2] for index in range(0, len(pieces), 2)]
    if not all(len(pair) == 2 for pair in pairs):
        raise ValueError(f"expected points as x,y x,y ..., found {_shortened(text)}")
    return [(parse_number(x), parse_number(y)) for x, y in pairs]


def parse_number(text: str) -> float:
    """Parse a finite number with an optional decimal point.

    Raises:
        ValueError: the text is not such a number.
    """
    if not _NUMBER.fullmatch(text.strip()) or not math.isfinite(float(text)):
        raise ValueError(f"expected a number of pixels, found {_shortened(text)}")
    return float(text)


def _shortened(text: str) -> str:
    return f'"{text}"' if len(text) <= 40 else f'"{text[:40]} ..."'


def attributes(element: Element) -> Dict[str, str]:
    """Return the attributes of an element, without namespaces."""
    return {name.rpartition("}")[2]: value for name, value in element.items()}
