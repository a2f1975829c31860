"""Edit the lines of a page; each edit returns the one that undoes it.

>>> from htrlib.document.geometry import Size
>>> page = CorrectedPage(Size(100, 50), (CorrectedLine("a", "helo"),))
>>> mended, undo = correct(page, SetText("a", "hello"))
>>> mended.lines[0].text, mended.lines[0].confirmed
('hello', True)
>>> correct(mended, undo)[0] == page
True
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Callable, Optional, Protocol, Sequence, Tuple

from htrlib.data.corrected_pages import CorrectedLine as CorrectedLine
from htrlib.data.corrected_pages import CorrectedPage as CorrectedPage
from htrlib.data.label_text import clean_text
from htrlib.data.outline_cuts import cut_place, joined_place, on_page
from htrlib.data.word_correction import corrected_words, cut_column, words_around
from htrlib.document.results import KINDS, TextLine
from htrlib.errors import CorrectionError


@dataclass(frozen=True)
class Splice:
    """The effect of an edit or of undoing it: lines to remove and lines to insert.

    Attributes:
        remove: ids of the lines to remove.
        insert: (index in the resulting page, line), in ascending order.
        done: new value of the page's `done`, or None to keep it.
    """

    remove: Tuple[str, ...] = ()
    insert: Tuple[Tuple[int, CorrectedLine], ...] = ()
    done: Optional[bool] = None

    def splice(self, page: CorrectedPage) -> Splice:
        """Return this splice: it is its own effect."""
        return self


class Edit(Protocol):
    """A change that a person makes to a page."""

    def splice(self, page: CorrectedPage) -> Splice:
        """Return the lines that the edit removes and inserts.

        Raises:
            CorrectionError: the page does not have the line, or the edit does not apply to it.
        """
        ...


def correct(page: CorrectedPage, edit: Edit) -> Tuple[CorrectedPage, Splice]:
    """Return the page after an edit, and the edit that undoes it.

    Raises:
        CorrectionError: the page does not have the line, or the edit does not apply to it.
    """
    change = edit.splice(page)
    gone = sorted((page.position(name), page.line(name)) for name in set(change.remove))
    lines = [line for line in page.lines if line.id not in set(change.remove)]
    for index, line in change.insert:
        if not 0 <= index <= len(lines):
            raise CorrectionError(f"a line's index must be from 0 to {len(lines)}, found {index}")
        lines.insert(index, line)
    names = [line.id for line in lines]
    if len(set(names)) != len(names) or "" in names:
        raise CorrectionError("two lines of the page have the same id; give each line its own id")
    undo = Splice(
        tuple(line.id for _, line in change.insert),
        tuple(gone),
        None if change.done is None else page.done,
    )
    done = page.done if change.done is None else change.done
    return replace(page, lines=tuple(lines), done=done), undo


@dataclass(frozen=True)
class SetText:
    """Set a line's text; the line counts as confirmed unless the text is empty."""

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
    """Replace a line's reading by a new one, which is unconfirmed."""

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
    """Confirm a line's text, or withdraw the confirmation."""

    id: str
    confirmed: bool = True

    def splice(self, page: CorrectedPage) -> Splice:
        if self.confirmed and not page.line(self.id).text:
            raise CorrectionError("a line without text cannot be confirmed; type its text first")
        return _replaced(page, self.id, lambda line: replace(line, confirmed=self.confirmed))


@dataclass(frozen=True)
class SetKind:
    """Set the kind of a line: one of `KINDS`, or None for unknown."""

    id: str
    kind: Optional[str]

    def splice(self, page: CorrectedPage) -> Splice:
        if self.kind is not None and self.kind not in KINDS:
            raise CorrectionError(f"kind must be one of {', '.join(KINDS)}; found {self.kind!r}")
        place = page.line(self.id).place
        if place is None:
            raise CorrectionError(
                f"line {self.id!r} has no position, so it cannot have a kind; draw its box first"
            )
        new = replace(place, kind=self.kind)
        return _replaced(page, self.id, lambda line: replace(line, place=new))


@dataclass(frozen=True)
class Delete:
    """Delete a line."""

    id: str

    def splice(self, page: CorrectedPage) -> Splice:
        return Splice((page.line(self.id).id,))


@dataclass(frozen=True)
class Add:
    """Add a line at an index in reading order."""

    line: CorrectedLine
    index: int

    def splice(self, page: CorrectedPage) -> Splice:
        if self.line.place is None:
            raise CorrectionError("a new line needs a position: draw a box or a baseline")
        place = replace(on_page(self.line.place, page.size), id=self.line.id)
        index = min(max(self.index, 0), len(page.lines))
        line = replace(self.line, place=place, text=clean_text(self.line.text))
        return Splice((), ((index, _in_region(line, page.lines, index)),))


@dataclass(frozen=True)
class Move:
    """Change a line's outline; its words lose their boxes, which belong to the old outline."""

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
    """Move a line to another index in reading order."""

    id: str
    index: int

    def splice(self, page: CorrectedPage) -> Splice:
        line = page.line(self.id)
        others = [other for other in page.lines if other.id != self.id]
        index = min(max(self.index, 0), len(others))
        return Splice((self.id,), ((index, _in_region(line, others, index)),))


@dataclass(frozen=True)
class Split:
    """Split a line in two: its text before the character `at`, its outline at the column `x`.

    Attributes:
        second: id of the right part; the left part keeps the line's id.
        x: column in page pixels, or the row for a line up or down the page; None takes the gap
            between the words, or estimates it from the text's length.
    """

    id: str
    second: str
    at: int
    x: Optional[float] = None

    def splice(self, page: CorrectedPage) -> Splice:
        index, line = page.position(self.id), page.line(self.id)
        if not 0 <= self.at <= len(line.text):
            raise CorrectionError(
                f"a text of {len(line.text)} characters cannot be split at {self.at}"
            )
        before, after = words_around(line.words, line.text, self.at)
        first, second = None, None
        if line.place is not None:
            turns = line.place.quarter_turns
            if self.x is None:
                x = cut_column(line.place.box, line.text, self.at, before, after, turns)
            else:
                x = -self.x if turns == 3 else self.x
            parts = cut_place(line.place.turned(turns), x)
            first, second = (part.turned(-turns) for part in parts)
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
    """Merge two lines into one, with the id and index of the first."""

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
    """Mark a page as done, which confirms all lines with a text, or withdraw the mark."""

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
    """Put the line into the region of the line before it, which keeps regions contiguous."""
    if not others:
        return line
    return replace(line, region=others[max(index - 1, 0)].region)
