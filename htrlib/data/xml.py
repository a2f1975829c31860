"""Read XML that came from somewhere: no entity bombs, no outside references, errors with a line."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Iterator, List, Sequence, Tuple
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml import ElementTree as DefusedTree

from htrlib.document.geometry import Point
from htrlib.errors import AnnotationError, DatasetError


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

    Raises:
        DatasetError: there is none.
    """
    if path.is_file():
        return path.parent, [path]
    files = sorted(path.rglob("*.xml"))
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

    >>> parse_points("1,2 3,4") == parse_points("1 2 3 4")
    True
    """
    numbers = [float(number) for number in text.replace(",", " ").split()]
    if len(numbers) % 2:
        raise ValueError(f"points are pairs of x and y, found {len(numbers)} numbers in {text!r}")
    return list(zip(numbers[::2], numbers[1::2]))


def attributes(element: Element) -> Dict[str, str]:
    """The attributes of an element, without their namespaces."""
    return {name.rpartition("}")[2]: value for name, value in element.items()}
