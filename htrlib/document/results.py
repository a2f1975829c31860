"""Types passed between stages, and results with their JSON form.

``docs/data-formats.md`` documents the JSON form. The command line, the server and the client share
it; `SCHEMA_VERSION` is incremented when older readers can no longer read it.
"""

from __future__ import annotations

import importlib
import math
import os
from dataclasses import dataclass, replace
from typing import Any, Dict, Iterable, Optional, Sequence, Tuple, Union

import numpy as np
from numpy.typing import NDArray

from htrlib.document.charset import Charset
from htrlib.document.geometry import (
    Box,
    LineStrip,
    Point,
    Polygon,
    Size,
    check_finite,
    quarter_turned,
    turns_upright,
)
from htrlib.document.kinds import HANDWRITTEN as HANDWRITTEN
from htrlib.document.kinds import KINDS as KINDS
from htrlib.document.kinds import PRINTED as PRINTED
from htrlib.document.kinds import TYPEWRITTEN as TYPEWRITTEN

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class TextLine:
    """One line of text on a page.

    Attributes:
        box: box of the line, in page pixels.
        polygon: its outline, if known.
        baseline: points in reading direction, if known: from left to right, or up or down the page
            for a line at a right angle to it. None, and no empty tuple, if unknown.
        confidence: probability that this is a text line, between 0 and 1.
        id: unique within the page; empty until the page has been read.
        kind: one of `KINDS`, or None if unknown.
    Raises:
        ValueError: the kind is none of these, the confidence is no number, or the baseline has no
            points, or points that are no numbers.
    """

    box: Box
    polygon: Optional[Polygon] = None
    baseline: Optional[Tuple[Point, ...]] = None
    confidence: float = 1.0
    id: str = ""
    kind: Optional[str] = None

    def __post_init__(self) -> None:
        if self.kind is not None and self.kind not in KINDS:
            raise ValueError(
                f"the kind of a line is {', '.join(KINDS)} or None, found {self.kind!r}"
            )
        if not math.isfinite(self.confidence):
            raise ValueError(f"the confidence of a line is a number, found {self.confidence}")
        if self.baseline is None:
            return
        if not self.baseline:
            raise ValueError("a baseline has no points; for a line without one, pass None")
        check_finite(self.baseline)

    @property
    def quarter_turns(self) -> int:
        """Counterclockwise turns by 90 degrees that set the line upright.

        1 for a baseline that runs down the page, 3 for one that runs up, or else 0.
        """
        return 0 if self.baseline is None else turns_upright(self.baseline)

    @property
    def is_upside_down(self) -> bool:
        """Whether the baseline runs along the page from right to left."""
        baseline = self.baseline
        return baseline is not None and not self.quarter_turns and baseline[-1][0] < baseline[0][0]

    def turned(self, quarter_turns: int) -> TextLine:
        """Return the line turned about the page's origin, counterclockwise by 90 degrees each."""
        if not quarter_turns % 4:
            return self
        polygon, baseline = self.polygon, self.baseline

        def turn(points: Iterable[Point]) -> Tuple[Point, ...]:
            return tuple(quarter_turned(point, quarter_turns) for point in points)

        return replace(
            self,
            box=self.box.turned(quarter_turns),
            polygon=None if polygon is None else Polygon(turn(polygon.points)),
            baseline=None if baseline is None else turn(baseline),
        )


@dataclass(frozen=True, eq=False)
class LogProbs:
    """Character probabilities of one line.

    Attributes:
        values: (T, C) float32 natural-log probabilities, C = len(charset) + 1, blank last.
        charset: the symbols of the first C - 1 columns.
        strip: position of the T frames on the page, or None if unknown.
        again: the same line recognized a second time, from a closer picture, if it is doubtful.
    """

    values: NDArray[np.float32]
    charset: Charset
    strip: Optional[LineStrip] = None
    again: Optional[LogProbs] = None

    def __repr__(self) -> str:
        frames, classes = self.values.shape
        return f"LogProbs({frames} frames, {classes} classes)"

    def frame_box(self, start: int, end: int) -> Optional[Box]:
        """Return the page box of frames start to end (exclusive), or None without a strip."""
        if self.strip is None:
            return None
        frames = len(self.values)
        return self.strip.box(start / frames, end / frames)


@dataclass(frozen=True)
class Word:
    """One word (or, on request, one character) of a transcription.

    Attributes:
        text: without white space.
        confidence: probability that the word is correct, between 0 and 1.
        start_frame: first frame of the word.
        end_frame: the frame after the last one of the word.
        box: box in page pixels, or None if the position on the page is unknown.
    """

    text: str
    confidence: float
    start_frame: int
    end_frame: int
    box: Optional[Box] = None


@dataclass(frozen=True)
class Transcription:
    """The text of one line.

    Attributes:
        text: the best hypothesis, stripped of white space.
        log_prob: natural log of its probability (with method "greedy", of its best path).
        confidence: probability that the line is correct, between 0 and 1.
        words: the words of `text` in order.
        characters: the characters of `text` except white space, if requested.
        alternatives: (text, natural-log probability) of the next best hypotheses, if requested.
    """

    text: str
    log_prob: float
    confidence: float
    words: Tuple[Word, ...] = ()
    characters: Tuple[Word, ...] = ()
    alternatives: Tuple[Tuple[str, float], ...] = ()


@dataclass(frozen=True)
class LineResult:
    """A text line and its transcription."""

    line: TextLine
    transcription: Transcription

    def __repr__(self) -> str:
        return f"LineResult({self.text!r}, {self.line.box})"

    @property
    def text(self) -> str:
        return self.transcription.text

    @property
    def id(self) -> str:
        """Unique within the page."""
        return self.line.id

    @property
    def kind(self) -> Optional[str]:
        """One of `KINDS`, or None if unknown."""
        return self.line.kind


class _Saved:
    """A result that can be written to a file."""

    def save(
        self,
        path: Union[str, os.PathLike[str]],
        format: Optional[str] = None,
        source: Any = None,
    ) -> None:
        """Write the result to a file, as :func:`htrlib.save` does."""
        # By name: formats are a higher layer, and are only needed for saving.
        importlib.import_module("htrlib.formats.saving").save(self, path, format, source)


@dataclass(frozen=True)
class PageResult(_Saved):
    """The text of a page and its position.

    Attributes:
        size: of the page as :func:`htrlib.load_image` returns it.
        paragraph: the box of the handwriting, or None if there is none.
        lines: lines in reading order.
        bundle: name and version of the bundle that read the page, if any.
        source: file name of the page, if it came from a file.
        warnings: reasons to doubt the result, one sentence each.
        number: number of the page in its file, from 1; None if the file has only this page.
    """

    size: Size
    paragraph: Optional[Box] = None
    lines: Tuple[LineResult, ...] = ()
    bundle: Optional[str] = None
    source: Optional[str] = None
    warnings: Tuple[str, ...] = ()
    number: Optional[int] = None

    @property
    def pages(self) -> Tuple[PageResult, ...]:
        """A tuple of this page, so that pages can be treated like documents."""
        return (self,)

    def __repr__(self) -> str:
        """Return a summary: a page has thousands of numbers."""
        source = "" if self.source is None else f"{self.source!r}, "
        return f"PageResult({source}{self.size}, {len(self.lines)} lines, {_start(self.text)})"

    @property
    def text(self) -> str:
        """The text, one row per line."""
        return "\n".join(line.text for line in self.lines)

    @property
    def confidence(self) -> Optional[float]:
        """Expected fraction of correct words on the page; None without words."""
        words = [word for line in self.lines for word in line.transcription.words]
        return sum(word.confidence for word in words) / len(words) if words else None

    def to_dict(self) -> Dict[str, Any]:
        """Convert the result to its JSON form."""
        return {
            "schema_version": SCHEMA_VERSION,
            "source": self.source,
            "bundle": self.bundle,
            "width": self.size.width,
            "height": self.size.height,
            "text": self.text,
            "confidence": self.confidence,
            "paragraph": None if self.paragraph is None else list(self.paragraph.as_tuple()),
            "lines": [_line_to_dict(line) for line in self.lines],
            "warnings": list(self.warnings),
            "number": self.number,
        }

    @classmethod
    def from_dict(cls, data: Dict[str, Any]) -> PageResult:
        """Create a result from its JSON form.

        Raises:
            ValueError: a key is missing, or the schema is newer than this library.
        """
        version = data.get("schema_version")
        if version != SCHEMA_VERSION:
            raise ValueError(
                f"this htrlib reads page results of schema version {SCHEMA_VERSION}, found "
                f"{version!r}; use the htrlib version that wrote it"
            )
        try:
            return cls(
                size=Size(int(data["width"]), int(data["height"])),
                paragraph=_box(data["paragraph"]),
                lines=tuple(_line_from_dict(line) for line in data["lines"]),
                bundle=data.get("bundle"),
                source=data.get("source"),
                warnings=tuple(data.get("warnings", ())),
                number=data.get("number"),
            )
        except KeyError as error:
            raise ValueError(f"the page result has no key {error}") from None


@dataclass(frozen=True)
class DocumentResult(_Saved):
    """The pages of a multi-page file.

    Attributes:
        pages: those that could be read, in order; each has its `number`. Pages that a pipeline
            read are kept compressed and unpacked on access.
        source: name of the file, if the pages came from one.
        errors: why each of the other pages could not be read; each message names its page.
    """

    pages: Sequence[PageResult] = ()
    source: Optional[str] = None
    errors: Tuple[str, ...] = ()

    def __repr__(self) -> str:
        source = "" if self.source is None else f"{self.source!r}, "
        return f"DocumentResult({source}{len(self.pages)} pages, {_start(self.text)})"

    @property
    def text(self) -> str:
        """The pages' texts, separated by form feeds."""
        return "\f".join(page.text for page in self.pages)

    def to_dict(self) -> Dict[str, Any]:
        """Convert the result to its JSON form, a list of pages."""
        return {
            "schema_version": SCHEMA_VERSION,
            "source": self.source,
            "pages": [page.to_dict() for page in self.pages],
            "errors": list(self.errors),
        }

    @classmethod
    def from_dict(cls, data: Dict[str, Any]) -> DocumentResult:
        """Create a result from its JSON form.

        Raises:
            ValueError: a key is missing, or the schema is newer than this library.
        """
        if "pages" not in data:
            raise ValueError("the document result has no key 'pages'")
        return cls(
            pages=tuple(PageResult.from_dict(page) for page in data["pages"]),
            source=data.get("source"),
            errors=tuple(data.get("errors", ())),
        )


def _start(text: str) -> str:
    """Return the beginning of a text, for a repr."""
    return repr(text if len(text) <= 40 else f"{text[:40]}...")


def _box(value: Any) -> Optional[Box]:
    return None if value is None else Box(*(float(edge) for edge in value))


def _points(value: Any) -> Tuple[Point, ...]:
    return tuple((float(x), float(y)) for x, y in value)


def _line_to_dict(result: LineResult) -> Dict[str, Any]:
    line, transcription = result.line, result.transcription
    return {
        "id": line.id,
        "kind": line.kind,
        "text": transcription.text,
        "confidence": transcription.confidence,
        "log_prob": transcription.log_prob,
        "box": list(line.box.as_tuple()),
        "polygon": None if line.polygon is None else [list(p) for p in line.polygon.points],
        "baseline": None if line.baseline is None else [list(p) for p in line.baseline],
        "line_confidence": line.confidence,
        "words": [_word_to_dict(word) for word in transcription.words],
        "characters": [_word_to_dict(word) for word in transcription.characters],
        "alternatives": [list(alternative) for alternative in transcription.alternatives],
    }


def _line_from_dict(data: Dict[str, Any]) -> LineResult:
    polygon, baseline, box = data["polygon"], data["baseline"], _box(data["box"])
    if box is None:
        raise ValueError("the box of a line is null")
    return LineResult(
        TextLine(
            box=box,
            polygon=None if polygon is None else Polygon(_points(polygon)),
            baseline=None if baseline is None else _points(baseline),
            confidence=float(data["line_confidence"]),
            id=str(data.get("id", "")),
            kind=data.get("kind"),
        ),
        Transcription(
            text=data["text"],
            log_prob=float(data["log_prob"]),
            confidence=float(data["confidence"]),
            words=tuple(_word_from_dict(word) for word in data["words"]),
            characters=tuple(_word_from_dict(word) for word in data["characters"]),
            alternatives=tuple((text, float(p)) for text, p in data["alternatives"]),
        ),
    )


def _word_to_dict(word: Word) -> Dict[str, Any]:
    return {
        "text": word.text,
        "confidence": word.confidence,
        "frames": [word.start_frame, word.end_frame],
        "box": None if word.box is None else list(word.box.as_tuple()),
    }


def _word_from_dict(data: Dict[str, Any]) -> Word:
    start, end = data["frames"]
    return Word(data["text"], float(data["confidence"]), int(start), int(end), _box(data["box"]))
