"""``review``: the lines of PAGE XML files that a person confirmed."""

from __future__ import annotations

from pathlib import Path
from typing import Union

from htrlib.data.collector import Collector
from htrlib.data.pictures import find_picture
from htrlib.data.samples import Dataset
from htrlib.data.xml import annotation_files
from htrlib.errors import AnnotationError
from htrlib.formats.page_editing import read_page_file


def load(path: Union[str, Path]) -> Dataset:
    """The confirmed lines of a file, or of all PAGE XML files below a folder, pictures beside them.

    Files that are no PAGE XML, or about a picture of another size, are left out and reported.

    Raises:
        DatasetError: no line is confirmed.
    """
    base, files = annotation_files(Path(path))
    collector = Collector()
    for file in files:
        source = file.relative_to(base).with_suffix("").as_posix()
        picture = find_picture("", file.stem, [file.parent]) or file.with_suffix(".png")
        size = collector.picture(picture, source)
        if size is None:
            continue
        try:
            page = read_page_file(file.read_bytes(), file, size).page
        except (AnnotationError, ValueError) as error:
            collector.note("not PAGE XML of this picture", source, str(error), skipped="page")
            continue
        confirmed = [line.labeled() for line in page.lines if line.confirmed]
        if confirmed:
            collector.add_page(picture, size, source, confirmed)
        else:
            collector.note("no confirmed line", source, skipped="page")
    return collector.dataset(Path(path))
