"""Corrections of a page: edits of its lines, each with the edit that undoes it.

>>> page = CorrectedPage(Size(100, 50), (CorrectedLine("a", "helo"),))
>>> mended, undo = correct(page, SetText("a", "hello"))
>>> mended.lines[0].text, mended.lines[0].confirmed
('hello', True)
>>> correct(mended, undo)[0] == page
True
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Callable, Optional, Protocol, Sequence, Set, Tuple

from htrlib.data.label_text import clean_text
from htrlib.data.outline_cuts import cut_place, joined_place, on_page
from htrlib.data.samples import LabeledLine, LabeledWord, PageSample, Picture
from htrlib.data.word_correction import corrected_words, cut_column, words_around
from htrlib.document.geometry import Size, union_of
from htrlib.document.results import KINDS, PageResult, TextLine, Word
from htrlib.errors import CorrectionError


@dataclass(frozen=True)
class CorrectedLine:
    """A line that a person may correct.

    Attributes:
        id: names the line within its page.
        text: Unicode form NFC, white space folded; may be empty.
        place: where the line lies and its kind, or None where that is not known.
        words: of the text, where their boxes or confidences are known.
        alternatives: other readings of the line, the most probable first.
        confidence: of the reading, between 0 and 1; None for a text that a person wrote.
        confirmed: a person says that the text is right.
        region: names the text region that the line belongs to; empty for the page's first.
        tags: what the annotation says about the line.
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
        """The line as ground truth."""
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
        size: of the page as :func:`htrlib.load_image` gives it.
        lines: in reading order, each with an id of its own.
        done: a person says that nothing is left to correct.
    """

    size: Size
    lines: Tuple[CorrectedLine, ...] = ()
    done: bool = False

    @classmethod
    def of_result(cls, result: PageResult) -> CorrectedPage:
        """Start correcting a result."""
        lines = []
        for number, read in enumerate(result.lines, start=1):
            name = read.id or f"line-{number}"
            said = read.transcription
            lines.append(
                CorrectedLine(
                    name,
                    clean_text(said.text),
                    replace(read.line, id=name),
                    said.words,
                    tuple(text for text, _ in said.alternatives),
                    said.confidence,
                )
            )
        return cls(result.size, tuple(lines))

    @classmethod
    def of_sample(cls, sample: PageSample) -> CorrectedPage:
        """A labeled page, to be corrected; its lines count as confirmed where they have a text."""
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
        """The page as ground truth, with all of its lines."""
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
        """The place of a line in the reading order.

        Raises:
            CorrectionError: the page has no such line.
        """
        for index, line in enumerate(self.lines):
            if line.id == name:
                return index
        raise CorrectionError(
            f"the page has no line {name!r}; it may have been deleted or merged meanwhile: "
            "load the page again"
        )

    def line(self, name: str) -> CorrectedLine:
        """A line by its id; raises as `position`."""
        return self.lines[self.position(name)]


@dataclass(frozen=True)
class Splice:
    """The effect of an edit, and of undoing it: lines removed and lines added.

    Attributes:
        remove: ids of the lines that go.
        insert: (position in the page that results, line), positions ascending.
        done: the page's new mark, or None to leave it.
    """

    remove: Tuple[str, ...] = ()
    insert: Tuple[Tuple[int, CorrectedLine], ...] = ()
    done: Optional[bool] = None

    def splice(self, page: CorrectedPage) -> Splice:
        """The edit itself."""
        return self


class Edit(Protocol):
    """A change that a person makes to a page."""

    def splice(self, page: CorrectedPage) -> Splice:
        """The lines that go and come.

        Raises:
            CorrectionError: the page has no such line, or the change makes no sense there.
        """
        ...


def correct(page: CorrectedPage, edit: Edit) -> Tuple[CorrectedPage, Splice]:
    """The page after an edit, and the edit that undoes it. All other lines stay as they are.

    Raises:
        CorrectionError: the page has no such line, or the change makes no sense there.
    """
    change = edit.splice(page)
    gone = sorted((page.position(name), page.line(name)) for name in set(change.remove))
    lines = [line for line in page.lines if line.id not in set(change.remove)]
    for index, line in change.insert:
        if not 0 <= index <= len(lines):
            raise CorrectionError(f"a line goes to a place from 0 to {len(lines)}, found {index}")
        lines.insert(index, line)
    names = [line.id for line in lines]
    if len(set(names)) != len(names) or "" in names:
        raise CorrectionError("each line of a page has an id of its own")
    undo = Splice(
        tuple(line.id for _, line in change.insert),
        tuple(gone),
        None if change.done is None else page.done,
    )
    done = page.done if change.done is None else change.done
    return replace(page, lines=tuple(lines), done=done), undo


@dataclass(frozen=True)
class SetText:
    """Give a line a text; the line counts as confirmed unless the text is empty."""

    id: str
    text: str

    def splice(self, page: CorrectedPage) -> Splice:
        text = clean_text(self.text)

        def change(line: CorrectedLine) -> CorrectedLine:
            if text == line.text:
                return replace(line, confirmed=bool(text))
            words = corrected_words(line.words, text)
            return replace(
                line, text=text, words=words, alternatives=(), confidence=None, confirmed=bool(text)
            )

        return _replaced(page, self.id, change)


@dataclass(frozen=True)
class SetReading:
    """Give a line what was read of it anew; it waits for a person to confirm it."""

    id: str
    reading: CorrectedLine

    def splice(self, page: CorrectedPage) -> Splice:
        read = self.reading
        return _replaced(
            page,
            self.id,
            lambda line: replace(
                line,
                text=clean_text(read.text),
                words=read.words,
                alternatives=read.alternatives,
                confidence=read.confidence,
                confirmed=False,
            ),
        )


@dataclass(frozen=True)
class Confirm:
    """Say that a line's text is right, or take that back."""

    id: str
    confirmed: bool = True

    def splice(self, page: CorrectedPage) -> Splice:
        if self.confirmed and not page.line(self.id).text:
            raise CorrectionError("a line without text cannot be confirmed; type its text first")
        return _replaced(page, self.id, lambda line: replace(line, confirmed=self.confirmed))


@dataclass(frozen=True)
class SetKind:
    """Say how a line was written: one of `KINDS`, or None for unknown."""

    id: str
    kind: Optional[str]

    def splice(self, page: CorrectedPage) -> Splice:
        if self.kind is not None and self.kind not in KINDS:
            raise CorrectionError(f"a kind is one of {', '.join(KINDS)}; found {self.kind!r}")
        place = page.line(self.id).place
        if place is None:
            raise CorrectionError(f"line {self.id!r} has no place on the page, so it has no kind")
        new = replace(place, kind=self.kind)
        return _replaced(page, self.id, lambda line: replace(line, place=new))


@dataclass(frozen=True)
class Delete:
    """Take a line away."""

    id: str

    def splice(self, page: CorrectedPage) -> Splice:
        return Splice((page.line(self.id).id,))


@dataclass(frozen=True)
class Add:
    """Add a line, at a position of the reading order."""

    line: CorrectedLine
    index: int

    def splice(self, page: CorrectedPage) -> Splice:
        if self.line.place is None:
            raise CorrectionError("a new line needs a place: draw a box or a baseline")
        place = replace(on_page(self.line.place, page.size), id=self.line.id)
        index = min(max(self.index, 0), len(page.lines))
        line = replace(self.line, place=place, text=clean_text(self.line.text))
        return Splice((), ((index, _in_region(line, page.lines, index)),))


@dataclass(frozen=True)
class Move:
    """Give a line another outline; words lose their boxes, for those are of the old one."""

    id: str
    place: TextLine

    def splice(self, page: CorrectedPage) -> Splice:
        place = on_page(self.place, page.size)

        def change(line: CorrectedLine) -> CorrectedLine:
            kind = None if line.place is None else line.place.kind
            words = tuple(replace(word, box=None) for word in line.words)
            return replace(line, place=replace(place, id=line.id, kind=kind), words=words)

        return _replaced(page, self.id, change)


@dataclass(frozen=True)
class Reorder:
    """Put a line at another position of the reading order."""

    id: str
    index: int

    def splice(self, page: CorrectedPage) -> Splice:
        line = page.line(self.id)
        others = [other for other in page.lines if other.id != self.id]
        index = min(max(self.index, 0), len(others))
        return Splice((self.id,), ((index, _in_region(line, others, index)),))


@dataclass(frozen=True)
class Split:
    """Cut a line in two: its text before the character `at`, its place at the column `x`.

    Attributes:
        second: id of the right part; the left one keeps the line's.
        x: in page pixels; None takes the place between the words there, or the text's proportion.
    """

    id: str
    second: str
    at: int
    x: Optional[float] = None

    def splice(self, page: CorrectedPage) -> Splice:
        index, line = page.position(self.id), page.line(self.id)
        if not 0 <= self.at <= len(line.text):
            raise CorrectionError(
                f"a text of {len(line.text)} characters cannot be cut at {self.at}"
            )
        before, after = words_around(line.words, line.text, self.at)
        first, second = None, None
        if line.place is not None:
            x = (
                self.x
                if self.x is not None
                else cut_column(line.place.box, line.text, self.at, before, after)
            )
            first, second = cut_place(line.place, x)
            first, second = replace(first, id=self.id), replace(second, id=self.second)
        left = replace(
            line, text=line.text[: self.at].strip(), place=first, words=before, alternatives=()
        )
        right = replace(
            left, id=self.second, text=line.text[self.at :].strip(), place=second, words=after
        )
        halves = (
            replace(half, confirmed=half.confirmed and bool(half.text)) for half in (left, right)
        )
        return Splice((self.id,), tuple(zip((index, index + 1), halves)))


@dataclass(frozen=True)
class Merge:
    """Make one line of two, which takes the first one's id and position."""

    first: str
    second: str

    def splice(self, page: CorrectedPage) -> Splice:
        first, second = page.line(self.first), page.line(self.second)
        if first.id == second.id:
            raise CorrectionError("a line cannot be merged with itself; name two lines")
        place = first.place or second.place
        if first.place is not None and second.place is not None:
            place = joined_place(first.place, second.place)
        known = [part.confidence for part in (first, second) if part.confidence is not None]
        merged = replace(
            first,
            text=f"{first.text} {second.text}".strip(),
            place=None if place is None else replace(place, id=first.id),
            words=first.words + second.words,
            alternatives=(),
            confidence=min(known) if known else None,
            confirmed=first.confirmed and second.confirmed,
            tags=tuple(dict.fromkeys(first.tags + second.tags)),
        )
        index = page.position(self.first) - (page.position(self.second) < page.position(self.first))
        return Splice((first.id, second.id), ((index, merged),))


@dataclass(frozen=True)
class MarkDone:
    """Say that a page is done, which confirms all lines with a text, or take that back."""

    done: bool = True

    def splice(self, page: CorrectedPage) -> Splice:
        waiting = [
            (index, line)
            for index, line in enumerate(page.lines)
            if self.done and line.text and not line.confirmed
        ]
        return Splice(
            tuple(line.id for _, line in waiting),
            tuple((index, replace(line, confirmed=True)) for index, line in waiting),
            self.done,
        )


def _replaced(
    page: CorrectedPage, name: str, change: Callable[[CorrectedLine], CorrectedLine]
) -> Splice:
    index = page.position(name)
    return Splice((name,), ((index, change(page.lines[index])),))


def _in_region(line: CorrectedLine, others: Sequence[CorrectedLine], index: int) -> CorrectedLine:
    """The line in the region of the one before it, so that a region's lines stay together."""
    if not others:
        return line
    return replace(line, region=others[max(index - 1, 0)].region)


def _free(name: str, taken: Set[str]) -> str:
    while name in taken:
        name += "x"
    return name
