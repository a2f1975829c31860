from __future__ import annotations

from typing import Tuple

from htrlib.document.geometry import Box
from htrlib.document.results import TextLine
from htrlib.reading.turning import is_doubtful, is_sure, longest
from tests.decoding.simulated import said


def lines(*widths: float) -> Tuple[TextLine, ...]:
    return tuple(TextLine(Box(0, 20 * i, width, 20 * i + 15)) for i, width in enumerate(widths))


def test_the_longest_lines_tell() -> None:
    found = longest(lines(5, 90, 10, 80, 70, 60, 50, 40))
    assert [line.box.width for line in found] == [90, 80, 70, 60, 50, 40]


def test_poor_and_nearly_empty_readings_are_doubtful() -> None:
    assert is_doubtful(lines(90), [said(20, 0.7)])
    assert is_doubtful(lines(90), [said(1, 0.99)])
    assert is_doubtful((), ())


def test_well_read_pages_and_words_are_not_doubtful() -> None:
    assert not is_doubtful(lines(90), [said(200, 0.9)])
    assert not is_doubtful(lines(90), [said(6, 0.9)])
    assert not is_doubtful(lines(90, 20), [said(60, 0.9), said(3, 0.5)])


def test_a_page_is_sure_if_many_characters_are() -> None:
    assert is_sure(lines(90), [said(60, 0.95)])
    assert not is_sure(lines(90), [said(60, 0.85)])
    assert not is_sure(lines(90), [said(6, 0.95)])
    assert not is_sure(lines(90, 80), [said(60, 0.95)])
