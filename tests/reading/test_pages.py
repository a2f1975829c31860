from __future__ import annotations

from dataclasses import replace
from typing import Any, List, Optional, Sequence, Tuple

import numpy as np
import pytest

from htrlib.document.charset import Charset
from htrlib.document.geometry import Box, Polygon, Size
from htrlib.document.kinds import HANDWRITTEN, PRINTED
from htrlib.document.results import LogProbs, TextLine, Transcription, Word
from htrlib.reading.options import PARAGRAPH, ReadingOptions
from htrlib.reading.pages import Reading, read_pages, recognize_pages

CHARSET = Charset.from_text("ab")
AS_GIVEN = ReadingOptions(orientation="as-given")
PAGE = np.full((100, 200), 255, np.uint8)
HEADING = TextLine(Box(10, 10, 190, 30), kind=PRINTED)
NOTE = TextLine(Box(20, 50, 120, 70), kind=HANDWRITTEN)


class FakeStages:
    """Returns the given lines, and records its calls."""

    recognizes_with_bundle = False

    def __init__(self, lines: Sequence[TextLine], finds_all_text: bool = True) -> None:
        self.lines, self.finds_all_text = tuple(lines), finds_all_text
        self.regions: List[Box] = []
        self.decoded: Tuple[LogProbs, ...] = ()

    def detect_paragraph(self, page: Any) -> Optional[Box]:
        return NOTE.box

    def segment_lines(self, page: Any, paragraph: Box) -> Tuple[TextLine, ...]:
        self.regions.append(paragraph)
        return self.lines

    def segment_handwriting(self, page: Any, paragraph: Box) -> Tuple[TextLine, ...]:
        return self.segment_lines(page, paragraph)

    def recognize_pages(self, pages: Any, lines: Any) -> List[List[LogProbs]]:
        return [[LogProbs(np.zeros((1, 3), np.float32), CHARSET) for _ in found] for found in lines]

    def look_again(self, page: Any, lines: Any, log_probs: Any) -> List[LogProbs]:
        return [replace(line, again=line) for line in log_probs]

    def decode_lines(
        self, lines: Sequence[LogProbs], options: ReadingOptions
    ) -> Sequence[Transcription]:
        self.decoded = tuple(lines)
        read = Transcription("a", 0.0, 1.0, (Word("a", 0.5, 0, 1, Box(20, 50, 40, 70)),))
        return [read for _ in lines]


def read(page: Any, stages: Any, options: ReadingOptions) -> Reading:
    reading = Reading(page, options)
    read_pages([reading], stages)
    assert reading.error is None
    return reading


def test_all_text_of_a_page_is_read_where_lines_have_kinds() -> None:
    stages = FakeStages([HEADING, NOTE])
    result = read(PAGE, stages, AS_GIVEN).result
    assert result is not None
    assert stages.regions == [Box(0, 0, 200, 100)]
    assert [line.kind for line in result.lines] == [PRINTED, HANDWRITTEN]
    assert [line.id for line in result.lines] == ["line-1", "line-2"]
    assert result.paragraph == NOTE.box  # where the handwriting is


def test_handwriting_alone_is_looked_for_where_it_is() -> None:
    stages = FakeStages([HEADING, NOTE])
    result = read(PAGE, stages, replace(AS_GIVEN, kinds=(HANDWRITTEN,))).result
    assert result is not None
    assert stages.regions == [NOTE.box]
    assert [line.kind for line in result.lines] == [HANDWRITTEN]


def test_a_bundle_that_knows_no_kinds_reads_the_handwriting() -> None:
    stages = FakeStages([replace(NOTE, kind=None)], finds_all_text=False)
    result = read(PAGE, stages, replace(AS_GIVEN, kinds=(PRINTED,))).result
    assert result is not None
    assert stages.regions == [NOTE.box]
    assert len(result.lines) == 1


def test_the_paragraph_is_that_of_the_handwriting_where_it_alone_is_wanted() -> None:
    stages = FakeStages([HEADING, NOTE])
    result = read(PAGE, stages, replace(AS_GIVEN, stage=PARAGRAPH)).result
    assert result is not None
    assert (result.paragraph, result.lines, stages.regions) == (NOTE.box, (), [])


def test_what_fails_on_one_page_fails_for_it_alone() -> None:
    class Failing(FakeStages):
        def recognize_pages(self, pages: Any, lines: Any) -> List[List[LogProbs]]:
            if any(page.min() == 0 for page in pages):
                raise RuntimeError("broken")
            return super().recognize_pages(pages, lines)

    readings = [Reading(PAGE, AS_GIVEN), Reading(np.zeros_like(PAGE), AS_GIVEN)]
    recognize_pages(readings, Failing([NOTE]))
    assert [reading.error is None for reading in readings] == [True, False]
    assert len(readings[0].log_probs) == 1


def written_page() -> Any:
    """Rows of strokes, dark on light."""
    page = np.full((400, 600), 230, np.uint8)
    rng = np.random.default_rng(1)
    for top in range(40, 360, 40):
        for left in range(30, 560, 8):
            page[top - int(rng.integers(0, 8)) : top + 12, left : left + 2] = 20
    return page


def test_a_negative_is_read_as_its_positive() -> None:
    line = TextLine(Box(20, 30, 580, 60), Polygon(((20, 30), (580, 30), (580, 60), (20, 60))))
    seen: List[Any] = []

    class Watching(FakeStages):
        def segment_lines(self, page: Any, paragraph: Box) -> Tuple[TextLine, ...]:
            seen.append(page)
            return super().segment_lines(page, paragraph)

    reading = read(255 - written_page(), Watching([line]), ReadingOptions())
    assert reading.result is not None
    np.testing.assert_array_equal(seen[0], written_page())
    assert reading.result.lines[0].line.box == line.box
    assert reading.result.size == Size(600, 400)


@pytest.mark.parametrize("confidences", [(), (0.5, 1.0)])
def test_a_page_is_as_sure_as_its_words(confidences: Tuple[float, ...]) -> None:
    stages = FakeStages([NOTE] if confidences else [])
    result = read(PAGE, stages, AS_GIVEN).result
    assert result is not None
    assert result.confidence == (0.5 if confidences else None)


class ReadingUpright(FakeStages):
    """Reads fifty characters from a page with a black top left corner, and one from others."""

    recognizes_with_bundle = True

    def recognize_pages(self, pages: Any, lines: Any) -> List[List[LogProbs]]:
        return [[self.said(page[0, 0] == 0) for _ in found] for page, found in zip(pages, lines)]

    def said(self, upright: bool) -> LogProbs:
        values = np.full((100, 3), -9.0, np.float32)
        values[:, 2] = 0.0
        values[1 : 100 if upright else 2 : 2] = (0.0, -9.0, -9.0)
        return LogProbs(values, CHARSET)


@pytest.mark.parametrize("decoder, looks", [("beam", True), ("greedy", False)])
def test_lines_are_looked_at_again_only_where_that_can_change_them(
    decoder: str, looks: bool
) -> None:
    stages = ReadingUpright([HEADING, NOTE])
    reading = read(PAGE, stages, ReadingOptions(decoder=decoder))
    assert len(stages.decoded) == 2
    assert [line.again is not None for line in stages.decoded] == [looks, looks]
    assert reading.milliseconds["recognition"] > 0.0
    assert {"paper", "orientation", "lines", "decoding"} <= set(reading.milliseconds)


def test_pages_that_are_only_recognized_are_looked_at_again_too() -> None:
    reading = Reading(PAGE)
    recognize_pages([reading], ReadingUpright([HEADING, NOTE]))
    assert [line.again is not None for line in reading.log_probs] == [True, True]


def test_lines_of_another_recognizer_are_not_looked_at_again() -> None:
    stages = FakeStages([HEADING])
    read(PAGE, stages, ReadingOptions())
    assert [line.again for line in stages.decoded] == [None]


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_page_that_is_hardly_read_is_turned_where_it_reads_better(turns: int) -> None:
    page = PAGE.copy()
    page[0, 0] = 0
    stages = ReadingUpright([HEADING])
    reading = read(np.ascontiguousarray(np.rot90(page, -turns)), stages, ReadingOptions())
    result = reading.result
    assert result is not None
    assert reading.page[0, 0] == 0
    assert (0 if reading.transform is None else reading.transform.quarter_turns) == turns
    assert result.size == (Size(100, 200) if turns % 2 else Size(200, 100))
    assert result.lines[0].line.box.clipped(result.size) == result.lines[0].line.box


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_staves_are_removed_whichever_way_up_a_page_is_given(turns: int) -> None:
    page = np.full((420, 400), 255, np.uint8)
    for top in range(30, 400, 90):
        page[top : top + 41 : 10] = 150
    page[0, 0] = 0
    stages = ReadingUpright([HEADING])
    given = np.ascontiguousarray(np.rot90(page, -turns))
    assert (read(given, stages, ReadingOptions()).page[1:] > 240).all()


def test_pages_as_given_and_pages_that_read_well_are_read_once() -> None:
    stages = ReadingUpright([HEADING])
    read(PAGE, stages, AS_GIVEN)
    assert len(stages.regions) == 1
    page = PAGE.copy()
    page[0, 0] = 0
    read(page, stages, ReadingOptions())
    assert len(stages.regions) == 2


def test_a_page_that_looks_turned_is_read_once_if_it_reads_well() -> None:
    stages = ReadingUpright([HEADING])
    page = written_page()  # whose strokes are columns as sharp as rows of a page on its side
    page[0, 0] = 0
    reading = read(page, stages, ReadingOptions())
    assert reading.looks_turned
    assert reading.transform is None
    assert len(stages.regions) == 1


@pytest.mark.parametrize("looks_turned", [True, False])
def test_a_page_is_turned_that_reads_fairly_well_only_if_it_looks_turned(
    looks_turned: bool,
) -> None:
    class Fair(ReadingUpright):
        def said(self, upright: bool) -> LogProbs:
            values = super().said(True).values.copy()
            if not upright:
                values[1::2, 1], values[1::2, 0] = -2.0, np.log(0.86)
            return LogProbs(values, CHARSET)

    page = written_page() if looks_turned else np.ascontiguousarray(np.rot90(written_page()))
    page[0, -1] = 0  # the top left corner once it is turned by 90 degrees
    reading = read(page, Fair([HEADING]), ReadingOptions())
    turns = 0 if reading.transform is None else reading.transform.quarter_turns
    assert turns == int(looks_turned)


def test_what_an_own_recognizer_says_turns_no_page() -> None:
    stages = ReadingUpright([HEADING])
    stages.recognizes_with_bundle = False
    page = PAGE.copy()
    page[-1, 0] = 0
    reading = read(page, stages, ReadingOptions())
    assert reading.transform is None
    assert len(stages.regions) == 1


def test_the_surest_cut_of_a_word_counts() -> None:
    class Sure(FakeStages):
        recognizes_with_bundle = True

        def recognize_pages(self, pages: Any, lines: Any) -> List[List[LogProbs]]:
            return [[self.said(line) for line in found] for found in lines]

        def said(self, line: TextLine) -> LogProbs:
            p = 0.9 if line.box.width == 200 else 0.6
            values = np.log([[p, (1 - p) / 2, (1 - p) / 2]]).astype(np.float32)
            return LogProbs(values, CHARSET)

    page = np.full((100, 200), 240, np.uint8)
    page[20:80, 40:160:3] = 10
    found = TextLine(Box(40, 40, 160, 90), kind=HANDWRITTEN)
    result = read(page, Sure([found]), AS_GIVEN).result
    assert result is not None
    assert [line.line.box for line in result.lines] == [Box(0, 0, 200, 100)]


def test_a_page_that_reads_poorly_every_way_up_stays_as_it_is() -> None:
    reading = read(PAGE, ReadingUpright([HEADING]), ReadingOptions())
    assert reading.transform is None
    assert reading.page is PAGE


def test_a_picture_of_one_line_has_no_second() -> None:
    margin = 30  # of paper, which is put around the picture first
    its_own = TextLine(Box(10, 30, 190, 70).shifted(margin, margin))
    neighbor = TextLine(Box(10, 70, 200, 100).shifted(margin, margin))
    stages = FakeStages([its_own, neighbor])
    options = replace(AS_GIVEN, what="line")
    result = read(PAGE, stages, options).result
    assert result is not None
    assert stages.regions == [Box(0, 0, 200 + 2 * margin, 100 + 2 * margin)]
    assert result.size == Size(200, 100)
    assert [line.line.box for line in result.lines] == [Box(10, 30, 190, 70)]
    alone = read(PAGE, FakeStages([]), options).result
    assert alone is not None
    assert [line.line.box for line in alone.lines] == [Box(0, 0, 200, 100)]
    found = read(PAGE, stages, replace(options, stage="lines")).result
    assert found is not None
    assert len(found.lines) == 1
