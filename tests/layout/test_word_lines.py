from __future__ import annotations

import json
import math
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any, List, Sequence, Tuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from htrlib.document.geometry import Box
from htrlib.document.results import TextLine
from htrlib.engines.word_anchors import SsdConfig, anchor_boxes
from htrlib.images.regions import Region
from htrlib.layout import word_lines
from htrlib.layout.word_lines import DetectedWords, group_words, lines_from_words, suppress
from tests.ssd_coding import encode_boxes

ASCENT, X_HEIGHT, DESCENT = 20, 10, 9
PITCH = 38


class Sheet:
    """A picture on which words of upright strokes are written, with their boxes."""

    def __init__(self, width: int = 640, height: int = 420) -> None:
        self.ink = np.zeros((height, width), np.uint8)
        self.boxes: List[Tuple[float, float, float, float]] = []

    def word(self, left: int, base: float, width: int, slope: float = 0.0, tail: int = -1) -> None:
        """A word with one ascender; with `tail` also a descender at that stroke."""
        tops, bottoms = [], []
        for number, x in enumerate(range(left, left + width, 5)):
            foot = round(base + slope * (x - left))
            top = foot - (ASCENT if number == 0 else X_HEIGHT)
            bottom = foot + (DESCENT if number == tail else 0)
            self.ink[max(top, 0) : bottom, x : x + 2] = 255
            tops.append(top)
            bottoms.append(bottom)
        self.boxes.append((left, min(tops), x + 2, max(bottoms)))

    def line(
        self, left: int, base: float, widths: Sequence[int], slope: float = 0.0, gap: int = 14
    ) -> None:
        x = left
        for number, width in enumerate(widths):
            self.word(x, base + slope * (x - left), width, slope, tail=2 * (number % 2) - 1)
            x += width + gap

    def words(self, order: Sequence[int] = (), region: Any = None) -> DetectedWords:
        boxes = np.array(self.boxes, dtype=np.float32)
        scores = np.linspace(0.6, 0.99, len(boxes)).astype(np.float32)
        picked = list(order) or list(range(len(boxes)))
        region = region or Region(255 - self.ink, 0, 0, 1.0)
        return DetectedWords(boxes[picked], scores[picked], self.ink, region)

    def lines(self, order: Sequence[int] = ()) -> Tuple[TextLine, ...]:
        return group_words(self.words(order))


def base_of(line: TextLine, x: float) -> float:
    assert line.baseline is not None
    xs, ys = zip(*line.baseline)
    return float(np.interp(x, xs, ys))


@pytest.mark.parametrize("degrees", [-5, -2, 0, 3, 5])
def test_sloped_words_are_linked_along_the_slope(degrees: float) -> None:
    slope = math.tan(math.radians(degrees))
    sheet = Sheet()
    for number in range(6):
        sheet.line(30, 110 + PITCH * number - 300 * slope, [60, 35, 90, 45, 70, 100, 50], slope)
    lines = sheet.lines()
    assert len(lines) == 6
    for number, line in enumerate(lines):
        for x in (60, 300, 500):
            expected = 110 + PITCH * number + (x - 330) * slope
            assert base_of(line, x) == pytest.approx(expected, abs=3)


@settings(max_examples=8, deadline=None)
@given(st.permutations(range(15)), st.sampled_from([-0.08, 0.0, 0.05]))
def test_grouping_ignores_the_order_of_the_words(order: List[int], slope: float) -> None:
    sheet = Sheet()
    for number in range(3):
        sheet.line(25, 100 + PITCH * number, [60, 35, 90, 45, 70], slope)
    assert sheet.lines(order) == sheet.lines()


def test_lines_are_in_reading_order_and_lie_around_their_words() -> None:
    sheet = Sheet()
    widths = [60, 35, 90, 45, 70]
    for number in (2, 0, 1):
        sheet.line(40, 100 + PITCH * number, widths)
    lines = sheet.lines()
    assert [round(base_of(line, 100)) for line in lines] == pytest.approx([100, 138, 176], abs=2)
    right = 40 + sum(widths) + 14 * 4
    for number, line in enumerate(lines):
        base = 100 + PITCH * number
        assert line.box.iou(Box(40, base - ASCENT, right, base + DESCENT)) > 0.7


def test_a_short_last_line_is_a_line() -> None:
    sheet = Sheet()
    sheet.line(40, 100, [60, 35, 90, 45, 70, 80])
    sheet.line(40, 138, [60, 35, 90, 45, 70, 80])
    sheet.line(40, 176, [30])
    lines = sheet.lines()
    assert len(lines) == 3
    assert lines[2].box.right < 100
    assert base_of(lines[2], 50) == pytest.approx(176, abs=3)


def test_descenders_do_not_pull_the_baseline_down() -> None:
    sheet = Sheet()
    for number in range(5):
        sheet.word(30 + 80 * number, 100, 60, tail=4)
    (line,) = sheet.lines()
    assert base_of(line, 200) == pytest.approx(100, abs=2)
    assert line.box.bottom >= 100 + DESCENT - 2


def test_a_dash_belongs_to_the_line_beside_it() -> None:
    sheet = Sheet()
    for number in range(3):
        sheet.line(60, 100 + PITCH * number, [60, 35, 90], slope=0.05)
    dash = 138 + 0.05 * 260 - 6
    sheet.ink[round(dash) - 2 : round(dash), 300:340] = 255
    sheet.boxes.append((300, round(dash) - 2, 340, round(dash)))
    lines = sheet.lines()
    assert len(lines) == 3
    assert lines[1].box.right > 335
    assert lines[0].box.right < 320
    assert base_of(lines[1], 320) == pytest.approx(138 + 0.05 * 260, abs=3)


def test_a_dash_far_from_words_is_no_line() -> None:
    sheet = Sheet()
    sheet.line(60, 100, [60, 35, 90])
    sheet.line(60, 138, [60, 35, 90])
    sheet.boxes.append((300, 300, 340, 302))
    assert len(sheet.lines()) == 2


def test_lines_that_are_far_apart_at_one_height_stay_two() -> None:
    sheet = Sheet()
    sheet.line(20, 100, [60, 60])
    sheet.line(480, 100, [60, 60])
    first, second = sheet.lines()
    assert first.box.right < 250 < 450 < second.box.left


def test_confidence_is_a_mean_of_the_words() -> None:
    sheet = Sheet()
    sheet.line(20, 100, [60, 60, 60])
    (line,) = sheet.lines()
    assert 0.6 < line.confidence < 0.99


def test_no_words_are_no_lines() -> None:
    none = DetectedWords(
        np.empty((0, 4), np.float32),
        np.empty(0, np.float32),
        np.zeros((40, 40), np.uint8),
        Region(np.zeros((40, 40), np.uint8), 0, 0, 1.0),
    )
    assert group_words(none) == ()


def test_lines_are_in_page_pixels() -> None:
    sheet = Sheet()
    sheet.line(40, 100, [60, 35, 90])
    (line,) = sheet.lines()
    region = Region(sheet.ink, 1000.0, 500.0, 0.5)
    (moved,) = group_words(sheet.words(region=region))
    assert moved.box == line.box.scaled(2, 2).shifted(1000, 500)


def boxes_of(*rows: Tuple[float, float, float, float]) -> NDArray[np.float32]:
    return np.array(rows, dtype=np.float32)


def test_of_boxes_of_one_word_the_best_stays() -> None:
    found = boxes_of((10, 10, 60, 30), (12, 9, 63, 31), (70, 10, 110, 30))
    assert suppress(found, np.array([0.7, 0.9, 0.8], np.float32)).tolist() == [1, 2]


def test_a_part_of_a_better_word_goes() -> None:
    found = boxes_of((10, 10, 110, 30), (15, 12, 40, 29))
    assert suppress(found, np.array([0.9, 0.8], np.float32)).tolist() == [0]


def test_neighbors_whose_loops_cross_both_stay() -> None:
    found = boxes_of((10, 10, 60, 30), (10, 25, 60, 45), (57, 10, 90, 30))
    assert len(suppress(found, np.array([0.9, 0.9, 0.9], np.float32))) == 3


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(
            *[st.integers(0, 20)] * 2, *[st.integers(1, 20)] * 2, st.sampled_from([0.6, 0.9])
        ),
        min_size=1,
        max_size=8,
    ),
    st.randoms(use_true_random=False),
)
def test_suppression_ignores_order_and_leaves_no_two_of_one_word(
    found: List[Tuple[float, ...]], random: Any
) -> None:
    x, y, width, height, scores = np.array(found, dtype=np.float32).T
    boxes = np.stack((x, y, x + width, y + height), axis=1)
    order = list(range(len(boxes)))
    random.shuffle(order)
    kept = boxes[suppress(boxes, scores)]
    np.testing.assert_array_equal(kept, boxes[order][suppress(boxes[order], scores[order])])
    left = [Box(*map(float, box)) for box in kept]
    assert all(a.iou(b) <= 0.4 + 1e-6 for a in left for b in left if a is not b)


class FakeDetector:
    """Stands in for bundle and network: finds the words of a page at any scale."""

    def __init__(self, boxes: Sequence[Box], largest: float = math.inf) -> None:
        self.boxes, self.largest = boxes, largest
        self.config = SsdConfig()
        self.seen: List[float] = []
        self.scale = 1.0

    @property
    def bundle(self) -> Any:
        config = json.loads(json.dumps(asdict(self.config)))
        return SimpleNamespace(network=lambda *_: self, network_config=lambda _: config)

    def cut(self, page: Any, box: Box, scale: float) -> Region:
        self.seen.append(scale)
        self.scale = scale
        return word_lines_cut_region(page, box, scale)

    def find_words(self, ink: NDArray[np.uint8]) -> Tuple[Any, Any]:
        anchors = anchor_boxes(self.config, *ink.shape)
        logits = np.tile(np.array([4.0, -4.0], np.float32), (len(anchors), 1))
        offsets = np.zeros((len(anchors), 4), np.float32)
        for box in self.boxes:
            scaled = box.scaled(self.scale, self.scale)
            if scaled.height > self.largest:
                continue
            nearest = np.abs(anchors[:, :2] - scaled.center).sum(axis=1) + 99 * (logits[:, 1] > 0)
            at = int(nearest.argmin())
            target = np.array([scaled.as_tuple()], np.float32)
            offsets[at] = encode_boxes(target, anchors[at : at + 1])
            logits[at] = -4.0, 4.0
        return logits, offsets


word_lines_cut_region = word_lines.cut_region


def read(
    monkeypatch: pytest.MonkeyPatch, sheet: Sheet, enlarge: int, largest: float = math.inf
) -> Tuple[FakeDetector, Tuple[TextLine, ...]]:
    page = 255 - np.kron(sheet.ink, np.ones((enlarge, enlarge), np.uint8))
    boxes = [Box(*box).scaled(enlarge, enlarge) for box in sheet.boxes]
    detector = FakeDetector(boxes, largest)
    monkeypatch.setattr(word_lines, "cut_region", detector.cut)
    region = Box(0, 0, page.shape[1], page.shape[0])
    return detector, lines_from_words(page.astype(np.uint8), region, detector, detector.config)


def test_words_of_a_usual_size_are_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sheet = Sheet()
    for number in range(4):
        sheet.line(30, 100 + 60 * number, [60, 35, 90, 45])
    detector, lines = read(monkeypatch, sheet, 1)
    assert len(lines) == 4
    assert len(detector.seen) == 1


def test_large_words_are_looked_at_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    sheet = Sheet(160, 90)
    sheet.line(10, 40, [30, 35, 40])
    sheet.line(10, 78, [30, 35, 40])
    detector, lines = read(monkeypatch, sheet, 8)
    assert len(lines) == 2
    assert detector.seen[1] < detector.seen[0] / 2
    assert lines[0].box.iou(Box(80, 160, 1160, 392)) > 0.6


def test_words_too_large_to_be_found_are_found_at_the_second_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sheet = Sheet(160, 50)
    sheet.line(10, 35, [30, 35, 40])
    detector, lines = read(monkeypatch, sheet, 8, largest=100)
    assert len(detector.seen) == 2
    assert len(lines) == 1


def test_a_region_without_words_has_no_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    _, lines = read(monkeypatch, Sheet(200, 120), 1)
    assert lines == ()
