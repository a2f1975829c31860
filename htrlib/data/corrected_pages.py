"""Pages and lines that a person may correct, made from results or from labels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Optional, Set, Tuple

from htrlib.data.label_text import clean_text
from htrlib.data.samples import LabeledLine, LabeledWord, PageSample, Picture
from htrlib.document.geometry import Size, union_of
from htrlib.document.results import PageResult, TextLine, Word
from htrlib.errors import CorrectionError


@dataclass(frozen=True)
class CorrectedLine:
    """A line that a person may correct.

    Attributes:
        id: id of the line, unique within its page.
        text: Unicode form NFC, white space folded; may be empty.
        place: position and kind of the line, or None if unknown.
        words: words of the text whose boxes or confidences are known.
        alternatives: other readings of the line, the most probable first.
        confidence: probability that the reading is correct, 0 to 1; None for a text that a person
            wrote.
        confirmed: True if a person confirmed the text.
        region: id of the text region that contains the line; empty for the page's first.
        tags: tags from the annotation.
    """

    id: str
    text: str
    place: Optional[TextLine] = None
    words: Tuple[Word, ...] = ()
    alternatives: Tuple[str, ...] = ()
    confidence: Optional[float] = None
    confirmed: bool = False
    region: str = ""
    tags: Tuple[str, ...] = ()

    def labeled(self) -> LabeledLine:
        """Return the line as ground truth."""
        read = self.confidence is not None
        words = tuple(
            LabeledWord(word.text, word.box, word.confidence if read else None)
            for word in self.words
            if word.box is not None
        )
        return LabeledLine(self.text, self.place, words, self.tags, self.id, self.confidence)


@dataclass(frozen=True)
class CorrectedPage:
    """A page that a person may correct.

    Attributes:
        size: size of the page as :func:`htrlib.load_image` returns it.
        lines: lines in reading order, with unique ids.
        done: True if a person marked the page as done.
    """

    size: Size
    lines: Tuple[CorrectedLine, ...] = ()
    done: bool = False

    @classmethod
    def of_result(cls, result: PageResult) -> CorrectedPage:
        """Create a page to correct from a result."""
        lines = []
        for number, read in enumerate(result.lines, start=1):
            name = read.id or f"line-{number}"
            transcription = read.transcription
            lines.append(
                CorrectedLine(
                    name,
                    clean_text(transcription.text),
                    replace(read.line, id=name),
                    transcription.words,
                    tuple(text for text, _ in transcription.alternatives),
                    transcription.confidence,
                )
            )
        return cls(result.size, tuple(lines))

    @classmethod
    def of_sample(cls, sample: PageSample) -> CorrectedPage:
        """Create a page to correct from a labeled page; lines with a text count as confirmed."""
        lines = []
        taken = {line.id for line in sample.lines}
        for number, line in enumerate(sample.lines, start=1):
            name = line.id or _free(f"line-{number}", taken)
            taken.add(name)
            words = tuple(
                Word(w.text, 1.0 if w.confidence is None else w.confidence, 0, 0, w.box)
                for w in line.words
            )
            place = None if line.line is None else replace(line.line, id=name)
            lines.append(
                CorrectedLine(
                    name,
                    line.text,
                    place,
                    words,
                    confidence=line.confidence,
                    confirmed=bool(line.text),
                    tags=line.tags,
                )
            )
        return cls(sample.size, tuple(lines))

    def sample(self, image: Picture, source: str, *, split: Optional[str] = None) -> PageSample:
        """Return the page as ground truth, with all of its lines."""
        boxes = [line.place.box for line in self.lines if line.place is not None]
        return PageSample(
            image,
            self.size,
            source,
            tuple(line.labeled() for line in self.lines),
            union_of(boxes) if boxes else None,
            split=split,
        )

    def position(self, name: str) -> int:
        """Return the index of a line in reading order.

        Raises:
            CorrectionError: the page does not have this line.
        """
        for index, line in enumerate(self.lines):
            if line.id == name:
                return index
        raise CorrectionError(
            f"the page has no line {name!r}; it may have been deleted or merged meanwhile: "
            "load the page again"
        )

    def line(self, name: str) -> CorrectedLine:
        """Return a line by its id. Raises what `position` raises."""
        return self.lines[self.position(name)]


def _free(name: str, taken: Set[str]) -> str:
    while name in taken:
        name += "x"
    return name
