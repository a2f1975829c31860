"""Prepare labeled data for training: cut and store its pictures once, and collect problems."""

from __future__ import annotations

import functools
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import Any, Callable, Iterator, List, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.data.problems import Problem
from htrlib.data.samples import LineSample, PageSample, Picture
from htrlib.document.geometry import Box
from htrlib.document.results import TextLine
from htrlib.errors import DatasetError, HtrError
from htrlib.images.given_lines import upright_lines
from htrlib.images.line_strips import cut_line, line_strip
from htrlib.images.loading import resize
from htrlib.progress import progress
from htrlib.training.batches.picture_file import Pictures, PictureWriter, open_pictures

Cut = Tuple[NDArray[np.uint8], Any]
Made = Tuple[List[Cut], List[Problem]]

LARGEST_PAGE = 4_000_000  # maximum number of pixels stored per page
OUTSIDE = np.uint8(1)  # the bit of a pixel that is set outside a line's polygon
FORM = 3  # incremented when the stored pixels change, so that older files are made again


def cut_lines(
    lines: Sequence[LineSample], path: Path, height: int, margin: float, *, marked: bool
) -> Pictures:
    """Cut lines out of their pages.

    Args:
        lines: lines of the same page should be adjacent, so that each page is opened once.
        path: file to write; reused if an earlier call wrote it from the same data.
        height: height of the pictures in pixels, including the upper and lower margin.
        margin: margin in line heights.
        marked: keep the ink outside a line's polygon, marked in its lowest bit; otherwise cut lines
            as recognition does.
    Returns:
        The pictures, each with the index of its line as note; lines that could not be cut are its
        problems.
    Raises:
        DatasetError: no line could be cut.
    """

    groups = [list(group) for _, group in groupby(enumerate(lines), key=lambda pair: pair[1].image)]
    cut = functools.partial(_cut_group, height=height, margin=margin, marked=marked)
    facts = (
        FORM,
        height,
        margin,
        marked,
        [(_identity(s.image), s.source, s.text, repr(s.line)) for s in lines],
    )
    return _collect(path, facts, groups, cut, "cutting the lines of pages")


def keep_pages(pages: Sequence[PageSample], path: Path) -> Pictures:
    """Store pages, shrunk to at most `LARGEST_PAGE` pixels.

    Returns:
        The pictures, each with (index of the page, scale) as note; pages that could not be stored
        are its problems.
    Raises:
        DatasetError: no page could be stored.
    """

    def keep(numbered: Tuple[int, PageSample]) -> Made:
        index, page = numbered
        try:
            image = page.load_image()
        except (HtrError, OSError) as error:
            return [], [Problem("unreadable image", page.source, str(error), skipped="page")]
        if image.shape != (page.size.height, page.size.width):
            detail = f"expected {page.size}, found {image.shape[1]} x {image.shape[0]}"
            reason = "image of another size than annotated"
            return [], [Problem(reason, page.source, detail, skipped="page")]
        scale = min(1.0, (LARGEST_PAGE / image.size) ** 0.5)
        dark_on_light = upright_lines(image, ()).page
        return [(_shrunk(dark_on_light, scale), (index, scale))], []

    facts = (
        FORM,
        LARGEST_PAGE,
        [(_identity(page.image), page.source, page.size, repr(page.lines)) for page in pages],
    )
    return _collect(path, facts, list(enumerate(pages)), keep, "opening pages")


def _cut_group(
    group: Sequence[Tuple[int, LineSample]], height: int, margin: float, marked: bool
) -> Made:
    """Cut the lines of one page."""
    cuts: List[Cut] = []
    problems: List[Problem] = []
    try:
        page = group[0][1].load_image()
    except (HtrError, OSError) as error:
        return [], [
            Problem("unreadable image", line.source, str(error), skipped="line")
            for _, line in group
        ]
    whole = TextLine(Box(0, 0, page.shape[1], page.shape[0]))  # where the picture is the line
    page, places, _ = upright_lines(page, [line.line or whole for _, line in group])
    for (index, line), place in zip(group, places):
        try:
            cuts.append((_line_picture(page, place, height, margin, marked), index))
        except Exception as error:  # one bad line of thousands must not end the run
            problems.append(
                Problem("line that cannot be cut", line.source, str(error), skipped="line")
            )
    return cuts, problems


def _line_picture(
    page: NDArray[np.uint8], line: TextLine, height: int, margin: float, marked: bool
) -> NDArray[np.uint8]:
    """Return (height, W) uint8 ink; the lowest bit marks pixels outside the line's polygon."""
    whole = Box(0, 0, page.shape[1], page.shape[0])
    if not line.box.intersection_area(whole):
        raise DatasetError(f"the line's box {line.box.as_tuple()} lies outside the picture")
    strip = line_strip(line, margin)
    inside = cut_line(page, strip, height, line.polygon)
    if not marked:
        return inside
    ink = inside if line.polygon is None else cut_line(page, strip, height)
    picture: NDArray[np.uint8] = (ink & ~OUTSIDE) | ((inside == 0) & (ink > 0))
    return picture


def masked(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the ink without what lies outside the polygon."""
    kept: NDArray[np.uint8] = ink * (OUTSIDE - (ink & OUTSIDE))
    return kept


def _shrunk(image: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    if scale == 1.0:
        return image
    return resize(image, round(image.shape[1] * scale), round(image.shape[0] * scale))


def _identity(image: Picture) -> Tuple[str, ...]:
    """Return a key that identifies a picture without opening it.

    Of functions, only those that load a page of a file (`functools.partial`) can be told apart.
    """
    if isinstance(image, functools.partial) and image.args and isinstance(image.args[0], Path):
        return (*_identity(image.args[0]), *map(repr, image.args[1:]))
    if not isinstance(image, Path):
        return ("function",)
    try:
        return (str(image), str(image.stat().st_mtime_ns))
    except OSError:
        return (str(image), "missing")


def _collect(
    path: Path, facts: Any, items: Sequence[Any], make: Callable[[Any], Made], what: str
) -> Pictures:
    """Return the pictures that `make` cuts from the items, from the file if it is up to date."""
    fingerprint = hashlib.sha256(repr(facts).encode()).hexdigest()
    found = open_pictures(path, fingerprint)
    if found is None:
        with PictureWriter(path, fingerprint) as writer:
            for cuts, met in progress(_in_threads(make, items), what, len(items)):
                for picture, note in cuts:
                    writer.add(picture, note)
                writer.problems += met
        found = open_pictures(path, fingerprint)
    if found is None or not len(found):
        problems = () if found is None else found.problems
        first = f"; the first problem: {problems[0]}" if problems else ""
        raise DatasetError(f"{what}: all {len(items)} failed{first}")
    return found


def _in_threads(make: Callable[[Any], Made], items: Sequence[Any]) -> Iterator[Made]:
    """Map in order, in threads: most of the work releases Python's global lock."""
    threads = os.cpu_count() or 1
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(items), 4 * threads):  # so that results do not pile up in memory
            yield from pool.map(make, items[start : start + 4 * threads])
