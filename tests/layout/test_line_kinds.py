"""Where a line leaves open whether it is typed or printed, the page decides."""

from __future__ import annotations

from typing import Tuple

import numpy as np
import pytest

from htrlib.document.kinds import KINDS
from htrlib.layout.line_kinds import settled_kinds
from htrlib.layout.line_outlines import Core


def row(*kinds: float, length: int = 100) -> Core:
    edges = np.zeros(length)
    return Core(np.arange(length), edges, edges + 5, 0.9, np.array(kinds))


def kinds_of(*rows: Core) -> Tuple[str, ...]:
    return tuple(KINDS[int(one.kinds.argmax())] for one in settled_kinds(rows))


TYPED, PRINTED, WRITTEN = row(0.02, 0.9, 0.08), row(0.02, 0.08, 0.9), row(0.9, 0.05, 0.05)


def test_a_doubtful_line_has_the_kind_of_the_page() -> None:
    doubtful = row(0.05, 0.35, 0.6)
    assert kinds_of(TYPED, TYPED, doubtful) == ("typewritten",) * 3
    assert kinds_of(PRINTED, doubtful, PRINTED) == ("printed",) * 3


def test_what_is_surely_typed_into_a_printed_form_stays_typed() -> None:
    assert kinds_of(PRINTED, PRINTED, TYPED) == ("printed", "printed", "typewritten")


def test_long_lines_count_more_than_short_ones() -> None:
    short = row(0.02, 0.08, 0.9, length=20)
    doubtful = row(0.05, 0.5, 0.45, length=30)
    assert kinds_of(short, short, TYPED, doubtful)[-1] == "typewritten"
    assert kinds_of(short, short, row(0.05, 0.5, 0.45, length=10))[-1] == "printed"


@pytest.mark.parametrize("doubtful", [row(0.4, 0.35, 0.25), row(0.9, 0.04, 0.06)])
def test_handwriting_stays_handwriting(doubtful: Core) -> None:
    settled = settled_kinds((PRINTED, doubtful))
    assert np.array_equal(settled[1].kinds, doubtful.kinds)


def test_doubt_about_handwriting_is_not_decided_by_the_page() -> None:
    settled = settled_kinds((PRINTED, row(0.39, 0.41, 0.2)))[1]
    assert settled.kinds.tolist() == [0.39, 0.2, 0.41]


def test_lines_without_kinds_are_left_as_they_are() -> None:
    rows = [row(), WRITTEN]
    assert settled_kinds(rows) == rows
