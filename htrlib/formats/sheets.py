"""A common form of results and labeled pages for writing, so that each format has one writer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import partial
from pathlib import Path, PurePath
from typing import BinaryIO, Callable, List, Optional, Tuple, Union

from htrlib.atomic_files import write_whole
from htrlib.data.pictures import file_stems, place_picture
from htrlib.data.problems import Problem
from htrlib.data.samples import Dataset, LabeledLine, LabeledWord, PageSample
from htrlib.document.geometry import Box, Size
from htrlib.document.results import LineResult, PageResult
from htrlib.formats.placed_words import placed_words, whole_pixels


@dataclass(frozen=True)
class Sheet:
    """A page to be written.

    Attributes:
        page: lines, with words whose boxes are known.
        picture: file name of the page's picture.
        number: number of the page in its file, from 1.
        bundle: name and version of the bundle that read the page; None for labels.
    """

    page: PageSample
    picture: str
    number: int = 1
    bundle: Optional[str] = None

    @classmethod
    def of_result(cls, result: PageResult, number: int = 1) -> Sheet:
        """Create a sheet from a result; each of its words gets a box.

        Args:
            result: result of a page.
            number: number of the page, if the result has none.
        """
        picture = PurePath(result.source or "page").name
        lines = tuple(_read_line(line, result.size) for line in result.lines)
        page = PageSample(Path(picture), result.size, picture, lines, result.paragraph)
        return cls(page, picture, result.number or number, result.bundle)

    @property
    def lines(self) -> Tuple[LabeledLine, ...]:
        """Lines with a position, which files require."""
        return tuple(line for line in self.page.lines if line.line is not None)

    @property
    def area(self) -> Box:
        """Box around the paragraph and all lines, in whole pixels; by default the page."""
        size = self.page.size
        boxes = [line.line.box for line in self.page.lines if line.line is not None]
        if self.page.paragraph is not None:
            boxes.append(self.page.paragraph)
        around = boxes[0] if boxes else Box(0, 0, size.width, size.height)
        for box in boxes:
            around = around.union(box)
        return whole_pixels(around, size)


def _read_line(line: LineResult, size: Size) -> LabeledLine:
    words = tuple(
        LabeledWord(word.text, word.box, word.confidence) for word in placed_words(line, size)
    )
    place, confidence = replace(line.line, id=""), line.transcription.confidence
    return LabeledLine(line.text, place, words, id=line.id, confidence=confidence)


def tokens(line: LabeledLine) -> Tuple[Tuple[str, Optional[LabeledWord]], ...]:
    """Return the words of a line's text, each with the labeled word that has its box, or None.

    >>> word = LabeledWord("b", Box(0, 0, 1, 1))
    >>> tokens(LabeledLine("a b", words=(word,)))[0]
    ('a', None)
    """
    texts = line.text.split()
    placed: List[Optional[LabeledWord]] = [None] * len(texts)
    matcher = SequenceMatcher(None, texts, [word.text for word in line.words], autojunk=False)
    for at, first, length in matcher.get_matching_blocks():
        placed[at : at + length] = line.words[first : first + length]
    return tuple(zip(texts, placed))


def loose_words(dataset: Dataset) -> Tuple[Problem, ...]:
    """Return problems for lines with words that are not in their text, and cannot be written."""
    return tuple(
        Problem("words other than the text's", page.source, line.text)
        for page in dataset.pages
        for line in page.lines
        if sum(word is not None for _, word in tokens(line)) < len(line.words)
    )


def write_pages(
    dataset: Dataset,
    folder: Union[str, Path],
    suffix: str,
    write: Callable[[Sheet, BinaryIO], None],
) -> Tuple[Problem, ...]:
    """Write a file, and a copy of the picture, for each page of a dataset.

    Args:
        dataset: its pages are written.
        folder: made where it is missing.
        suffix: suffix of the files.
        write: writes one page.
    Returns:
        What page formats cannot hold and was left out: single line pictures, lines without a place.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    problems = [
        Problem("line picture without a page", sample.source, skipped="line")
        for sample in dataset
        if not isinstance(sample, PageSample)
    ]
    for page, stem in zip(dataset.pages, file_stems(dataset.pages)):
        problems += [
            Problem("line without a place", page.source, line.text, skipped="line")
            for line in page.lines
            if line.line is None
        ]
        picture = place_picture(page.image, folder, stem)
        sheet = Sheet(page, picture.name)
        write_whole(folder / f"{stem}{suffix}", partial(write, sheet))
    return tuple(problems)
