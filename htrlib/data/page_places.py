"""Find the pages in a folder's pictures and PDFs, and the PAGE XML file of each page.

The file of `a.png` is `a.xml` next to it, or `a.png.xml` if another picture has the stem `a` too.
Page 3 of `scan.pdf`, or of a multi-page TIFF, is named `scan.pdf/0003`; its file is
`scan.pdf.0003.xml`, and that of a picture `scan.pdf.0003.png` is then `scan.pdf.0003.png.xml`.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass
from html import unescape
from pathlib import Path, PurePosixPath
from typing import Callable, Dict, Iterator, List, Mapping, Optional, Tuple

from htrlib.errors import ImageError
from htrlib.images.numbered_pages import count_pages
from htrlib.images.suffixes import IMAGE_SUFFIXES, SUFFIXES

WORK_FOLDER = ".htr-review"
"""In the folder of the XML files: what `htr review` keeps for itself."""

KEPT_ASIDE = "kept-aside.json"
"""In that folder: the XML files, relative to theirs, of the pages that training leaves out."""

_PDF, _TIFF = SUFFIXES["PDF"], SUFFIXES["TIFF"]
_OVERLAY = ".overlay.png"  # written by `htr transcribe --overlay`
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_FILE_NAME = re.compile(rb"imageFilename\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")


@dataclass(frozen=True)
class PagePlace:
    """The location of a page.

    Attributes:
        name: name of the page: the path of its file relative to the folder, with slashes, and a
            number if the file has several pages.
        picture: path of the picture or PDF.
        number: number of the page in it, from 1.
        xml: path of the PAGE XML file, which may not exist yet.
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
    """Return the pages by name, in order, and the files left out with the reason.

    Args:
        pictures: folder of the pictures, searched with its subfolders except links and hidden ones.
        output: folder of the XML files, with the same subfolders.
        holds: returns whether a path may be opened, since links may lead anywhere.
        pages_of: returns the number of pages of a file.
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
    counts: Dict[PurePosixPath, int] = {}  # of the pages of files whose pages are numbered, or 0
    for name, path in files:
        try:
            counts[name] = _numbered_pages(path, pages_of)
        except ImageError as error:
            refused.append(str(error).replace(repr(str(path)), str(name)))
    found: Dict[str, PagePlace] = {}
    xml_names = _xml_names(counts, output)
    for name, path in files:
        if counts.get(name) == 0:
            found[str(name)] = PagePlace(str(name), path, 1, output / xml_names[name])
        for number in range(1, counts.get(name, 0) + 1):
            page = name / f"{number:04d}"
            found[str(page)] = PagePlace(str(page), path, number, output / xml_names[page])
    return found, refused


def _numbered_pages(path: Path, pages_of: Callable[[Path], int]) -> int:
    """Return the number of a file's pages, or 0 if it is a picture, whose page has no number.

    Raises:
        ImageError: the pages cannot be counted.
    """
    suffix = path.suffix.lower()
    count = pages_of(path) if suffix in (*_PDF, *_TIFF) else 1
    return 0 if count == 1 and suffix not in _PDF else count


def _xml_names(
    counts: Mapping[PurePosixPath, int], output: Path
) -> Dict[PurePosixPath, PurePosixPath]:
    """Return each page's XML file: `a.xml` for a picture, if no other page may be meant by it."""
    alike = Counter(_folded(name.with_suffix("")) for name in counts)
    result = {}
    for name, count in counts.items():
        for number in range(1, count + 1):
            result[name / f"{number:04d}"] = name.with_name(f"{name.name}.{number:04d}.xml")
        if not count:
            result[name] = name.with_name(f"{name.name}.xml")
    whole = {_folded(xml): page for page, xml in result.items()}
    for name in (name for name, count in counts.items() if not count):
        xml = name.with_suffix(".xml")
        other = whole.get(_folded(xml))
        alone = alike[_folded(name.with_suffix(""))] == 1 and other is None
        if alone or _named_picture(output / xml) == name.name:
            result[name] = xml
            if other is not None and result[other] == xml:
                result[other] = xml.with_suffix(".page.xml")
    return result


def _folded(path: PurePosixPath) -> str:
    return str(path).casefold()


def _named_picture(xml: Path) -> Optional[str]:
    """Return the name of the picture that an XML file describes."""
    try:
        with xml.open("rb") as file:
            match = _FILE_NAME.search(file.read(1 << 16))
    except OSError:
        return None
    if match is None:
        return None
    return PurePosixPath(unescape((match[1] or match[2] or b"").decode("utf-8", "replace"))).name


def _files(folder: Path) -> Iterator[Path]:
    """Return all files below a folder by name, except hidden ones and linked folders."""
    for base, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield Path(base, name)
