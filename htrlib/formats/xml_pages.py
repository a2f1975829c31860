"""Common parts of the readers of XML formats with one page per file."""

from __future__ import annotations

import abc
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Sequence, Type, Union
from xml.etree.ElementTree import Element

from htrlib.data.collector import Collector
from htrlib.data.pictures import find_picture
from htrlib.data.samples import Dataset
from htrlib.data.xml import annotation_files, parse
from htrlib.errors import AnnotationError


@dataclass(frozen=True)
class XmlForm:
    """The characteristics of a format.

    Attributes:
        name: name of the format in messages.
        root: tag of the root.
        page: path from the root to the only Page.
    """

    name: str
    root: str
    page: str


@dataclass(frozen=True, eq=False)
class XmlFile:
    """A file of the format: its root, its page, and the folders to search for its picture."""

    path: Path
    source: str
    folders: Sequence[Path]
    root: Element
    page: Element


class XmlPageReader(abc.ABC):
    """Adds the page of one file to a collector.

    Args:
        collector: receives the page and its problems.
        file: annotation file.
    """

    def __init__(self, collector: Collector, file: XmlFile) -> None:
        self.collector = collector
        self.file = file
        self.source = file.source
        self.page = file.page

    @abc.abstractmethod
    def read(self) -> None:
        """Add the page.

        Raises:
            KeyError, ValueError: the file is malformed.
        """


def picture_of(file: XmlFile, name: str, collector: Collector) -> Optional[Path]:
    """Return the path of a page's picture; report and return None for pages after the first.

    The files for the pages of one picture are named NAME-1, NAME-2, ..., but a dataset only has the
    first page of a picture.

    Args:
        file: annotation file.
        name: name of the picture in it.
        collector: receives the problem.
    """
    stem = file.path.stem
    picture = find_picture(name, stem, file.folders) or file.folders[0] / (name or stem)
    further = re.match(rf"{re.escape(picture.stem)}-(\d+)(\.(page|alto))?$", stem)
    if further is not None and int(further[1]) > 1:
        detail = f"page {further[1]} of {picture.name}; give each page a picture of its own"
        collector.note("page of a picture with several", file.source, detail, skipped="page")
        return None
    return picture


def load_xml_pages(
    path: Union[str, Path],
    form: XmlForm,
    reader: Type[XmlPageReader],
    *,
    images: Optional[Union[str, Path]] = None,
    kinds: Optional[str] = None,
) -> Dataset:
    """Load the pages of a file, or of all files below a folder.

    Args:
        path: the file or folder; files of other formats in a folder are left out.
        form: the format.
        reader: reads a file of the format.
        images: folder of the pictures; by default that of the XML, or its parent.
        kinds: kinds of lines to keep, such as "handwritten,typewritten"; by default all.
    Raises:
        AnnotationError: the given file is not well-formed, or malformed; such files in a folder
            are reported, and the others are read.
        ConfigError: a kind does not exist.
        DatasetError: no page can be used.
    """
    path = Path(path)
    base, files = annotation_files(path)
    collector = Collector()
    collector.note_links(path)
    for file in files:
        source = file.relative_to(base).with_suffix("").as_posix()
        folders = [file.parent, file.parent.parent] if images is None else [Path(images)]
        try:
            found = _open(collector, file, source, folders, form, alone=path.is_file())
            if found is not None:
                _read(reader(collector, found), form)
        except AnnotationError as error:
            if path.is_file():
                raise
            collector.note("file that cannot be read", source, str(error), skipped="page")
    return collector.dataset(path).of_kinds(kinds)


def _open(
    collector: Collector,
    file: Path,
    source: str,
    folders: Sequence[Path],
    form: XmlForm,
    *,
    alone: bool,
) -> Optional[XmlFile]:
    """Parse a file; report and return None if a file in a folder has another format.

    Raises:
        AnnotationError: the file is not well-formed, or a single given file has another format.
    """
    root = parse(file)
    pages = root.findall(form.page) if root.tag == form.root else []
    if not pages:
        if alone:
            raise AnnotationError(f"expected {form.root} with a Page, found {root.tag}", file)
        collector.note(f"not {form.name}", source, f"found {root.tag}", skipped="file")
        return None
    if len(pages) > 1:
        detail = f"found {len(pages)}; split the file, one page and one image each"
        collector.note("not one page in a file", source, detail, skipped="page")
        return None
    return XmlFile(file, source, folders, root, pages[0])


def _read(reader: XmlPageReader, form: XmlForm) -> None:
    """Add the page of a file.

    Raises:
        AnnotationError: the file is malformed.
    """
    try:
        reader.read()
    except (KeyError, ValueError) as error:
        raise AnnotationError(
            f"not the {form.name} that this library knows: {error}", reader.file.path
        ) from error
