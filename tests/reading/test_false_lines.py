from __future__ import annotations

from typing import List, Sequence, Tuple

import numpy as np
import pytest

from htrlib.document.charset import Charset
from htrlib.document.geometry import Box
from htrlib.document.results import LogProbs, PageResult, TextLine
from htrlib.images.loading import Page
from htrlib.metrics import character_error_rate
from htrlib.reading.false_lines import false_lines
from htrlib.reading.options import ReadingOptions
from htrlib.reading.pipeline import Pipeline
from tests.turned_text import BODY
from tests.written_pages import written_page

OTHER_SIDE = (
    "my sister wrote that the roses",
    "are in bloom and all the house",
    "smells of them in the evening",
    "when we sit under the window",
)
PAPER = 250


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline(options=ReadingOptions(decoder="greedy"))


def two_sided_page(strength: float, mirrored: bool = True) -> Page:
    """A page (H, W) uint8, below whose lines others follow with a share of their ink."""
    front, back = written_page(BODY, 0)[0], written_page(OTHER_SIDE, 3)[0]
    faint = (PAPER - strength * (PAPER - back.astype(np.float64))).astype(np.uint8)
    return np.concatenate((front, faint[:, ::-1] if mirrored else faint))


@pytest.mark.parametrize("strength", [0.2, 0.5])
def test_lines_of_the_other_side_are_left_out_and_reported(
    pipeline: Pipeline, strength: float
) -> None:
    page = two_sided_page(strength)
    result = pipeline.transcribe_page(page)
    assert errors(BODY, result) < 0.1
    assert result.paragraph is not None
    assert result.paragraph.bottom < page.shape[0] - 115 * len(OTHER_SIDE)
    assert any(warning.startswith("left out 4 lines") for warning in result.warnings)


def test_faint_lines_of_this_side_are_read(pipeline: Pipeline) -> None:
    result = pipeline.transcribe_page(two_sided_page(0.2, mirrored=False))
    assert errors(BODY + OTHER_SIDE, result) < 0.1
    assert not result.warnings


def test_a_page_of_one_ink_is_read_in_whole_also_in_a_mirror(pipeline: Pipeline) -> None:
    mirrored = np.ascontiguousarray(written_page(BODY, 0)[0][:, ::-1])
    assert len(pipeline.transcribe_page(mirrored).lines) == len(BODY)


def errors(expected: Sequence[str], result: PageResult) -> float:
    text = " ".join(line.text for line in result.lines)
    return character_error_rate([(" ".join(expected), text)])


CHARSET = Charset.from_text("ab")


def recognized(*probabilities: float) -> List[LogProbs]:
    """Lines of eight letters, each with one of these probabilities."""
    lines = []
    for probability in probabilities:
        rest = (1 - probability) / 2
        letter, blank = [probability, rest, rest], [0.01, 0.01, 0.98]
        lines.append(LogProbs(np.log(np.array(8 * [letter, blank], np.float32)), CHARSET))
    return lines


def false_ones(*probabilities: float) -> Tuple[int, ...]:
    page = np.full((400, 400), 250, np.uint8)
    page[np.arange(400) % 40 < 21, ::12] = 30
    lines = [
        TextLine(Box(0, top, 400, top + 30), baseline=((0.0, top + 21.0), (400.0, top + 21.0)))
        for top in range(0, 40 * len(probabilities), 40)
    ]
    values = recognized(*probabilities)
    return false_lines(page, lines, values, lambda _, lines: values[: len(lines)])


def test_a_line_without_any_sure_letter_is_a_mark() -> None:
    assert false_ones(0.95, 0.52, 0.9, 0.75) == (1,)


def test_a_page_that_is_read_poorly_throughout_is_kept() -> None:
    assert false_ones(0.52, 0.5, 0.6) == ()
