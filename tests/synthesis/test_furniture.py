from __future__ import annotations

from typing import Tuple

import numpy as np
import pytest
from numpy.typing import NDArray

from htrlib.synthesis.furniture import RULINGS, Printer, Room, rule_page
from htrlib.synthesis.placement import Turn
from htrlib.synthesis.printing import PrintedLayer, printed_faces

SIZE = 400, 300  # height and width
PITCH = 60.0


def ruled(ruling: str) -> Tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which rows and columns of a ruled page are mostly, or partly, printed."""
    layer = PrintedLayer(SIZE[1], SIZE[0], Turn())
    printer = Printer(layer, ["word"], printed_faces(), np.random.default_rng(4))
    rule_page(printer, Room(None, ruling, (0.0, float(SIZE[1]), float(SIZE[0]))), 80.0, PITCH)
    printed = layer.darkness > 0
    return printed.mean(axis=1), printed.mean(axis=0)


@pytest.mark.parametrize("ruling", RULINGS)
def test_every_ruling_prints_rows_of_its_own(ruling: str) -> None:
    rows, columns = ruled(ruling)
    whole = int(np.diff((rows > 0.9).astype(int)).clip(0).sum())
    assert whole == 0 if ruling in ("dotted", "dots") else whole > 3
    assert ((columns > 0.7).sum() > 3) == (ruling == "squared")


def test_a_staff_has_five_lines_and_dots_stand_in_columns() -> None:
    solid, staves = (ruled(name)[0] > 0.9 for name in ("solid", "staves"))
    assert staves.sum() > 3.5 * solid.sum()
    columns = ruled("dots")[1]
    assert 0 < (columns > 0).mean() < 0.5
