"""Read and write folders of line pictures with their texts in ``.gt.txt`` or ``.txt`` files."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Iterator, Optional, Tuple, Union

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from htrlib.data.collector import Collector
from htrlib.data.pictures import (
    file_stems,
    is_left_by_system,
    place_picture,
    safe_name,
)
from htrlib.data.problems import Problem
from htrlib.data.samples import Dataset, LineSample, PageSample
from htrlib.document.results import TextLine
from htrlib.images.suffixes import PICTURE_SUFFIXES

TEXT_SUFFIXES = (".gt.txt", ".txt")
PAPER_PERCENTILE = 80  # percentile of a line's pixels taken as paper
IMAGE_STAGES = (".bin", ".nrm", ".dew")
"""Extra suffixes of ocropy and its successors: 010001.bin.png goes with 010001.gt.txt."""


def load(path: Union[str, Path]) -> Dataset:
    """Load all line pictures below a folder that have a text.

    Lines in one subfolder count as lines of one page, and so do pictures of one line, which have
    the same text file: they stay together in splits.

    Args:
        path: the folder.
    Raises:
        DatasetError: no line can be used.
    """
    path = Path(path)
    collector = Collector()
    collector.note_links(path)
    texts = {image: text_of(image) for image in sorted(_pictures(path))}
    times = Counter(texts.values())
    for image, text in texts.items():
        source = image.relative_to(path).as_posix()
        if text is None:
            detail = f"expected {image.stem}.gt.txt or {image.stem}.txt beside it"
            collector.note("image without text", source, detail, skipped="line")
            continue
        if collector.picture(image, source) is None:
            continue
        try:
            content = text.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            detail = f"{text.name}: {error}; it should be UTF-8"
            collector.note("text that cannot be read", source, detail, skipped="line")
            continue
        page = None if image.parent == path else image.parent.relative_to(path).as_posix()
        if page is None and times[text] > 1:
            page = text.name.removesuffix(".txt").removesuffix(".gt")
        collector.add_line(image, content, source, page=page)
    for text in sorted(set(path.rglob("*.gt.txt")) - set(texts.values())):
        collector.note("missing image", text.relative_to(path).as_posix(), skipped="line")
    return collector.dataset(path)


def _pictures(folder: Path) -> Iterator[Path]:
    for file in folder.rglob("*"):
        picture = file.suffix.lower() in PICTURE_SUFFIXES
        if picture and not is_left_by_system(file.relative_to(folder)):
            yield file


def text_of(image: Path) -> Optional[Path]:
    """Return the text file of a line picture, or None."""
    stems = [image.stem]
    stems += [image.stem[: -len(stage)] for stage in IMAGE_STAGES if image.stem.endswith(stage)]
    for suffix in TEXT_SUFFIXES:
        for stem in stems:
            text = image.with_name(stem + suffix)
            if text.is_file():
                return text
    return None


def write_lines_folder(dataset: Dataset, folder: Union[str, Path]) -> Tuple[Problem, ...]:
    """Write a picture and a ``.gt.txt`` per line: ``PAGE/0000.png``, or ``LINE.png`` if single.

    Lines are cut out of their page by box; pixels outside their polygon become paper. Lines up or
    down the page are turned upright.

    Args:
        dataset: dataset whose lines with text and, on pages, position are written.
        folder: folder to write to; created if missing.
    Returns:
        Problems: the lines without position or text, which are left out.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for sample, stem in zip(dataset, file_stems(dataset)):
        if isinstance(sample, PageSample):
            _write_page(sample, folder / stem)
        else:
            _write_line(sample, folder, stem)
    return tuple(_left_out(dataset))


def _left_out(dataset: Dataset) -> Iterator[Problem]:
    for page in dataset.pages:
        for line in page.lines:
            if line.line is None:
                yield Problem("line without a place", page.source, line.text, skipped="line")
            elif not line.text:
                yield Problem("line without text", page.source, line.id, skipped="line")


def _write_page(page: PageSample, folder: Path) -> None:
    samples = list(page.line_samples())
    if not samples:
        return
    folder.mkdir(exist_ok=True)
    image = page.load_image()
    for index, sample in enumerate(samples):
        if sample.line is not None:
            Image.fromarray(_cut(image, sample.line)).save(folder / f"{index:04d}.png")
            _write_text(folder / f"{index:04d}.gt.txt", sample.text)


def _write_line(sample: LineSample, folder: Path, stem: str) -> None:
    if sample.page is not None:
        folder = folder / safe_name(sample.page)
        folder.mkdir(exist_ok=True)
    if sample.line is not None:
        Image.fromarray(_cut(sample.load_image(), sample.line)).save(folder / f"{stem}.png")
    else:
        place_picture(sample.image, folder, stem)
    _write_text(folder / f"{stem}.gt.txt", sample.text)


def _write_text(path: Path, text: str) -> None:
    path.write_text(f"{text}\n", encoding="utf-8")


def _cut(image: NDArray[np.uint8], line: TextLine) -> NDArray[np.uint8]:
    """Cut out the line's box, (h, w) uint8, upright and with paper outside its polygon."""
    box = line.box
    left, top = math.floor(box.left), math.floor(box.top)
    part = image[top : math.ceil(box.bottom), left : math.ceil(box.right)]
    if line.polygon is None:
        return np.rot90(part, line.quarter_turns)
    mask = Image.new("1", (part.shape[1], part.shape[0]))
    points = [(x - left, y - top) for x, y in line.polygon.points]
    ImageDraw.Draw(mask).polygon(points, fill=1, outline=1)
    inside = np.asarray(mask)
    paper = np.percentile(part, PAPER_PERCENTILE)
    cut = np.where(inside, part, paper).astype(np.uint8)
    return np.rot90(cut, line.quarter_turns)
