"""Run several pages through the four stages at once, each with its own options.

Lines of all pages are recognized together. The result of a page does not depend on the other pages,
and a failure affects only its own page.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import compress
from typing import Callable, Dict, List, Optional, Protocol, Sequence, Tuple, TypeVar

from htrlib.decoding.defaults import GREEDY
from htrlib.decoding.sureness import sureness
from htrlib.document.geometry import Box, Size, union_of
from htrlib.document.kinds import HANDWRITTEN
from htrlib.document.results import LineResult, LogProbs, PageResult, TextLine, Transcription
from htrlib.errors import ConfigError
from htrlib.images.dot_grids import without_dots
from htrlib.images.folds import without_folds
from htrlib.images.grain import without_grain
from htrlib.images.loading import Page, check_page
from htrlib.images.orientation import PageTransform, upright
from htrlib.images.rulings import without_squares
from htrlib.images.staves import without_staves
from htrlib.layout.reading_order import place_of_block
from htrlib.reading.as_given import result_as_given
from htrlib.reading.false_lines import false_lines
from htrlib.reading.options import AUTO, LINE, PARAGRAPH, TEXT, ReadingOptions
from htrlib.reading.single_lines import cuts_of_picture, margin_of, surest
from htrlib.reading.tidying import tidied
from htrlib.reading.turned_lines import crosses, doubtful_lines, turned_blocks
from htrlib.reading.turning import is_doubtful, is_sure, longest
from htrlib.reading.warnings import omission_warnings, page_warnings, turn_warnings

ALL_TURNS = (1, 2, 3)  # by 90 degrees each

Value = TypeVar("Value")


class Stages(Protocol):
    """The four stages, as a pipeline has them."""

    @property
    def finds_all_text(self) -> bool: ...

    @property
    def recognizes_with_bundle(self) -> bool: ...

    def detect_paragraph(self, page: Page) -> Optional[Box]: ...

    def segment_lines(self, page: Page, paragraph: Box) -> Sequence[TextLine]: ...

    def segment_handwriting(self, page: Page, paragraph: Box) -> Sequence[TextLine]: ...

    def recognize_pages(
        self, pages: Sequence[Page], lines: Sequence[Sequence[TextLine]]
    ) -> Sequence[Sequence[LogProbs]]: ...

    def look_again(
        self, page: Page, lines: Sequence[TextLine], log_probs: Sequence[LogProbs]
    ) -> Sequence[LogProbs]: ...

    def decode_lines(
        self, lines: Sequence[LogProbs], options: ReadingOptions
    ) -> Sequence[Transcription]: ...


@dataclass
class Reading:
    """The state of a page between stages.

    Attributes:
        page: (H, W) uint8, 0 is black; once it is being read, turned the right way and
            without the squares or dots of its paper.
        options: its reading options.
        source: name of the page in its result.
        paragraph: box of the handwriting, once known.
        lines: lines in reading order, once known.
        found: the same and lines of kinds that are not read.
        one_line: whether the lines are ways to cut one line, until the best of them is known.
        log_probs: output of the recognizer for each line, once known.
        transform: how the page was rotated; the result is in pixels of the page as given.
        as_given: the page before it was rotated.
        margin: pixels of paper put around a picture of a line.
        looks_turned: whether the page is read as it lies though it may be on its side or upside
            down, which its lines will tell.
        omitted: number of lines left out as stray marks, or as they show through the paper.
        result: set when the page is done.
        error: the failure that stopped the page.
        milliseconds: time of each stage; for recognition, the total of all pages.
    """

    page: Page
    options: ReadingOptions = field(default_factory=ReadingOptions)
    source: Optional[str] = None
    paragraph: Optional[Box] = None
    lines: Tuple[TextLine, ...] = ()
    found: Tuple[TextLine, ...] = ()
    one_line: bool = False
    log_probs: Tuple[LogProbs, ...] = ()
    transform: Optional[PageTransform] = None
    as_given: Optional[Page] = None
    margin: int = 0
    looks_turned: bool = False
    omitted: int = 0
    result: Optional[PageResult] = None
    error: Optional[Exception] = None
    milliseconds: Dict[str, float] = field(default_factory=dict)

    @property
    def size(self) -> Size:
        """The size of the page."""
        return Size(self.page.shape[1], self.page.shape[0])

    def timed(self, stage: str, work: Callable[[], Value]) -> Value:
        """Do the work, add its duration to that of the stage, and return its result."""
        start = time.perf_counter()
        value = work()
        spent = 1000.0 * (time.perf_counter() - start)
        self.milliseconds[stage] = self.milliseconds.get(stage, 0.0) + spent
        return value

    def attempt(self, work: Callable[[Reading], None]) -> None:
        """Do the work unless the page has failed; record a failure."""
        if self.error is None:
            try:
                work(self)
            except Exception as error:
                self.error = error


def read_pages(readings: Sequence[Reading], stages: Stages, label: Optional[str] = None) -> None:
    """Read pages, and set the `result` or `error` of each `Reading`.

    Args:
        label: label of the bundle, for the results.
    """
    recognize_pages(readings, stages)
    for reading in readings:
        reading.attempt(partial(_decode, stages=stages, label=label))


def recognize_pages(readings: Sequence[Reading], stages: Stages) -> None:
    """Run the first three stages: each `Reading` gets its lines and probabilities, or an error.

    Each page stops after its own last stage.
    """
    for reading in readings:
        reading.attempt(partial(_find_lines, stages=stages))
    wanted = [
        reading for reading in readings if reading.error is None and reading.options.stage == TEXT
    ]
    _recognize(wanted, stages)
    if not stages.recognizes_with_bundle:
        return
    turned: List[Reading] = []
    for reading in wanted:
        if reading.error is None and reading.options.orientation == AUTO:
            reading.attempt(partial(_turn_if_doubtful, stages=stages, turned=turned))
    _recognize([reading for reading in turned if reading.error is None], stages)
    if stages.finds_all_text:
        for reading in readings:
            reading.attempt(partial(_omit_false_lines, stages=stages))
            reading.attempt(partial(_add_turned_lines, stages=stages))
    for reading in wanted:
        reading.attempt(partial(_look_again, stages=stages))


def _omit_false_lines(reading: Reading, stages: Stages) -> None:
    """Leave out lines that are no writing on this side of the paper, and count them."""
    lines, log_probs = reading.lines, reading.log_probs
    if reading.options.what == LINE or len(log_probs) != len(lines) or len(lines) < 2:
        return
    recognize = partial(_recognized, stages)
    omitted = false_lines(reading.page, lines, log_probs, recognize)
    if omitted:
        gone = {id(lines[index]) for index in omitted}
        kept = [id(line) not in gone for line in lines]
        reading.lines = tuple(compress(lines, kept))
        reading.log_probs = tuple(compress(log_probs, kept))
        reading.omitted = len(omitted)
        if reading.options.kinds != (HANDWRITTEN,):
            on_this_side = [line for line in reading.found if id(line) not in gone]
            reading.paragraph = _around_handwriting(on_this_side)


def _around_handwriting(lines: Sequence[TextLine]) -> Optional[Box]:
    written = [line.box for line in lines if line.kind == HANDWRITTEN]
    return union_of(written) if written else None


def _add_turned_lines(reading: Reading, stages: Stages) -> None:
    """Add the text at a right angle to a page's lines, each block in its place."""
    options = reading.options
    if options.stage == PARAGRAPH or options.what == LINE or reading.one_line:
        return
    if options.orientation != AUTO or len(reading.log_probs) not in (0, len(reading.lines)):
        return
    segment = partial(_segmented, stages, handwriting=options.kinds == (HANDWRITTEN,))
    recognize = partial(_recognized, stages)
    doubtful = doubtful_lines(reading.lines, reading.log_probs)
    sure = [line for line in reading.found if id(line) not in doubtful]
    for block in turned_blocks(reading.page, sure, segment, recognize):
        kept = [id(line) not in doubtful or not crosses(line, block) for line in reading.lines]
        reading.lines = tuple(compress(reading.lines, kept))
        reading.log_probs = tuple(compress(reading.log_probs, kept))
        wanted = [read for read in block if _wanted(read[0], options)]
        place = place_of_block(reading.lines, union_of(line.box for line, _ in block))
        reading.lines = _inserted(reading.lines, place, [line for line, _ in wanted])
        if options.stage == TEXT:
            reading.log_probs = _inserted(reading.log_probs, place, [read[1] for read in wanted])
        written = [line.box for line, _ in block if line.kind == HANDWRITTEN]
        if written:
            before = [] if reading.paragraph is None else [reading.paragraph]
            reading.paragraph = union_of([*before, *written])


def _inserted(values: Tuple[Value, ...], place: int, more: Sequence[Value]) -> Tuple[Value, ...]:
    return (*values[:place], *more, *values[place:])


def _recognized(stages: Stages, page: Page, lines: Sequence[TextLine]) -> Sequence[LogProbs]:
    return stages.recognize_pages([page], [lines])[0]


def _turn_if_doubtful(reading: Reading, stages: Stages, turned: List[Reading]) -> None:
    """Turn a page that was not read well enough to be surely upright, and record it."""
    doubtful = is_doubtful(reading.lines, reading.log_probs)
    looks_turned = reading.looks_turned and not is_sure(reading.lines, reading.log_probs)
    if not doubtful and not looks_turned:
        return
    before = reading.transform
    turn_upright(reading, stages, ALL_TURNS if doubtful else None)
    if reading.transform != before:
        turned.append(reading)
        _find_lines(reading, stages)


def _find_lines(reading: Reading, stages: Stages) -> None:
    check_page(reading.page)
    options = reading.options
    if reading.transform is None:
        reading.margin = margin_of(reading.page, options.what == LINE)
    if options.orientation == AUTO and reading.as_given is None:
        is_page = options.what != LINE and not reading.margin
        later = is_page and options.stage == TEXT and stages.recognizes_with_bundle
        turn_upright(reading, stages, later=later)
    elif reading.margin and reading.transform is None:
        reading.transform = PageTransform(reading.size, margin=reading.margin)
        reading.page = reading.transform.apply(reading.page)
    page, reading.lines, reading.log_probs = reading.page, (), ()
    reading.found = ()
    only_handwriting = not stages.finds_all_text or options.kinds == (HANDWRITTEN,)
    if only_handwriting or options.stage == PARAGRAPH:
        found = reading.timed(PARAGRAPH, lambda: _detected(stages, page))
        reading.paragraph = region = found
    else:
        region = Box(0, 0, page.shape[1], page.shape[0])
    if region is None or options.stage == PARAGRAPH:
        return
    handwriting = only_handwriting and stages.finds_all_text
    lines = reading.timed("lines", lambda: _segmented(stages, page, region, handwriting))
    reading.lines = tuple(line for line in lines if _wanted(line, options))
    reading.found = lines
    _cut_one_line(reading, stages)
    if not only_handwriting:
        reading.paragraph = _around_handwriting(lines)


def _cut_one_line(reading: Reading, stages: Stages) -> None:
    """For a picture of one line, replace its lines by the ways to cut it."""
    single = reading.options.what == LINE
    cuts = cuts_of_picture(reading.page, reading.lines, single, reading.margin)
    compared = reading.options.stage == TEXT and stages.recognizes_with_bundle
    reading.one_line = compared and len(cuts) > 1
    if reading.one_line:
        reading.lines = cuts
    elif single:
        reading.lines = cuts[:1]


def turn_upright(
    reading: Reading,
    stages: Stages,
    turns: Optional[Tuple[int, ...]] = None,
    later: bool = False,
) -> None:
    """Turn a page the right way, and note how; take the marks of paper out.

    Args:
        turns: quarter turns to try; None are those that the page looks like.
        later: read no lines of a page that may be turned, but leave it as it is and note that.
    """
    if reading.as_given is None:
        reading.as_given = _without_paper_marks(reading, reading.page)
    margin = reading.margin
    single = reading.options.what == LINE
    readable = None if later else partial(readability, stages=stages, single=single, margin=margin)
    turn = partial(upright, reading.as_given, readability=readable, turns=turns, margin=margin)
    page, transform, reading.looks_turned = reading.timed("orientation", turn)
    changed = transform.inverted or transform.tilt or transform.quarter_turns
    reading.page = _without_paper_marks(reading, page) if changed else page
    reading.transform = None if transform.is_identity else transform


def _without_paper_marks(reading: Reading, page: Page) -> Page:
    return reading.timed(
        "paper",
        lambda: without_dots(without_staves(without_squares(without_folds(without_grain(page))))),
    )


def readability(page: Page, stages: Stages, single: bool, margin: int = 0) -> float:
    """Return the confidence in the longest lines of a page, from 0 to 1.

    Args:
        page: (H, W) uint8, 0 is black.
        single: whether it is a picture of one line.
        margin: pixels of paper around that picture.
    """
    whole = Box(0, 0, page.shape[1], page.shape[0])
    region = whole if stages.finds_all_text else _detected(stages, page)
    lines = () if region is None else _segmented(stages, page, region)
    cuts = cuts_of_picture(page, lines, single, margin)
    sample = cuts or longest(lines)
    if not sample:
        return 0.0
    recognized = stages.recognize_pages([page], [sample])[0]
    return sureness(surest(cuts, recognized)[1] if cuts else recognized)


def _detected(stages: Stages, page: Page) -> Optional[Box]:
    """Check the output of the first stage, which may be user code."""
    found = stages.detect_paragraph(page)
    if found is not None and not isinstance(found, Box):
        raise ConfigError(f"detect_paragraph must return a Box or None, found {found!r:.80}")
    return found


def _segmented(
    stages: Stages, page: Page, region: Box, handwriting: bool = False
) -> Tuple[TextLine, ...]:
    """Check the output of the second stage, which may be user code."""
    segment = stages.segment_handwriting if handwriting else stages.segment_lines
    found = segment(page, region)
    if found is None:
        raise ConfigError("segment_lines must return a sequence of TextLines, found None")
    lines = tuple(found)
    odd = [line for line in lines if not isinstance(line, TextLine)]
    if odd:
        raise ConfigError(f"segment_lines must return TextLines, found {odd[0]!r:.80} among them")
    return lines


def _wanted(line: TextLine, options: ReadingOptions) -> bool:
    return options.kinds is None or line.kind is None or line.kind in options.kinds


def _recognize(readings: List[Reading], stages: Stages) -> None:
    """Recognize the lines of each page; a failed page gets none."""
    if not readings:
        return
    start = time.perf_counter()
    try:
        recognized = stages.recognize_pages(
            [reading.page for reading in readings], [reading.lines for reading in readings]
        )
    except Exception as error:
        if len(readings) == 1:
            readings[0].error = error
            return
        for reading in readings:  # read each page alone to find the one that fails
            _recognize([reading], stages)
        return
    for reading, log_probs in zip(readings, recognized):
        reading.log_probs = tuple(log_probs)
        if reading.one_line and len(reading.log_probs) == len(reading.lines):
            reading.lines, reading.log_probs = surest(reading.lines, reading.log_probs)
        reading.milliseconds["recognition"] = 1000.0 * (time.perf_counter() - start)


def _look_again(reading: Reading, stages: Stages) -> None:
    """Recognize doubtful lines twice, where that can change their text."""
    if reading.options.decoder == GREEDY:
        return
    if reading.log_probs and len(reading.log_probs) == len(reading.lines):
        look = partial(stages.look_again, reading.page, reading.lines, reading.log_probs)
        reading.log_probs = tuple(reading.timed("recognition", look))


def _decode(reading: Reading, stages: Stages, label: Optional[str]) -> None:
    options = reading.options
    if options.stage != TEXT:
        texts: Sequence[Transcription] = [Transcription("", 0.0, 0.0) for _ in reading.lines]
    elif len(reading.log_probs) != len(reading.lines):
        raise ConfigError(
            f"{len(reading.lines)} lines need as many LogProbs, found {len(reading.log_probs)}"
        )
    else:
        texts = reading.timed("decoding", lambda: stages.decode_lines(reading.log_probs, options))
    lines = tuple(map(LineResult, _named(reading.lines), texts))
    size = reading.size if reading.transform is None else reading.transform.size
    result = PageResult(size, reading.paragraph, lines, label, reading.source)
    warnings = page_warnings(reading.page, result, options.stage)
    warnings += omission_warnings(reading.omitted)
    if reading.transform is not None:
        warnings += turn_warnings(reading.transform)
        result = result_as_given(result, reading.transform)
    reading.result = replace(tidied(result), warnings=warnings)


def _named(lines: Sequence[TextLine]) -> Tuple[TextLine, ...]:
    """Give each line an id, unless it has one."""
    return tuple(
        line if line.id else replace(line, id=f"line-{number}")
        for number, line in enumerate(lines, start=1)
    )
