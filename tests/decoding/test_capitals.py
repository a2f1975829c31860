from __future__ import annotations

from dataclasses import replace
from typing import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from htrlib.decoding.best_path import best_path
from htrlib.decoding.capitals import read_in_capitals
from htrlib.document.charset import Charset
from htrlib.document.results import LogProbs
from htrlib.stages.decoding import decode_lines

CHARSET = Charset.from_text("ABCDEGHNOQRSTabcdeghlnoqrstuvxé .1ßº")


def line_of(text: str, doubt: float = 0.2) -> LogProbs:
    """A line on which each letter is seen, and its other case with a probability of `doubt`."""
    values = np.full((2 * len(text) + 1, len(CHARSET) + 1), 1e-4)
    values[::2, CHARSET.blank_index] = 1.0
    for place, letter in enumerate(text):
        values[2 * place + 1, CHARSET.encode(letter)] = 1.0 - doubt
        if letter.swapcase() in CHARSET:
            values[2 * place + 1, CHARSET.encode(letter.swapcase())] = doubt
    return LogProbs(np.log(values / values.sum(axis=1, keepdims=True)).astype(np.float32), CHARSET)


def read(lines: Sequence[LogProbs]) -> Sequence[str]:
    return [CHARSET.decode(best_path(line.values).labels) for line in lines]


def test_small_letters_among_capitals_are_capitals() -> None:
    lines = [line_of("TH doc HAS sEEN"), line_of("THE oRE AT ocs")]
    assert read(read_in_capitals(lines)) == ["TH DOC HAS SEEN", "THE ORE AT OCS"]


def test_small_writing_stays_as_it_is() -> None:
    lines = [line_of("the doctor sent ten DrEss"), line_of("Other notes")]
    assert read(read_in_capitals(lines)) == ["the doctor sent ten DrEss", "Other notes"]


def test_a_line_in_capitals_stands_out_on_any_page() -> None:
    lines = [line_of("the date and other notes that are seen"), line_of("GoTHENBoRG")]
    assert read(read_in_capitals(lines))[1] == "GOTHENBORG"


def test_a_line_of_small_letters_and_small_capitals_stays_as_it_is() -> None:
    lines = [line_of("le stade de la danse est en travaux")] * 3
    lines.append(line_of("Ce dOc RANgE du bON SENs est bON"))  # as some people print
    assert read(read_in_capitals(lines))[3] == "Ce dOc RANgE du bON SENs est bON"


def test_a_small_line_on_a_page_in_capitals_stays_small() -> None:
    lines = [line_of("THE GOTHENBORG ORE"), line_of("one other date"), line_of("so")]
    assert read(read_in_capitals(lines))[1:] == ["one other date", "so"]


@pytest.mark.parametrize("text", ["A1", "No", "DE", ""])
def test_few_letters_tell_nothing(text: str) -> None:
    assert read(read_in_capitals([line_of("sees the ten"), line_of(text)]))[1] == text


def test_the_second_look_loses_its_small_letters_too() -> None:
    line = line_of("GoTHENBoRG")
    (found,) = read_in_capitals([replace(line, again=line_of("GOTHENBoRG"))])
    assert found.again is not None
    assert read([found.again]) == ["GOTHENBORG"]


def test_the_best_path_is_left_as_the_network_gives_it() -> None:
    lines = [line_of("THE oRE")]
    (greedy,) = decode_lines(lines, method="greedy")
    (beam,) = decode_lines(lines, language_model=None)
    assert (greedy.text, beam.text) == ("THE oRE", "THE ORE")


@given(st.lists(st.text(CHARSET.symbols, max_size=12), max_size=4))
def test_probabilities_stay_probabilities(texts: Sequence[str]) -> None:
    lines = [line_of(text) for text in texts]
    found = read_in_capitals(lines)
    assert len(found) == len(lines)
    for line, other in zip(lines, found):
        assert other.values.shape == line.values.shape
        np.testing.assert_allclose(np.exp(other.values).sum(axis=1), 1.0, atol=1e-4)
        (before,), (after,) = read([line]), read([other])
        assert len(before) == len(after) and before.upper() == after.upper()
