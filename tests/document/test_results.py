"""Results pass through JSON unchanged, and malformed JSON is refused."""

from __future__ import annotations

import json
import math
from typing import Any, Dict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from htrlib.document.charset import Charset
from htrlib.document.geometry import Box, LineStrip, Polygon, Size
from htrlib.document.results import (
    SCHEMA_VERSION,
    DocumentResult,
    LineResult,
    LogProbs,
    PageResult,
    TextLine,
    Transcription,
    Word,
)

TEXTS = st.text(max_size=8)
COORDINATES = st.floats(-1e4, 1e4)
FRACTIONS = st.floats(0, 1)
LOG_PROBS = st.floats(-1e4, 0)
POINTS = st.tuples(COORDINATES, COORDINATES)
BOXES = st.builds(Box.from_xywh, COORDINATES, COORDINATES, st.floats(0.1, 1e4), st.floats(0.1, 1e4))
WORDS = st.builds(
    Word, TEXTS, FRACTIONS, st.integers(0, 99), st.integers(100, 199), st.none() | BOXES
)
LINES = st.builds(
    TextLine,
    box=BOXES,
    polygon=st.none() | st.lists(POINTS, min_size=3, max_size=5).map(tuple).map(Polygon),
    baseline=st.none() | st.lists(POINTS, min_size=2, max_size=4).map(tuple),
    confidence=FRACTIONS,
)
TRANSCRIPTIONS = st.builds(
    Transcription,
    text=TEXTS,
    log_prob=LOG_PROBS,
    confidence=FRACTIONS,
    words=st.lists(WORDS, max_size=2).map(tuple),
    characters=st.lists(WORDS, max_size=2).map(tuple),
    alternatives=st.lists(st.tuples(TEXTS, LOG_PROBS), max_size=2).map(tuple),
)
PAGES = st.builds(
    PageResult,
    size=st.builds(Size, st.integers(1, 9999), st.integers(1, 9999)),
    paragraph=st.none() | BOXES,
    lines=st.lists(st.builds(LineResult, LINES, TRANSCRIPTIONS), max_size=3).map(tuple),
    bundle=st.none() | TEXTS,
    source=st.none() | TEXTS,
)


def page(*texts: str) -> PageResult:
    lines = tuple(
        LineResult(TextLine(Box(0, 20 * n, 90, 20 * n + 18)), Transcription(text, -1.5, 0.8))
        for n, text in enumerate(texts)
    )
    return PageResult(Size(100, 200), Box(0, 0, 90, 100) if texts else None, lines)


def through_json(data: Dict[str, Any]) -> Any:
    return json.loads(json.dumps(data, allow_nan=False))


@given(PAGES)
def test_a_page_passes_through_json_unchanged(result: PageResult) -> None:
    assert PageResult.from_dict(through_json(result.to_dict())) == result


@given(st.lists(PAGES, max_size=2), st.none() | TEXTS)
def test_a_document_passes_through_json_unchanged(pages: list[PageResult], source: Any) -> None:
    result = DocumentResult(tuple(pages), source)
    assert DocumentResult.from_dict(through_json(result.to_dict())) == result


@given(PAGES)
def test_writing_what_was_read_changes_nothing(result: PageResult) -> None:
    written = through_json(result.to_dict())
    assert PageResult.from_dict(written).to_dict() == written


def test_the_keys_of_the_schema() -> None:
    """Adding one is free; dropping or renaming one needs a new schema version."""
    word = Word("a", 0.5, 0, 4, Box(0, 0, 9, 9))
    line = LineResult(TextLine(Box(0, 0, 9, 9)), Transcription("a", -1.0, 0.5, words=(word,)))
    written = PageResult(Size(10, 20), lines=(line,)).to_dict()
    assert written["schema_version"] == SCHEMA_VERSION == 1
    assert set(written) >= {"source", "bundle", "width", "height", "text", "paragraph", "lines"}
    assert (written["width"], written["height"]) == (10, 20)
    of_line = "text confidence log_prob box polygon baseline line_confidence words characters"
    assert set(written["lines"][0]) >= {*of_line.split(), "alternatives"}
    assert written["lines"][0]["words"] == [
        {"text": "a", "confidence": 0.5, "frames": [0, 4], "box": [0, 0, 9, 9]}
    ]


def test_texts() -> None:
    assert page().text == ""
    assert page("one", "two words").text == "one\ntwo words"
    assert DocumentResult((page("one", "two"), page(), page("three"))).text == "one\ntwo\f\fthree"


@pytest.mark.parametrize("key", ["width", "height", "paragraph", "lines"])
def test_a_missing_key_is_named(key: str) -> None:
    data = page("one").to_dict()
    del data[key]
    with pytest.raises(ValueError, match=f"'{key}'"):
        PageResult.from_dict(data)


LATER_KEYS = {"id", "kind"}  # results of earlier versions lack them


@pytest.mark.parametrize("key", sorted({*page("one").to_dict()["lines"][0]} - LATER_KEYS))
def test_a_missing_key_of_a_line_is_named(key: str) -> None:
    data = page("one").to_dict()
    del data["lines"][0][key]
    with pytest.raises(ValueError, match=f"'{key}'"):
        PageResult.from_dict(data)


@pytest.mark.parametrize("version", [None, 0, SCHEMA_VERSION + 1, "1"])
def test_another_schema_version_is_refused(version: object) -> None:
    data = {**page("one").to_dict(), "schema_version": version}
    with pytest.raises(ValueError, match="schema version 1, found"):
        PageResult.from_dict(data)
    with pytest.raises(ValueError, match="schema version 1, found"):
        DocumentResult.from_dict({"schema_version": SCHEMA_VERSION, "pages": [data]})


def test_impossible_values_are_refused() -> None:
    data = page("one").to_dict()
    for box, message in (([5, 0, 5, 9], "left < right"), (None, "null")):
        data["lines"][0]["box"] = box
        with pytest.raises(ValueError, match=message):
            PageResult.from_dict(data)
    with pytest.raises(ValueError, match="'pages'"):
        DocumentResult.from_dict(page("one").to_dict())


def test_frames_have_a_place_on_the_page() -> None:
    values = np.zeros((20, 3), dtype=np.float32)
    strip = LineStrip(100, 300, (10, 30), (40, 60))
    log_probs = LogProbs(values, Charset(("a", "b")), strip)
    assert log_probs.frame_box(0, 20) == Box(100, 10, 300, 60)
    assert log_probs.frame_box(5, 10) == Box(150, 15, 200, 50)
    assert LogProbs(values, log_probs.charset).frame_box(0, 20) is None


@pytest.mark.parametrize(
    ("baseline", "turns"),
    [
        (((10.0, 20.0), (90.0, 25.0)), 0),
        (((90.0, 20.0), (10.0, 25.0)), 0),
        (((20.0, 10.0), (25.0, 90.0)), 1),
        (((20.0, 90.0), (25.0, 10.0)), 3),
        (None, 0),
    ],
)
def test_a_line_is_turned_as_its_baseline_runs(baseline: Any, turns: int) -> None:
    line = TextLine(Box(5, 5, 95, 95), None, baseline)
    assert line.quarter_turns == turns
    upright = line.turned(turns)
    assert upright.quarter_turns == 0
    assert upright.turned(-turns) == line


@pytest.mark.parametrize(
    ("value", "message"),
    [({"kind": "cursive"}, "found 'cursive'"), ({"confidence": math.nan}, "found nan")],
)
def test_a_line_of_unknown_kind_or_without_confidence_is_refused(value, message) -> None:
    with pytest.raises(ValueError, match=message):
        TextLine(Box(0, 0, 9, 9), **value)


def test_a_baseline_without_points_is_refused() -> None:
    with pytest.raises(ValueError, match="a baseline has no points"):
        TextLine(Box(0, 0, 1, 1), baseline=())


@pytest.mark.parametrize("odd", [float("nan"), float("inf")])
def test_points_that_no_file_can_hold_are_refused(odd: float) -> None:
    with pytest.raises(ValueError, match="points must be finite, found"):
        TextLine(Box(0, 0, 1, 1), baseline=((0.0, odd), (1.0, 1.0)))
    with pytest.raises(ValueError, match="points must be finite, found"):
        Polygon(((0.0, 0.0), (odd, 1.0), (2.0, 2.0)))
