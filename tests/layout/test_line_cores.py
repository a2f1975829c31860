from __future__ import annotations

import math
from typing import Any, List, Optional, Sequence, Tuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from htrlib.document.results import KINDS, TextLine
from htrlib.images.regions import Region
from htrlib.layout.line_cores import lines_from_labels, link
from htrlib.layout.line_outlines import Core
from htrlib.layout.pixel_labels import Labels

THICK = 6
ASCENT = THICK / 0.45
PITCH = 26
WIDTH, HEIGHT = 320, 220


class Drawing:
    """Simulated output of a labeler: bands of high probability at the cores of lines."""

    def __init__(self) -> None:
        self._picture = Image.new("L", (WIDTH, HEIGHT))
        self.draw = ImageDraw.Draw(self._picture)
        self.ink = np.zeros((HEIGHT, WIDTH), np.uint8)
        self.kinds: Optional[NDArray[np.float32]] = None

    def kind(self, left: int, right: int, kind: str) -> None:
        """Between two columns, the labeler assigns that kind to text."""
        if self.kinds is None:
            self.kinds = np.full((len(KINDS), HEIGHT, WIDTH), 1 / len(KINDS), np.float32)
        self.kinds[:, :, left:right] = 0.1
        self.kinds[KINDS.index(kind), :, left:right] = 0.8

    def band(self, left: float, right: float, base: float, slope: float = 0.0) -> None:
        """A core whose lower edge is at `base` in the middle of the picture."""
        ends = [(x, base + slope * (x - WIDTH / 2)) for x in (left, right)]
        upper = [(x, y - THICK) for x, y in reversed(ends)]
        self.draw.polygon([*ends, *upper], fill=240)

    def labels(self, region: Optional[Region] = None) -> Labels:
        probabilities = np.asarray(self._picture, dtype=np.float32)[np.newaxis] / 255
        region = region or Region(self.ink, 0.0, 0.0, 2.0)
        return Labels(probabilities, self.ink, region, self.kinds)

    def lines(self) -> Tuple[TextLine, ...]:
        return lines_from_labels(self.labels())


def base_of(line: TextLine, x: float) -> float:
    assert line.baseline is not None
    xs, ys = zip(*line.baseline)
    return float(np.interp(x, xs, ys))


@pytest.mark.parametrize("degrees", [-5, -2.5, 0, 2.5, 5])
def test_two_parallel_sloped_bands_are_two_lines(degrees: float) -> None:
    slope = math.tan(math.radians(degrees))
    drawing = Drawing()
    drawing.band(20, 300, 90, slope)
    drawing.band(20, 300, 90 + PITCH, slope)
    lines = drawing.lines()
    assert len(lines) == 2
    for number, line in enumerate(lines):
        for x in (30, 160, 290):
            expected = 90 + number * PITCH + slope * (x - WIDTH / 2)
            assert base_of(line, x) == pytest.approx(expected, abs=1.6)


@pytest.mark.parametrize("degrees", [-5, 0, 5])
@pytest.mark.parametrize("gap", [6, 20, 38])
def test_a_band_broken_by_a_gap_between_words_is_one_line(degrees: float, gap: float) -> None:
    slope = math.tan(math.radians(degrees))
    drawing = Drawing()
    for number in range(3):
        drawing.band(20, 140, 90 + number * PITCH, slope)
        drawing.band(140 + gap, 300, 90 + number * PITCH, slope)
    lines = drawing.lines()
    assert len(lines) == 3
    assert all(line.box.left < 22 and line.box.right > 298 for line in lines)


def test_many_short_words_on_a_slope_are_linked_to_their_own_line() -> None:
    slope = math.tan(math.radians(5))
    drawing = Drawing()
    for number in range(4):
        for left in range(10, 300, 38):
            drawing.band(left, left + 22, 80 + number * PITCH, slope)
    lines = drawing.lines()
    assert len(lines) == 4
    assert all(line.box.width > 280 for line in lines)


def test_bands_that_run_together_come_apart() -> None:
    drawing = Drawing()
    drawing.band(20, 300, 60)
    drawing.band(20, 300, 60 + PITCH)
    # A pair of long loops, of which the labeler is less sure, joins the two.
    drawing.draw.rectangle([60, 61, 280, 60 + PITCH - THICK - 1], fill=150)
    drawing.band(20, 300, 60 + 2 * PITCH)
    drawing.band(20, 300, 60 + 3 * PITCH)
    lines = drawing.lines()
    assert [round(base_of(line, 160)) for line in lines] == pytest.approx([60, 86, 112, 138], abs=2)


def test_a_bridge_does_not_make_one_line_of_two() -> None:
    drawing = Drawing()
    for number in range(4):
        drawing.band(20, 300, 60 + number * PITCH)
    drawing.draw.rectangle([150, 60, 158, 60 + PITCH], fill=240)
    lines = drawing.lines()
    assert len(lines) == 4
    assert all(line.box.width > 270 for line in lines)


def test_a_short_last_line_is_a_line_and_a_speck_is_none() -> None:
    drawing = Drawing()
    drawing.band(20, 300, 60)
    drawing.band(20, 300, 60 + PITCH)
    drawing.band(20, 45, 60 + 2 * PITCH)
    drawing.draw.rectangle([200, 170, 203, 173], fill=240)
    lines = drawing.lines()
    assert len(lines) == 3
    assert lines[2].box.right < 60
    assert base_of(lines[2], 30) == pytest.approx(60 + 2 * PITCH, abs=1.6)


def test_nothing_is_no_line() -> None:
    assert Drawing().lines() == ()
    speck = Drawing()
    speck.draw.point((50, 50), fill=240)
    assert speck.lines() == ()


def test_a_large_smudge_of_which_the_labeler_is_unsure_is_no_line() -> None:
    drawing = Drawing()
    drawing.band(20, 300, 60)
    drawing.band(20, 300, 60 + PITCH)
    drawing.draw.rectangle([60, 120, 120, 160], fill=150)
    assert len(drawing.lines()) == 2


def test_a_line_reaches_to_its_ascenders_and_descenders() -> None:
    drawing = Drawing()
    drawing.band(20, 300, 100)
    (line,) = drawing.lines()
    assert line.box.top == pytest.approx(100 - ASCENT, abs=2.5)
    assert line.box.bottom == pytest.approx(100 + ASCENT / 2, abs=2.5)


def test_neighbors_share_a_seam_that_follows_a_touching_loop() -> None:
    drawing = Drawing()
    upper, lower = 90, 90 + PITCH
    drawing.band(20, 300, upper)
    drawing.band(20, 300, lower)
    drawing.ink[upper - THICK : upper, 20:300] = 255
    drawing.ink[lower - THICK : lower, 20:300] = 255
    loop = slice(150, 164)
    drawing.ink[upper : lower - THICK - 2, loop] = 255  # hangs down from the upper line
    first, second = drawing.lines()
    picture = Image.new("L", (WIDTH, HEIGHT))
    assert first.polygon is not None
    assert second.polygon is not None
    ImageDraw.Draw(picture).polygon(list(first.polygon.points), fill=255)
    inside = np.asarray(picture)[upper : lower - THICK - 3, loop] > 0
    # As far as the line reaches down at all.
    reach = int(ASCENT / 2) - 1
    assert inside[:reach].mean() > 0.95
    ceilings = [y for x, y in second.polygon.points if 152 <= x <= 162 and y < lower - THICK]
    assert ceilings
    assert min(ceilings) > lower - THICK - 4
    beside = [y for x, y in second.polygon.points if 200 <= x <= 260 and y < lower - THICK]
    assert min(beside) < lower - THICK - 4


def test_the_region_decides_where_lines_are_on_the_page() -> None:
    drawing = Drawing()
    drawing.band(20, 300, 100, 0.05)
    (line,) = drawing.lines()
    region = Region(drawing.ink, 700.0, 300.0, 0.5)
    (moved,) = lines_from_labels(drawing.labels(region))
    assert moved.box.as_tuple() == pytest.approx(line.box.scaled(4, 4).shifted(700, 300).as_tuple())


def test_words_at_one_height_are_read_from_left_to_right() -> None:
    drawing = Drawing()
    drawing.band(230, 300, 99)
    drawing.band(20, 90, 101)
    drawing.band(20, 300, 100 + PITCH)
    lines = drawing.lines()
    assert [round(line.box.left / 10) for line in lines] == [2, 23, 2]


def flat(left: int, right: int, base: float) -> Core:
    columns = np.arange(left, right)
    lower = np.full(len(columns), float(base))
    return Core(columns, lower - THICK, lower, 0.9)


def spans(rows: Sequence[Core]) -> List[Any]:
    return sorted((row.left, row.right, len(row.columns), float(row.lower[0])) for row in rows)


PARTS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(6, 40), st.integers(0, 4)), min_size=1, max_size=9
)


@settings(max_examples=60, deadline=None)
@given(PARTS, st.randoms(use_true_random=False))
def test_linking_ignores_order_and_loses_no_part(
    found: List[Tuple[int, int, int]], random: Any
) -> None:
    parts = [flat(4 * x, 4 * x + width, 20 * row) for x, width, row in found]
    shuffled = list(parts)
    random.shuffle(shuffled)
    rows = link(parts, THICK, 0.0)
    assert spans(rows) == spans(link(shuffled, THICK, 0.0))
    assert sum(len(row.columns) for row in rows) == sum(len(part.columns) for part in parts)


def test_parts_that_cover_each_other_are_not_lost() -> None:
    rows = link([flat(10, 22, 50), flat(10, 22, 52), flat(30, 60, 50)], THICK, 0.0)
    assert sum(len(row.columns) for row in rows) == 12 + 12 + 30


def test_a_loop_between_two_lines_is_no_line() -> None:
    drawing = Drawing()
    for number in range(3):
        drawing.band(20, 300, 60 + number * PITCH)
    drawing.band(100, 120, 60 + PITCH // 2)
    assert len(drawing.lines()) == 3


def test_a_short_last_line_is_a_line() -> None:
    drawing = Drawing()
    for number in range(3):
        drawing.band(20, 300, 60 + number * PITCH)
    drawing.band(20, 45, 60 + 3 * PITCH)
    assert len(drawing.lines()) == 4


def test_a_band_that_the_labeler_doubts_is_no_line() -> None:
    drawing = Drawing()
    drawing.band(20, 300, 60)
    drawing.draw.rectangle([20, 100, 300, 100 + THICK], fill=150)
    assert len(drawing.lines()) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_line_has_the_kind_that_most_of_it_has(kind: str) -> None:
    drawing = Drawing()
    drawing.band(20, 300, 90)
    drawing.kind(0, WIDTH, "printed" if kind == "typewritten" else "typewritten")
    drawing.kind(0, 200, kind)
    assert kind in [line.kind for line in drawing.lines()]


def test_what_no_network_tells_apart_is_handwritten() -> None:
    drawing = Drawing()
    drawing.band(20, 300, 90)
    assert [line.kind for line in drawing.lines()] == ["handwritten"]


@pytest.mark.parametrize("gap", [0, 20])
def test_writing_after_print_is_a_line_of_its_own(gap: int) -> None:
    drawing = Drawing()
    for number in range(3):
        drawing.band(20, 120, 60 + number * PITCH)
        drawing.band(120 + gap, 300, 60 + number * PITCH)
    drawing.kind(0, 120 + gap // 2, "printed")
    drawing.kind(120 + gap // 2, WIDTH, "handwritten")
    lines = drawing.lines()
    assert [line.kind for line in lines] == 3 * ["printed", "handwritten"]
    assert all(line.box.right < 135 for line in lines[::2])


def test_a_word_of_doubtful_kind_stays_in_its_line() -> None:
    drawing = Drawing()
    drawing.band(20, 300, 90)
    drawing.kind(0, WIDTH, "handwritten")
    drawing.kind(150, 150 + 2 * THICK, "printed")
    (line,) = drawing.lines()
    assert line.kind == "handwritten"


def test_lines_of_two_columns_are_not_linked() -> None:
    drawing = Drawing()
    for number in range(6):
        drawing.band(10, 140, 60 + number * PITCH)
        drawing.band(170, 300, 60 + number * PITCH)
    lines = drawing.lines()
    assert len(lines) == 12
    assert all(line.box.right < 160 for line in lines[:6])
