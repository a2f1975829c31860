"""Labeled pages and lines, and datasets of them.

Every adapter returns a :class:`Dataset`, which holds annotations in memory; pictures stay on disk
until ``sample.load_image()`` is called.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import (
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Optional,
    Sequence,
    Tuple,
    Union,
    overload,
)

import numpy as np
from numpy.typing import NDArray

from htrlib.data.problems import Problem, Report
from htrlib.data.splitting import groups_of_first
from htrlib.document.charset import Charset
from htrlib.document.geometry import Box, Size
from htrlib.document.results import KINDS, TextLine
from htrlib.errors import ConfigError, DatasetError
from htrlib.images.loading import load_image

Picture = Union[Path, Callable[[], NDArray[np.uint8]]]
"""A file, or a function that makes the (H, W) uint8 array."""


@dataclass(frozen=True)
class LabeledWord:
    """A word and its box on the page.

    Attributes:
        text: text without white space.
        box: box in page pixels.
        confidence: probability that the word is correct if a program read it, or else None.
    """

    text: str
    box: Box
    confidence: Optional[float] = None


@dataclass(frozen=True)
class LabeledLine:
    """One line of a page's ground truth.

    Attributes:
        text: Unicode form NFC, white space folded; empty if only the position is known.
        line: position and kind, or None if unknown.
        words: words with known boxes, in reading order; their texts may be empty.
        tags: tags from the annotation, such as "consent".
        id: id of the line in the annotation, or an empty string.
        confidence: probability that the text is correct if a program read it, or else None.
    """

    text: str
    line: Optional[TextLine] = None
    words: Tuple[LabeledWord, ...] = ()
    tags: Tuple[str, ...] = ()
    id: str = ""
    confidence: Optional[float] = None


@dataclass(frozen=True)
class LineSample:
    """A line of text and its picture, for a recognizer.

    Attributes:
        image: picture of the page or of the line.
        text: Unicode form NFC, white space folded, never empty.
        line: position of the line on the picture; None if it fills the picture.
        source: name of the sample in messages; unique in a dataset.
        page: source of the line's page; lines of one page stay together in splits.
        writer: name of the writer, or None if unknown.
        split: split according to the annotation, or None.
        tags: tags from the annotation.
    """

    image: Picture
    text: str
    source: str
    line: Optional[TextLine] = None
    page: Optional[str] = None
    writer: Optional[str] = None
    split: Optional[str] = None
    tags: Tuple[str, ...] = ()

    def load_image(self) -> NDArray[np.uint8]:
        """Load the picture that `line` refers to, (H, W) uint8.

        Raises:
            ImageError: the file cannot be read.
        """
        return _load(self.image)


@dataclass(frozen=True)
class PageSample:
    """A page and its ground truth.

    Attributes:
        image: picture of the page.
        size: size of the picture as :func:`htrlib.load_image` returns it.
        source: name of the page in messages; unique in a dataset.
        lines: lines in reading order.
        paragraph: box of the handwriting; None if no line has a known position.
        writer: name of the writer, or None if unknown.
        split: split according to the annotation, or None.
        masked: boxes of lines that were left out: what is read there is not evaluated.
        incomplete: whether lines were left out that may be of the wanted kind, so that networks
            that find lines cannot learn from the page.
    """

    image: Picture
    size: Size
    source: str
    lines: Tuple[LabeledLine, ...] = ()
    paragraph: Optional[Box] = None
    writer: Optional[str] = None
    split: Optional[str] = None
    masked: Tuple[Box, ...] = ()
    incomplete: bool = False

    @property
    def text(self) -> str:
        """Text of the page, one row per line with text."""
        return "\n".join(line.text for line in self.lines if line.text)

    @property
    def words(self) -> Tuple[LabeledWord, ...]:
        """Words with a known box, in reading order."""
        return tuple(word for line in self.lines for word in line.words)

    def line_samples(self) -> Iterator[LineSample]:
        """Return the lines with known position and text."""
        for index, line in enumerate(self.lines):
            if line.line is not None and line.text:
                yield LineSample(
                    image=self.image,
                    text=line.text,
                    source=f"{self.source}#{line.id or index}",
                    line=line.line,
                    page=self.source,
                    writer=self.writer,
                    split=self.split,
                    tags=line.tags,
                )

    def load_image(self) -> NDArray[np.uint8]:
        """Load the picture of the page, (H, W) uint8.

        Raises:
            ImageError: the file cannot be read.
        """
        return _load(self.image)


Sample = Union[PageSample, LineSample]


@dataclass(frozen=True)
class Dataset(Sequence[Sample]):
    """An immutable sequence of page samples, line samples, or both.

    >>> line = LineSample(Path("a.png"), "two words", source="a")
    >>> Dataset((line,)).report().words
    2
    """

    samples: Tuple[Sample, ...] = ()
    problems: Tuple[Problem, ...] = ()

    def __len__(self) -> int:
        return len(self.samples)

    @overload
    def __getitem__(self, index: int) -> Sample: ...

    @overload
    def __getitem__(self, index: slice) -> Dataset: ...

    def __getitem__(self, index: Union[int, slice]) -> Union[Sample, Dataset]:
        """Return a sample, or the dataset of a slice."""
        if isinstance(index, slice):
            return replace(self, samples=self.samples[index])
        return self.samples[index]

    def __add__(self, other: Dataset) -> Dataset:
        """Concatenate two datasets."""
        return Dataset(self.samples + other.samples, self.problems + other.problems)

    @property
    def pages(self) -> Tuple[PageSample, ...]:
        """Page samples."""
        return tuple(sample for sample in self.samples if isinstance(sample, PageSample))

    @property
    def lines(self) -> Tuple[LineSample, ...]:
        """Lines usable for training a recognizer: with position and text, or single lines."""
        found: List[LineSample] = []
        for sample in self.samples:
            if isinstance(sample, PageSample):
                found.extend(sample.line_samples())
            else:
                found.append(sample)
        return tuple(found)

    def filter(self, keep: Callable[[Sample], bool]) -> Dataset:
        """Return the samples for which `keep` returns true."""
        return replace(self, samples=tuple(sample for sample in self.samples if keep(sample)))

    def filter_lines(
        self, keep: Callable[[Union[LabeledLine, LineSample]], bool], reason: str
    ) -> Dataset:
        """Return all samples, without the lines for which `keep` returns false.

        Pages that lose all their lines are left out, since they do contain writing. Every line left
        out is a problem of the result, with `reason`.
        """
        samples: List[Sample] = []
        problems = list(self.problems)
        for sample in self.samples:
            if isinstance(sample, LineSample):
                if keep(sample):
                    samples.append(sample)
                else:
                    problems.append(Problem(reason, sample.source, sample.text, skipped="line"))
                continue
            lines = []
            masked = list(sample.masked)
            for line in sample.lines:
                if keep(line):
                    lines.append(line)
                    continue
                problems.append(Problem(reason, sample.source, line.text, skipped="line"))
                if line.line is not None:
                    masked.append(line.line.box)
            if sample.lines and not lines:
                lost = "page that lost all its lines"
                problems.append(Problem(lost, sample.source, reason, skipped="page"))
                continue
            samples.append(replace(sample, lines=tuple(lines), masked=tuple(masked)))
        return Dataset(tuple(samples), tuple(problems))

    def of_kinds(self, kinds: Optional[str]) -> Dataset:
        """Return all samples, without lines of other kinds; lines of unknown kind stay.

        Args:
            kinds: any of `htrlib.document.kinds.KINDS`, separated by commas; None keeps all lines.
        Raises:
            ConfigError: a kind does not exist.
        """
        if kinds is None:
            return self
        wanted = {kind.strip() for kind in kinds.split(",")}
        if not wanted <= set(KINDS):
            raise ConfigError(f"kinds must be among {', '.join(KINDS)}; found {kinds!r}")
        return self.filter_lines(
            lambda line: line.line is None or line.line.kind in (None, *wanted),
            "line of another kind",
        )

    def within(self, charset: Charset) -> Dataset:
        """Return all samples, without lines that contain a character outside the charset."""
        return self.filter_lines(
            lambda line: not charset.unknown(line.text), "characters outside the charset"
        )

    def split(self, fraction: float, *, by: str = "page", seed: int = 0) -> Tuple[Dataset, Dataset]:
        """Split at random into two datasets, with about `fraction` of the samples in the first.

        Args:
            fraction: between 0 and 1; each dataset gets at least one page or writer.
            by: "page" keeps the lines of a page together, "writer" the pages of a writer.
            seed: random seed.
        Returns:
            Both datasets, in the original order; the first one gets the problems.
        Raises:
            ConfigError: `fraction` or `by` is invalid.
            DatasetError: a sample has no writer, or there is only one page or writer.
        """
        if not 0 < fraction < 1:
            raise ConfigError(f"the fraction must be between 0 and 1, found {fraction}")
        pictures: Dict[Path, str] = {}
        keys = [self._group(sample, by, pictures) for sample in self.samples]
        first = groups_of_first(Counter(keys), fraction, by, seed)
        inside = tuple(s for s, key in zip(self.samples, keys) if key in first)
        outside = tuple(s for s, key in zip(self.samples, keys) if key not in first)
        return Dataset(inside, self.problems), Dataset(outside)

    def report(self) -> Report:
        """Summarize the dataset: counts, charset and problems."""
        lines = [line for page in self.pages for line in page.lines]
        texts = [line.text for line in lines]
        texts += [sample.text for sample in self.samples if isinstance(sample, LineSample)]
        counts = Counter("".join(texts))
        return Report(
            pages=len(self.pages),
            lines=len(texts),
            lines_without_place=sum(line.line is None for line in lines),
            lines_without_text=sum(not line.text for line in lines),
            words=sum(len(text.split()) for text in texts),
            characters=sum(counts.values()),
            counts=dict(counts.most_common()),
            writers=len({sample.writer for sample in self.samples} - {None}),
            problems=self.problems,
        )

    @staticmethod
    def _group(sample: Sample, by: str, pictures: Dict[Path, str]) -> str:
        """Return what a split keeps together.

        Args:
            pictures: picture -> the first page of it; several files may describe one.
        """
        if by == "page" and isinstance(sample, LineSample):
            return sample.page or sample.source
        if by == "page" and isinstance(sample.image, Path):
            return pictures.setdefault(sample.image, sample.source)
        if by == "page":
            return sample.source
        if by != "writer":
            raise ConfigError(f'by must be "page" or "writer", found {by!r}')
        if sample.writer is None:
            raise DatasetError(f'{sample.source} has no writer; split by "page"')
        return sample.writer


def concatenate(datasets: Iterable[Dataset]) -> Dataset:
    """Concatenate the samples and problems of several datasets."""
    return sum(datasets, Dataset())


def _load(image: Picture) -> NDArray[np.uint8]:
    return load_image(image) if isinstance(image, Path) else image()
