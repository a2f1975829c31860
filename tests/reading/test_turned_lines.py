from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from htrlib.document.geometry import Box
from htrlib.document.kinds import HANDWRITTEN, PRINTED
from htrlib.metrics import character_error_rate
from htrlib.reading.options import ReadingOptions
from htrlib.reading.pipeline import Pipeline
from tests.turned_text import BODY, MARGIN, NOTE, page_with_note


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline(options=ReadingOptions(decoder="greedy"))


def errors(expected: str, text: str) -> float:
    return character_error_rate([(expected, text)])


@pytest.mark.parametrize("quarter_turns", [1, 3])
def test_a_note_up_the_margin_is_read_after_the_lines_beside_it(
    pipeline: Pipeline, quarter_turns: int
) -> None:
    result = pipeline.transcribe_page(page_with_note(quarter_turns))
    turns = [line.line.quarter_turns for line in result.lines]
    assert turns == [0] * len(BODY) + [quarter_turns]
    note = result.lines[-1]
    assert errors(NOTE, note.text) < 0.15
    assert note.line.box.right < MARGIN
    assert note.kind == HANDWRITTEN
    assert result.paragraph is not None
    assert result.paragraph.intersection_area(note.line.box) > 0.95 * note.line.box.area
    words = [word.box for word in note.transcription.words if word.box is not None]
    places = [box.center[1] for box in words]
    assert len(words) > 5 and places == sorted(places, reverse=quarter_turns == 3)
    assert all(box.intersection_area(note.line.box) > 0.5 * box.area for box in words)


def test_the_lines_of_a_block_follow_each_other(pipeline: Pipeline) -> None:
    texts = ("my brother sends his love", "to all of you and hopes")
    for quarter_turns in (1, 3):
        result = pipeline.transcribe_page(page_with_note(quarter_turns, texts))
        notes = [line.text for line in result.lines if line.line.quarter_turns]
        assert len(notes) == 2
        assert errors(" ".join(texts), " ".join(notes)) < 0.15


def test_a_page_on_its_side_is_turned_and_its_note_is_read(pipeline: Pipeline) -> None:
    result = pipeline.transcribe_page(np.rot90(page_with_note(3), 1).copy())
    level = [line for line in result.lines if not line.line.quarter_turns]
    assert [errors(NOTE, line.text) < 0.15 for line in level] == [True]


def test_turned_text_is_selected_by_kind(pipeline: Pipeline) -> None:
    page = page_with_note(3)
    for kind, count in ((HANDWRITTEN, 1), (PRINTED, 0)):
        options = replace(pipeline.options, kinds=kind)
        result = pipeline.transcribe_page(page, options=options)
        assert sum(line.line.quarter_turns == 3 for line in result.lines) == count


def test_lines_without_text_are_found_too(pipeline: Pipeline) -> None:
    options = ReadingOptions(stage="lines")
    result = pipeline.transcribe_page(page_with_note(1), options=options)
    assert [line.line.quarter_turns for line in result.lines][-1] == 1


def test_a_page_as_given_has_level_lines_alone(pipeline: Pipeline) -> None:
    options = replace(pipeline.options, orientation="as-given")
    result = pipeline.transcribe_page(page_with_note(3), options=options)
    assert not any(line.line.quarter_turns for line in result.lines)


def test_a_drawing_is_no_text(pipeline: Pipeline) -> None:
    page = page_with_note(3, ())
    rng = np.random.default_rng(2)
    for _ in range(60):  # strokes beside each other, as of a fence or a comb
        y = int(rng.integers(60, 700))
        page[y : y + 3, 60 : int(rng.integers(90, 130))] = 20
        page[y : y + 30, 80:83] = 20
    result = pipeline.transcribe_page(page)
    assert not any(line.line.quarter_turns for line in result.lines)


def test_a_line_up_the_page_given_by_its_place_is_recognized(pipeline: Pipeline) -> None:
    page = page_with_note(3)
    line = pipeline.transcribe_page(page).lines[-1].line
    (log_probs,) = pipeline.recognize_lines(page, [line])
    assert errors(NOTE, pipeline.decode(log_probs).text) < 0.15
    box = log_probs.frame_box(0, len(log_probs.values))
    assert box is not None and box.iou(Box(*line.box.as_tuple())) > 0.6
