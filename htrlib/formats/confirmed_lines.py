"""Read the dataset format ``review``: lines in `htr review`'s files that a person confirmed."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Callable, Optional, Set, Union

from htrlib.data.collector import Collector
from htrlib.data.corrected_pages import CorrectedLine, CorrectedPage
from htrlib.data.page_places import KEPT_ASIDE, WORK_FOLDER, PagePlace, find_pages
from htrlib.data.pictures import find_picture
from htrlib.data.samples import Dataset, Picture
from htrlib.data.xml import annotation_files
from htrlib.errors import AnnotationError
from htrlib.formats.page_editing import read_page_file
from htrlib.images.numbered_pages import load_page

ASIDE, TRAIN = "kept aside", "train"
"""The splits, where pages are kept aside."""


def load(path: Union[str, Path], *, images: Union[str, Path, None] = None) -> Dataset:
    """Load the confirmed lines of a PAGE XML file, or of all such files below a folder.

    Files that are not PAGE XML, or belong to a picture of another size, are left out and reported.
    If `htr review` keeps pages aside to evaluate trainings, their split is "kept aside", and that
    of the others "train".

    Args:
        path: a PAGE XML file, or a folder of them.
        images: folder of the pictures; by default that of the files.
    Raises:
        DatasetError: no line is confirmed.
    """
    base, files = annotation_files(Path(path))
    places, _ = find_pages(base if images is None else Path(images), base, lambda _: True)
    by_xml = {place.xml: place for place in places.values()}
    aside = _kept_aside(base)
    collector = Collector()
    collector.note_links(Path(path))
    for file in files:
        name = file.relative_to(base)
        if any(part.startswith(".") for part in name.parts):
            continue
        source = name.with_suffix("").as_posix()
        place = by_xml.get(file) or _beside(file)
        page = read_page(collector, place, source)
        if page is None:
            continue
        split = None if aside is None else ASIDE if name.as_posix() in aside else TRAIN
        if not add_lines(collector, place, source, page, _is_confirmed, split):
            collector.note("no confirmed line", source, skipped="page")
    return collector.dataset(Path(path))


def read_page(collector: Collector, place: PagePlace, source: str) -> Optional[CorrectedPage]:
    """Read a page's file; report and return None if it or the picture cannot be used."""
    size = collector.picture(place.picture, source, number=place.number)
    if size is None:
        return None
    try:
        return read_page_file(place.xml.read_bytes(), place.xml, size).page
    except (AnnotationError, ValueError) as error:
        collector.note("not PAGE XML of this picture", source, str(error), skipped="page")
        return None


def add_lines(
    collector: Collector,
    place: PagePlace,
    source: str,
    page: CorrectedPage,
    wanted: Callable[[CorrectedLine], bool],
    split: Optional[str] = None,
) -> int:
    """Add a page with the wanted ones of its lines, if there are any, and return their number.

    The places of the others are no blank paper.
    """
    marks = [wanted(line) for line in page.lines]
    taken = [line.labeled() for line, mark in zip(page.lines, marks) if mark]
    others = [line.place for line, mark in zip(page.lines, marks) if not mark]
    if taken:
        collector.add_page(
            _picture(place),
            page.size,
            source,
            taken,
            split=split,
            unlabeled=[line.box for line in others if line is not None],
            incomplete=bool(others),
        )
    return len(taken)


def _is_confirmed(line: CorrectedLine) -> bool:
    return line.confirmed


def _beside(file: Path) -> PagePlace:
    """Find the picture of a file that the folder does not list, such as one spelled differently."""
    picture = find_picture("", file.stem, [file.parent]) or file.with_suffix(".png")
    return PagePlace(picture.name, picture, 1, file)


def _picture(place: PagePlace) -> Picture:
    if place.name.endswith(place.picture.name):  # the file contains only this page
        return place.picture
    return partial(load_page, place.picture, place.number)


def _kept_aside(base: Path) -> Optional[Set[str]]:
    try:
        return set(json.loads((base / WORK_FOLDER / KEPT_ASIDE).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
