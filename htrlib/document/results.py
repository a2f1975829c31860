"""What the stages hand to each other, and the result with its JSON form.

The JSON form is documented in ``docs/data-formats.md``. It is the one schema of the command line,
the server and the client; `SCHEMA_VERSION` grows when a reader of the old form would break.
"""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass, field
from typing import Any, Dict, Optional, Tuple, Union

import numpy as np
from numpy.typing import NDArray

from htrlib.document.charset import Charset
from htrlib.document.geometry import Box, LineStrip, Point, Polygon, Size
from htrlib.document.kinds import HANDWRITTEN as HANDWRITTEN
from htrlib.document.kinds import KINDS as KINDS
from htrlib.document.kinds import PRINTED as PRINTED
from htrlib.document.kinds import TYPEWRITTEN as TYPEWRITTEN

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class TextLine:
    """One line of text on a page.

    Attributes:
        box: of the line.
        polygon: its outline, where it is known.
        baseline: from left to right, where it is known.
        confidence: probability that this is a line, between 0 and 1.
        id: names the line within its page; empty until the page has been read.
        kind: one of `KINDS`, or None where it is not known.
    """

    box: Box
    polygon: Optional[Polygon] = None
    baseline: Optional[Tuple[Point, ...]] = None
    confidence: float = 1.0
    id: str = ""
    kind: Optional[str] = None


@dataclass(frozen=True, eq=False)
class LogProbs:
    """What the recognizer says of one line.

    Attributes:
        values: (T, C) float32 natural-log probabilities, C = len(charset) + 1, blank last.
        charset: the symbols of the first C - 1 columns.
        strip: where the T frames lie on the page, or None where that is not known.
    """

    values: NDArray[np.float32]
    charset: Charset
    strip: Optional[LineStrip] = None

    def __repr__(self) -> str:
        frames, classes = self.values.shape
        return f"LogProbs({frames} frames, {classes} classes)"

    def frame_box(self, start: int, end: int) -> Optional[Box]:
        """The page box of frames start to end (exclusive), or None without a strip."""
        if self.strip is None:
            return None
        frames = len(self.values)
        return self.strip.box(start / frames, end / frames)


@dataclass(frozen=True)
class Word:
    """One word (or, on request, one character) of a transcription.

    Attributes:
        text: without white space.
        confidence: probability that the word is right, between 0 and 1.
        start_frame: first frame of the word.
        end_frame: frame after the last of the word.
        box: in page pixels, or None where the place on the page is not known.
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
        text: the best reading, without white space at its ends.
        log_prob: natural log of its probability (of its best path with method "greedy").
        confidence: probability that the line is right, between 0 and 1.
        words: the words of `text` in order.
        characters: the characters of `text` other than white space, where they were asked for.
        alternatives: (text, natural-log probability) of the next best readings, where asked for.
    """

    text: str
    log_prob: float
    confidence: float
    words: Tuple[Word, ...] = ()
    characters: Tuple[Word, ...] = ()
    alternatives: Tuple[Tuple[str, float], ...] = ()


@dataclass(frozen=True)
class LineResult:
    """A line and what it says."""

    line: TextLine
    transcription: Transcription

    def __repr__(self) -> str:
        return f"LineResult({self.text!r}, {self.line.box})"

    @property
    def text(self) -> str:
        return self.transcription.text

    @property
    def id(self) -> str:
        """Names the line within its page."""
        return self.line.id

    @property
    def kind(self) -> Optional[str]:
        """One of `KINDS`, or None where it is not known."""
        return self.line.kind


@dataclass(frozen=True)
class PageResult:
    """A page: where its handwriting is and what it says.

    Attributes:
        size: of the page as :func:`htrlib.load_image` gives it.
        paragraph: the box of the handwriting, or None where there is none.
        lines: in reading order.
        bundle: name and version of the bundle that read the page, where one did.
        source: file name of the page, where it came from a file.
        warnings: what makes the result doubtful, one sentence each.
        number: of the page in its file, from 1; None where the file holds this page alone.
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
        """This page alone, so that a page is taken as a document is."""
        return (self,)

    def __repr__(self) -> str:
        """Short, since a page has thousands of numbers."""
        source = "" if self.source is None else f"{self.source!r}, "
        return f"PageResult({source}{self.size}, {len(self.lines)} lines, {_start(self.text)})"

    @property
    def text(self) -> str:
        """One row per written line."""
        return "\n".join(line.text for line in self.lines)

    @property
    def confidence(self) -> Optional[float]:
        """The share of the page's words that is expected to be right; None without words."""
        words = [word for line in self.lines for word in line.transcription.words]
        return sum(word.confidence for word in words) / len(words) if words else None

    def save(
        self,
        path: Union[str, os.PathLike[str]],
        format: Optional[str] = None,
        source: Any = None,
    ) -> None:
        """Write the page into a file, as :func:`htrlib.save` does."""
        _save(self, path, format, source)

    def to_dict(self) -> Dict[str, Any]:
        """The JSON form."""
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
        """The result of its JSON form.

        Raises:
            ValueError: a key is missing, or the schema is newer than this library.
        """
        version = data.get("schema_version")
        if version != SCHEMA_VERSION:
            raise ValueError(
                f"this library reads page results of schema version {SCHEMA_VERSION}, found "
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
            raise ValueError(f"a page result has the key {error}, this one has not") from None


@dataclass(frozen=True)
class DocumentResult:
    """The pages of a file that holds several.

    Attributes:
        pages: those that could be read, in order; each has its `number`.
        source: name of the file, where it came from one.
        errors: why each of the other pages could not be read; each names its page.
    """

    pages: Tuple[PageResult, ...] = field(default=())
    source: Optional[str] = None
    errors: Tuple[str, ...] = ()

    def __repr__(self) -> str:
        source = "" if self.source is None else f"{self.source!r}, "
        return f"DocumentResult({source}{len(self.pages)} pages, {_start(self.text)})"

    @property
    def text(self) -> str:
        """The pages' texts, a form feed between two pages."""
        return "\f".join(page.text for page in self.pages)

    def save(
        self,
        path: Union[str, os.PathLike[str]],
        format: Optional[str] = None,
        source: Any = None,
    ) -> None:
        """Write the pages into a file, as :func:`htrlib.save` does."""
        _save(self, path, format, source)

    def to_dict(self) -> Dict[str, Any]:
        """The JSON form: the pages' forms in a list."""
        return {
            "schema_version": SCHEMA_VERSION,
            "source": self.source,
            "pages": [page.to_dict() for page in self.pages],
            "errors": list(self.errors),
        }

    @classmethod
    def from_dict(cls, data: Dict[str, Any]) -> DocumentResult:
        """The result of its JSON form.

        Raises:
            ValueError: a key is missing, or the schema is newer than this library.
        """
        if "pages" not in data:
            raise ValueError("a document result has the key 'pages', this one has not")
        return cls(
            pages=tuple(PageResult.from_dict(page) for page in data["pages"]),
            source=data.get("source"),
            errors=tuple(data.get("errors", ())),
        )


def _save(result: Any, *arguments: Any) -> None:
    # By name: formats lie above documents, and who saves no result needs none of them.
    importlib.import_module("htrlib.formats.saving").save(result, *arguments)


def _start(text: str) -> str:
    """How a text begins, for a repr."""
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
        raise ValueError("a line has a box, this one's is null")
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
