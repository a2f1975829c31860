"""What the page formats in XML have in common: files of one page, their pictures near them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional, Sequence, Union
from xml.etree.ElementTree import Element

from htrlib.data.collector import Collector
from htrlib.data.samples import Dataset
from htrlib.data.xml import annotation_files, parse
from htrlib.errors import AnnotationError


@dataclass(frozen=True)
class XmlForm:
    """How a format is known.

    Attributes:
        name: what messages call it.
        root: tag of the root.
        page: path from the root to the Page, of which a file has one.
    """

    name: str
    root: str
    page: str


@dataclass(frozen=True, eq=False)
class XmlFile:
    """One file of the format: its root, its page, and where to look for the page's picture."""

    path: Path
    source: str
    folders: Sequence[Path]
    root: Element
    page: Element


def load_xml_pages(
    path: Union[str, Path],
    images: Optional[Union[str, Path]],
    form: XmlForm,
    read: Callable[[Collector, XmlFile], None],
) -> Dataset:
    """The pages of a file, or of all files below a folder.

    Args:
        path: the file or folder; files of a folder that are of another format are left out.
        images: folder of the pictures; by default beside the XML, or one folder up.
        form: the format.
        read: adds the page of a file to the collector; a KeyError or ValueError says that the file
            is malformed.
    Raises:
        AnnotationError: a file is not well-formed, or not of this form.
        DatasetError: no page can be used.
    """
    path = Path(path)
    base, files = annotation_files(path)
    collector = Collector()
    for file in files:
        source = file.relative_to(base).with_suffix("").as_posix()
        folders = [file.parent, file.parent.parent] if images is None else [Path(images)]
        root = parse(file)
        pages = root.findall(form.page) if root.tag == form.root else []
        if not pages:
            if path.is_file():
                raise AnnotationError(f"expected {form.root} with a Page, found {root.tag}", file)
            collector.note(f"not {form.name}", source, f"found {root.tag}", skipped="page")
            continue
        if len(pages) > 1:
            detail = f"found {len(pages)}; split the file, one page and one image each"
            collector.note("not one page in a file", source, detail, skipped="page")
            continue
        try:
            read(collector, XmlFile(file, source, folders, root, pages[0]))
        except (KeyError, ValueError) as error:
            raise AnnotationError(
                f"not the {form.name} that this library knows: {error}", file
            ) from error
    return collector.dataset(path)
