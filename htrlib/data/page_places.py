"""The pages in a folder's pictures and PDFs, and where the PAGE XML of each one stands.

A picture `a.png` has `a.xml` beside it, or `a.png.xml` where another picture is called `a` too.
Page 3 of `scan.pdf`, and of a TIFF of several pages, is called `scan.pdf/0003` and has
`scan.pdf.0003.xml`.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Callable, Dict, Iterator, List, Optional, Tuple

from htrlib.errors import ImageError
from htrlib.images.numbered_pages import count_pages
from htrlib.images.suffixes import IMAGE_SUFFIXES, SUFFIXES

WORK_FOLDER = ".htr-review"
"""In the folder of the XML files: what `htr review` keeps for itself."""

KEPT_ASIDE = "kept-aside.json"
"""In that folder: the XML files, relative to theirs, of the pages that training leaves out."""

_PDF, _TIFF = SUFFIXES["PDF"], SUFFIXES["TIFF"]
_OVERLAY = ".overlay.png"  # what `htr transcribe` draws beside a picture
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_FILE_NAME = re.compile(rb"imageFilename\s*=\s*[\"']([^\"']*)[\"']")


@dataclass(frozen=True)
class PagePlace:
    """The location of a page.

    Attributes:
        name: of the page: that of its file relative to the folder, with slashes, and a number
            where the file holds several pages.
        picture: the file.
        number: of the page in it, from 1.
        xml: the PAGE XML file, which may not be there yet.
    """

    name: str
    picture: Path
    number: int
    xml: Path


def find_pages(
    pictures: Path,
    output: Path,
    holds: Callable[[Path], bool],
    pages_of: Callable[[Path], int] = count_pages,
) -> Tuple[Dict[str, PagePlace], List[str]]:
    """The pages by name, in order, and what was left out and why.

    Args:
        pictures: the folder; folders below it belong to it, but for links and hidden ones.
        output: the folder of the XML files, which lie in it as the pictures in theirs.
        holds: whether a path may be opened; links may lead anywhere.
        pages_of: the number of pages of a file.
    """
    files: List[Tuple[PurePosixPath, Path]] = []
    refused: List[str] = []
    for path in _files(pictures):
        if path.suffix.lower() not in IMAGE_SUFFIXES or path.name.endswith(_OVERLAY):
            continue
        name = PurePosixPath(path.relative_to(pictures).as_posix())
        if _UNPRINTABLE.search(str(name)):
            refused.append(f"{str(name)!a}: the name is not printable UTF-8; rename the file")
        elif not holds(path):
            refused.append(f"{name}: a link that leads out of the folder; copy the file")
        else:
            files.append((name, path))
    found: Dict[str, PagePlace] = {}
    xml_names = _xml_names([name for name, _ in files], output)
    for name, path in files:
        try:
            count = pages_of(path) if path.suffix.lower() in (*_PDF, *_TIFF) else 1
        except ImageError as error:
            refused.append(str(error).replace(repr(str(path)), str(name)))
            continue
        if count == 1 and path.suffix.lower() not in _PDF:
            found[str(name)] = PagePlace(str(name), path, 1, output / xml_names[name])
            continue
        for number in range(1, count + 1):
            page = f"{name}/{number:04d}"
            xml = output / name.with_name(f"{name.name}.{number:04d}.xml")
            found[page] = PagePlace(page, path, number, xml)
    return found, refused


def _xml_names(names: List[PurePosixPath], output: Path) -> Dict[PurePosixPath, PurePosixPath]:
    """The XML file of each picture; of pictures of one stem, the one that it names has `a.xml`."""
    alike = defaultdict(list)
    for name in names:
        alike[str(name.with_suffix("")).casefold()].append(name)
    result = {}
    for group in alike.values():
        for name in group:
            xml = name.with_suffix(".xml")
            alone = len(group) == 1 or _named_picture(output / xml) == name.name
            result[name] = xml if alone else name.with_name(f"{name.name}.xml")
    return result


def _named_picture(xml: Path) -> Optional[str]:
    """The picture that an XML file says it is about."""
    try:
        with xml.open("rb") as file:
            match = _FILE_NAME.search(file.read(1 << 16))
    except OSError:
        return None
    return None if match is None else PurePosixPath(match[1].decode("utf-8", "replace")).name


def _files(folder: Path) -> Iterator[Path]:
    """All files below a folder by name; hidden ones, and folders that are links, left out."""
    for base, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield Path(base, name)
