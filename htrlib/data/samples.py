"""Labeled pages and lines, and the datasets they make.

Every adapter gives a :class:`Dataset`: annotations in memory, pictures on disk until a sample is
asked for its own with ``sample.load_image()``.
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
    """A word and where it stands on the page.

    Attributes:
        text: without white space.
        box: in page pixels.
        confidence: probability that the word is right where a program read it, else None.
    """

    text: str
    box: Box
    confidence: Optional[float] = None


@dataclass(frozen=True)
class LabeledLine:
    """One line of a page's ground truth.

    Attributes:
        text: Unicode form NFC, white space folded; empty where only the place is known.
        line: where it lies and its kind, or None where the annotation does not say.
        words: those whose box is known, in reading order; their texts may be empty too.
        tags: what the annotation says about the line, "consent" for one.
        id: the annotation's name for the line, empty where it has none.
        confidence: probability that the text is right where a program read it, else None.
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
        image: the page's picture, or the line's own.
        text: Unicode form NFC, white space folded, never empty.
        line: where the line lies on the picture; None where it fills the picture.
        source: what messages call the sample; unique in a dataset.
        page: source of the page that the line stands on; lines of one page stay together in splits.
        writer: who wrote it, where known.
        split: the split the annotation puts it in, where it says so.
        tags: what the annotation says about the line.
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
        """(H, W) uint8 picture that `line` speaks of.

        Raises:
            ImageError: the file cannot be read.
        """
        return _load(self.image)


@dataclass(frozen=True)
class PageSample:
    """A page and its ground truth.

    Attributes:
        image: the page's picture.
        size: of the picture as :func:`htrlib.load_image` gives it.
        source: what messages call the page; unique in a dataset.
        lines: in reading order.
        paragraph: the box of the handwriting; None where no line's place is known.
        writer: who wrote it, where known.
        split: the split the annotation puts it in, where it says so.
    """

    image: Picture
    size: Size
    source: str
    lines: Tuple[LabeledLine, ...] = ()
    paragraph: Optional[Box] = None
    writer: Optional[str] = None
    split: Optional[str] = None

    @property
    def text(self) -> str:
        """One row per written line."""
        return "\n".join(line.text for line in self.lines if line.text)

    @property
    def words(self) -> Tuple[LabeledWord, ...]:
        """The words with a known box, in reading order."""
        return tuple(word for line in self.lines for word in line.words)

    def line_samples(self) -> Iterator[LineSample]:
        """The lines whose place and text are known."""
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
        """(H, W) uint8 picture of the page.

        Raises:
            ImageError: the file cannot be read.
        """
        return _load(self.image)


Sample = Union[PageSample, LineSample]


@dataclass(frozen=True)
class Problem:
    """Something wrong in the data that was worked around.

    Attributes:
        reason: a short constant text, the same for all problems of a kind.
        source: the page or line it is about.
        detail: what was found and expected there.
        skipped: "page" or "line" where that much was left out, empty where nothing was.
    """

    reason: str
    source: str
    detail: str = ""
    skipped: str = ""

    def __str__(self) -> str:
        detail = f" ({self.detail})" if self.detail else ""
        return f"{self.source}: {self.reason}{detail}"


@dataclass(frozen=True)
class Report:
    """A summary of a dataset, and of samples that were skipped or repaired, with reasons.

    Attributes:
        pages: page samples.
        lines: on pages and alone.
        lines_without_place: those of pages whose box is not known.
        lines_without_text: those of pages whose text is not known.
        words: pieces of text between white space.
        characters: of all lines' texts, white space included.
        counts: character -> occurrences, most frequent first.
        writers: different known writers.
        problems: every one, in the order met.
    """

    pages: int
    lines: int
    lines_without_place: int
    lines_without_text: int
    words: int
    characters: int
    counts: Dict[str, int]
    writers: int
    problems: Tuple[Problem, ...]

    @property
    def charset(self) -> Charset:
        """All characters of the texts.

        Raises:
            CharsetError: there is no text.
        """
        return Charset.from_text("".join(self.counts))

    @property
    def skipped(self) -> Dict[str, int]:
        """Reason -> pages and lines that were left out for it."""
        return dict(Counter(p.reason for p in self.problems if p.skipped))

    @property
    def mended(self) -> Dict[str, int]:
        """Reason -> pages and lines that were kept in spite of it."""
        return dict(Counter(p.reason for p in self.problems if not p.skipped))

    def __str__(self) -> str:
        rows = [
            f"pages {self.pages}, lines {self.lines} ({self.lines_without_place} without a place, "
            f"{self.lines_without_text} without text), "
            f"words {self.words}, characters {self.characters}, writers {self.writers}",
            f"charset ({len(self.counts)}): {''.join(sorted(self.counts))}",
        ]
        rows += [f"left out, {reason}: {count}" for reason, count in self.skipped.items()]
        rows += [f"kept, {reason}: {count}" for reason, count in self.mended.items()]
        return "\n".join(rows)


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
        """A sample, or the dataset of a slice."""
        if isinstance(index, slice):
            return replace(self, samples=self.samples[index])
        return self.samples[index]

    def __add__(self, other: Dataset) -> Dataset:
        """Both, one after the other."""
        return Dataset(self.samples + other.samples, self.problems + other.problems)

    @property
    def pages(self) -> Tuple[PageSample, ...]:
        """The pages."""
        return tuple(sample for sample in self.samples if isinstance(sample, PageSample))

    @property
    def lines(self) -> Tuple[LineSample, ...]:
        """The lines that a recognizer can learn from: place and text known, or single ones."""
        found: List[LineSample] = []
        for sample in self.samples:
            if isinstance(sample, PageSample):
                found.extend(sample.line_samples())
            else:
                found.append(sample)
        return tuple(found)

    def filter(self, keep: Callable[[Sample], bool]) -> Dataset:
        """The samples for which `keep` is true."""
        return replace(self, samples=tuple(sample for sample in self.samples if keep(sample)))

    def filter_lines(
        self, keep: Callable[[Union[LabeledLine, LineSample]], bool], reason: str
    ) -> Dataset:
        """All samples, without the lines for which `keep` is false.

        Pages stay, with fewer lines, unless they lose all: these are no pages without writing. What
        is left out is a problem of the result, each line with `reason`.
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
            for line in sample.lines:
                if keep(line):
                    lines.append(line)
                else:
                    problems.append(Problem(reason, sample.source, line.text, skipped="line"))
            if sample.lines and not lines:
                lost = "page that lost all its lines"
                problems.append(Problem(lost, sample.source, reason, skipped="page"))
                continue
            samples.append(replace(sample, lines=tuple(lines)))
        return Dataset(tuple(samples), tuple(problems))

    def of_kinds(self, kinds: Optional[str]) -> Dataset:
        """All samples, without the lines of other kinds; those whose kind is not known stay.

        Args:
            kinds: some of `htrlib.document.kinds.KINDS`, commas between; None keeps all lines.
        Raises:
            ConfigError: there is no such kind.
        """
        if kinds is None:
            return self
        wanted = {kind.strip() for kind in kinds.split(",")}
        if not wanted <= set(KINDS):
            raise ConfigError(f"kinds are {', '.join(KINDS)}; found {kinds!r}")
        return self.filter_lines(
            lambda line: line.line is None or line.line.kind in (None, *wanted),
            "line of another kind",
        )

    def within(self, charset: Charset) -> Dataset:
        """All samples, without the lines that hold a character outside the charset."""
        return self.filter_lines(
            lambda line: not charset.unknown(line.text), "characters outside the charset"
        )

    def split(self, fraction: float, *, by: str = "page", seed: int = 0) -> Tuple[Dataset, Dataset]:
        """Two datasets at random, about `fraction` of the samples in the first.

        Args:
            fraction: between 0 and 1; each dataset has one page, or writer, at least.
            by: "page" keeps the lines of a page together, "writer" the pages of a writer.
            seed: the same seed gives the same datasets.
        Returns:
            Both in the order of this dataset; the problems go with the first.
        Raises:
            ConfigError: `fraction` or `by` is none of these.
            DatasetError: a sample has no writer, or all are of one page or writer.
        """
        if not 0 < fraction < 1:
            raise ConfigError(f"a fraction lies between 0 and 1, found {fraction}")
        keys = [self._group(sample, by) for sample in self.samples]
        first = groups_of_first(Counter(keys), fraction, by, seed)
        inside = tuple(s for s, key in zip(self.samples, keys) if key in first)
        outside = tuple(s for s, key in zip(self.samples, keys) if key not in first)
        return Dataset(inside, self.problems), Dataset(outside)

    def report(self) -> Report:
        """Counts, charset and problems."""
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
    def _group(sample: Sample, by: str) -> str:
        if by == "page":
            page = sample.page if isinstance(sample, LineSample) else None
            return page or sample.source
        if by != "writer":
            raise ConfigError(f'a dataset is split by "page" or "writer", found {by!r}')
        if sample.writer is None:
            raise DatasetError(f'{sample.source} has no writer; split by "page"')
        return sample.writer


def concatenate(datasets: Iterable[Dataset]) -> Dataset:
    """All samples and problems, one dataset after the other."""
    return sum(datasets, Dataset())


def _load(image: Picture) -> NDArray[np.uint8]:
    return load_image(image) if isinstance(image, Path) else image()
