from __future__ import annotations

from typing import List

import numpy as np
import pytest
from numpy.typing import NDArray

from htrlib.layout.kind_changes import darkest_ink, pieces_of_one_kind
from htrlib.layout.line_outlines import Core

THICK = 6
WIDTH = 200


def pieces(change: int, ink: NDArray[np.uint8]) -> List[Core]:
    """Pieces of a core that is labeled as handwriting up to a column, and as print from there."""
    kinds = np.full((3, WIDTH), 0.05, np.float32)
    kinds[0, :change], kinds[2, change:] = 0.9, 0.9
    edges = np.full(WIDTH, 10.0)
    core = Core(np.arange(50, 50 + WIDTH), edges, edges + THICK, 0.9)
    return pieces_of_one_kind(core, kinds, lambda: ink, THICK)


def letters(*spaces: int) -> NDArray[np.uint8]:
    """Ink of letters two pixels apart, with spaces between words at these columns."""
    ink = np.where(np.arange(WIDTH) % 8 < 6, 200, 0).astype(np.uint8)
    for space in spaces:
        ink[space - 4 : space + 4] = 0
    return ink


@pytest.mark.parametrize("change", [90, 104, 115])
def test_a_core_is_cut_in_the_nearest_space(change: int) -> None:
    one, other = pieces(change, letters(40, 100, 160))
    assert abs(one.right - 150) <= 4 and one.right == other.left
    assert one.kinds.argmax() == 0 and other.kinds.argmax() == 2


def test_a_word_is_not_cut() -> None:
    (whole,) = pieces(100, letters(40, 160))
    assert (whole.left, whole.right) == (50, 50 + WIDTH)


def test_faint_ink_in_a_space_is_paper() -> None:
    ink = letters(100)
    ink[ink == 0] = 20
    assert len(pieces(104, ink)) == 2


def test_a_rule_at_the_baseline_is_no_letter() -> None:
    mask = np.ones((THICK, WIDTH), bool)
    ink = np.zeros((THICK, WIDTH), np.uint8)
    ink[0, 60:] = 200
    ink[-1] = 255
    darkest = darkest_ink(mask, ink, THICK)
    assert not darkest[:60].any() and (darkest[60:] == 200).all()
