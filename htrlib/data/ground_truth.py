"""Read output manifests of Amazon SageMaker Ground Truth: custom and bounding box jobs."""

from __future__ import annotations

from bisect import bisect
from collections import Counter
from dataclasses import replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from htrlib.data.collector import Collector, is_rectangle
from htrlib.data.consolidation import MarkedText, consolidate
from htrlib.data.ground_truth_answers import Answer, parse_answers
from htrlib.data.label_text import clean_text, is_right_to_left
from htrlib.data.manifest import (
    Images,
    Row,
    is_verification,
    label_attribute,
    locate,
    read_rows,
)
from htrlib.data.samples import (
    Dataset,
    LabeledLine,
    LabeledWord,
)
from htrlib.document.geometry import Box, Size, union_of
from htrlib.document.results import TextLine
from htrlib.errors import AnnotationError

REJECTED = ("bad", "incorrect", "reject", "rejected")
PRINTED = ("printed", "print", "machineprinted", "typed")


def load(
    path: Union[str, Path],
    *,
    images: Optional[Images] = None,
    attribute: Optional[str] = None,
    classes: Optional[Mapping[str, str]] = None,
    rejected: Sequence[str] = REJECTED,
) -> Dataset:
    """Load the pages of an output manifest.

    Custom jobs give texts with outlines and line numbers. Texts with the same number form a line,
    from left to right (Hebrew, Arabic and the like from right to left), unless print separates
    them. If a piece of a line cannot be used, the line cannot be read as a whole: it keeps its text
    without a position, or its position without a text.
    Several rows, or a list of answers, for one image come from several workers and are merged.
    Bounding box jobs give boxes of the classes paragraph, line and word, without text. Print, and
    labels that failed or were rejected, are left out and reported.

    Args:
        path: the manifest, JSON Lines.
        images: folder in which ``source-ref`` is looked up by as much of its path as exists there,
            or a function that returns the local file; by default ``source-ref`` is a path relative
            to the manifest.
        attribute: the label attribute; required if the manifest has several.
        classes: maps the job's class names to "paragraph", "line" or "word", if they differ.
        rejected: class names, ignoring case, that a verification job gives to bad labels; a
            sequence, or one string separated by commas.
    Raises:
        AnnotationError: the file cannot be read, or no row has this form; names the first line.
            Rows of another form among others are reported, and the others are read.
        DatasetError: no page can be used.
    """
    path = Path(path)
    rows, errors = read_rows(path)
    if errors and not rows:
        raise errors[0]
    attribute = attribute or label_attribute(path, rows)
    names = rejected.split(",") if isinstance(rejected, str) else rejected
    reader = _Reader(path, attribute, classes or {}, [str(name).strip().lower() for name in names])
    pages = reader.answers_by_picture(rows, errors)
    pictures = {reference: locate(path, reference, images) for reference in pages}
    shared = {} if callable(images) else Counter(pictures.values())
    for reference, answers in pages.items():
        picture = pictures[reference]
        if shared.get(picture, 1) > 1:  # the folder lacks the bucket's subfolders
            reason, detail = "picture of several source-refs", str(picture)
            reader.collector.note(reason, reference, detail, skipped="page")
        else:
            reader.add_page(reference, picture, answers)
    return reader.collector.dataset(path)


class _Reader:
    """Turns the rows of one manifest into pages."""

    def __init__(
        self, path: Path, attribute: str, classes: Mapping[str, str], rejected: Sequence[str]
    ) -> None:
        self.path = path
        self.attribute = attribute
        self.classes = classes
        self.rejected = rejected
        self.collector = Collector()

    def answers_by_picture(
        self, rows: Sequence[Row], errors: Sequence[AnnotationError]
    ) -> Dict[str, List[Answer]]:
        """Return the answers by source-ref; report rows of another form, and earlier errors.

        Raises:
            AnnotationError: there is nothing but errors.
        """
        errors = list(errors)
        pages: Dict[str, List[Answer]] = {}
        for number, row in rows:
            reference = row.get("source-ref")
            try:
                if not isinstance(reference, str):
                    detail = f'expected the key "source-ref" with a string, found {reference!r:.80}'
                    raise AnnotationError(detail, self.path, number)
                answers = self.answers(reference, row, number)
            except AnnotationError as error:
                errors.append(error)
                continue
            if answers:
                pages.setdefault(reference, []).extend(answers)
        if errors and not pages and len(errors) >= len(rows):
            raise errors[0]
        for wrong in errors:
            self.collector.note(
                "row that cannot be read", self.path.name, str(wrong), skipped="page"
            )
        return pages

    def answers(self, reference: str, row: Dict[str, Any], number: int) -> List[Answer]:
        """Return the answers of a row; report why there is none.

        Raises:
            AnnotationError: the row does not have this form.
        """
        try:
            if not self._usable(reference, row):
                return []
            answers = parse_answers(row, self.attribute, partial(self._unreadable, reference))
        except ValueError as error:
            raise AnnotationError(
                f"{self.attribute!r} has none of the forms in docs/training-data.md: {error}",
                self.path,
                number,
            ) from error
        if not answers:
            detail = f"{self.attribute!r} is a list without an answer"
            self.collector.note("not labeled", reference, detail, skipped="page")
        return answers

    def _unreadable(self, reference: str, text: str, detail: str) -> None:
        self.collector.note("coordinates that cannot be read", f"{reference}#{text}", detail)

    def _usable(self, reference: str, row: Dict[str, Any]) -> bool:
        """Return whether a row has a label that was not rejected; report why not.

        Raises:
            ValueError: the label's metadata are not an object.
        """
        metadata = row.get(f"{self.attribute}-metadata") or {}
        if not isinstance(metadata, dict):
            raise ValueError(f"expected an object as metadata, found {metadata!r}")
        if "failure-reason" in metadata:
            reason, detail = "labeling failed", str(metadata["failure-reason"])
        elif self.attribute not in row:
            reason, detail = "not labeled", f"no {self.attribute!r} in the row"
        else:
            verdicts = [
                str(value.get("class-name", "")) for value in row.values() if is_verification(value)
            ]
            bad = [verdict for verdict in verdicts if verdict.lower() in self.rejected]
            if not bad:
                return True
            reason, detail = "rejected by verification", bad[0]
        self.collector.note(reason, reference, detail, skipped="page")
        return False

    def add_page(self, reference: str, image: Path, answers: Sequence[Answer]) -> None:
        """Add the page of an image; several answers are those of several workers."""
        first = answers[0]
        size = self.collector.picture(image, reference, first.size)
        if size is None:
            return
        texts = [answer.texts for answer in answers if answer.texts is not None]
        paragraph = None
        if texts:
            lines = self._written(size, reference, texts)
        else:
            paragraph, lines = self._boxed(size, reference, first.boxes)
            if len(answers) > 1:
                detail = f"{len(answers)} rows of boxes, the first is used"
                self.collector.note("duplicate id", reference, detail)
        self.collector.add_page(
            image,
            size,
            reference,
            lines,
            paragraph=paragraph,
            writer=first.writer,
            split=first.split,
        )

    def _written(
        self, size: Size, reference: str, answers: Sequence[Sequence[MarkedText]]
    ) -> List[Optional[LabeledLine]]:
        """Return the lines of a custom job's answers."""
        if len(answers) == 1:
            pieces: Sequence[MarkedText] = answers[0]
        else:  # only positions match the pieces of several workers
            pieces = consolidate([self._placed(reference, answer) for answer in answers])
            pieces = [*pieces, *_without_place(answers)]
        rows: Dict[Tuple[int, int], List[MarkedText]] = {}
        for index, piece in enumerate(pieces):
            number = piece.line_number  # without a number it is a line by itself, last
            rows.setdefault((1, index) if number is None else (0, number), []).append(piece)
        return [line for key in sorted(rows) for line in self._lines(size, reference, rows[key])]

    def _placed(self, reference: str, answer: Sequence[MarkedText]) -> List[MarkedText]:
        """Return the pieces with a box."""
        for piece in answer:
            if not _has_box(piece):
                self.collector.note("text without a box", reference, piece.text, skipped="line")
        return [piece for piece in answer if _has_box(piece)]

    def _lines(
        self, size: Size, reference: str, row: Sequence[MarkedText]
    ) -> List[Optional[LabeledLine]]:
        """Build lines from pieces with the same number: several if print separates them."""
        printed = [piece for piece in row if _is_printed(piece)]
        for piece in printed:
            self.collector.note("printed text", reference, piece.text, skipped="line")
        written = [
            piece
            for piece in row
            if piece not in printed and (clean_text(piece.text) or _has_box(piece))
        ]
        if not written:
            return []
        if written[0].line_number is None:
            self.collector.note("text without a line number", reference, written[0].text)
        written = _in_reading_order(written)
        pairs = []
        for piece in written:
            source = f"{reference}#{piece.text}"
            place = self.collector.text_line(size, source, polygon=piece.points)
            if place is None:  # the line's position is unknown, even if others have one
                return [self._line(reference, written, ())]
            pairs.append((piece, place))
        if len(pairs) > 1 and not all(
            map(_has_box, printed)
        ):  # unknown whether print separates them
            return [self._line(reference, written, ())]
        edges = sorted(piece.box.left for piece in printed if _has_box(piece))
        runs = groupby(pairs, key=lambda pair: bisect(edges, pair[1].box.left))
        return [self._line(reference, *zip(*run)) for _, run in runs]

    def _line(
        self, reference: str, pieces: Sequence[MarkedText], places: Sequence[TextLine]
    ) -> LabeledLine:
        """Build a line from pieces in reading order; its position is known if theirs are."""
        texts = [clean_text(piece.text) for piece in pieces]
        text = " ".join(texts)
        if not all(texts):  # a recognizer must not learn an incomplete text
            self.collector.note("line without text", reference, text)
            text = ""
        if not places:
            return LabeledLine(text)
        if len(pieces) > 1:
            place = TextLine(union_of(place.box for place in places))
        elif is_rectangle(pieces[0].points):
            place = replace(places[0], polygon=None)
        else:
            place = places[0]
        words = tuple(
            LabeledWord(word, piece_place.box)
            for word, piece_place in zip(texts, places)
            if len(word.split()) == 1
        )
        confidence = min(piece.confidence for piece in pieces)
        return LabeledLine(text, replace(place, confidence=confidence), words)

    def _boxed(
        self, size: Size, reference: str, boxes: Sequence[Tuple[str, Tuple[float, ...]]]
    ) -> Tuple[Optional[Box], List[Optional[LabeledLine]]]:
        """Return the paragraph and the lines of a bounding box job."""
        found: Dict[str, List[Box]] = {"paragraph": [], "line": [], "word": []}
        for name, edges in boxes:
            role = self.classes.get(name, name.lower())
            if role not in found:
                reason = "class that is neither paragraph, line nor word"
                self.collector.note(reason, reference, name, skipped="line")
                continue
            box = self.collector.box(size, reference, edges)
            if box is not None:
                found[role].append(box)
        paragraph = union_of(found["paragraph"]) if found["paragraph"] else None
        return paragraph, [*_lines_of(found["line"], found["word"])]


def _is_printed(piece: MarkedText) -> bool:
    return piece.kind.lower().replace(" ", "") in PRINTED


def _without_place(answers: Sequence[Sequence[MarkedText]]) -> List[MarkedText]:
    """Return a piece without a box for each line in which at least half of the workers have one."""
    found: Dict[Optional[int], List[MarkedText]] = {}
    for answer in answers:
        lacking = {p.line_number: p for p in answer if clean_text(p.text) and not _has_box(p)}
        for number, piece in lacking.items():
            if number is not None and not _is_printed(piece):
                found.setdefault(number, []).append(piece)
    return [pieces[0] for pieces in found.values() if 2 * len(pieces) >= len(answers)]


def _in_reading_order(pieces: Sequence[MarkedText]) -> List[MarkedText]:
    """Sort pieces as their script runs; those without a box keep the worker's order."""
    leftward = is_right_to_left("".join(piece.text for piece in pieces))
    ranked = sorted(filter(_has_box, pieces), key=lambda p: p.box.left, reverse=leftward)
    boxed = iter(ranked)
    return [next(boxed) if _has_box(piece) else piece for piece in pieces]


def _has_box(piece: MarkedText) -> bool:
    try:
        _ = piece.box
    except ValueError:
        return False
    return True


def _lines_of(lines: Sequence[Box], words: Sequence[Box]) -> List[LabeledLine]:
    """Return lines from top to bottom; each word belongs to the line that it overlaps most.

    Words that overlap no line form new lines with words next to them.
    """
    members: List[Tuple[Box, List[Box]]] = [(line, []) for line in lines]
    loose: List[List[Box]] = []
    for word in sorted(words, key=lambda word: word.left):
        best = max(members, key=lambda member: member[0].intersection_area(word), default=None)
        if best is not None and best[0].intersection_area(word) > 0:
            best[1].append(word)
            continue
        beside = [row for row in loose if row[-1].top < word.center[1] < row[-1].bottom]
        if beside:
            min(beside, key=lambda row: abs(row[-1].center[1] - word.center[1])).append(word)
        else:
            loose.append([word])
    members += [(union_of(row), row) for row in loose]
    return [
        LabeledLine("", TextLine(box), tuple(LabeledWord("", word) for word in inside))
        for box, inside in sorted(members, key=lambda member: member[0].top)
    ]
