from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from htrlib.bundle import load_bundle
from htrlib.document.geometry import Box, Size
from htrlib.document.results import TextLine, Transcription
from htrlib.evaluation import bundle_decoders, read_page
from htrlib.evaluation.page_readings import LineReadings, PageReading
from htrlib.images.orientation import PageTransform
from tests.evaluation.staged import CHARSET, blank, reader


def test_beam_search_is_called_after_the_language_model_if_there_is_one(
    tiny_bundle: Path, default_bundle: str
) -> None:
    assert list(bundle_decoders(default_bundle)) == ["best path", "language model"]
    assert list(bundle_decoders(load_bundle(tiny_bundle))) == ["best path", "beam search"]


def test_a_page_is_read_by_every_decoder_and_recognized_once() -> None:
    reading = read_page(blank(2), *reader(["one", "two"]))
    assert reading.size == Size(110, 50)
    assert reading.paragraph == Box(0, 0, 110, 50)
    assert reading.readings.charset == CHARSET
    assert reading.result("plain").text == "one\ntwo"
    assert reading.result("upper").text == "ONE\nTWO"


def test_a_page_without_handwriting_has_no_lines() -> None:
    pipeline, decoders = reader([])
    pipeline.detect_paragraph = lambda page: None
    reading = read_page(blank(2), pipeline, decoders)
    assert (reading.paragraph, reading.lines, reading.result("plain").text) == (None, (), "")


@pytest.mark.parametrize(
    ("mask", "kept"),
    [
        (Box(10, 10, 110, 30), 0),  # the line
        (Box(12, 18, 108, 22), 0),  # a thin label along it
        (Box(0, 0, 200, 100), 0),  # a region around it
        (Box(40, 12, 60, 28), 1),  # a stray label on one of its words
        (Box(10, 40, 110, 60), 1),  # another line
    ],
)
def test_lines_that_lie_in_a_mask_are_left_out(mask: Box, kept: int) -> None:
    readings = LineReadings({"beam": (Transcription("a", 0.0, 1.0),)}, None)
    reading = PageReading(Size(200, 100), None, (TextLine(Box(10, 10, 110, 30)),), readings)
    assert len(reading.without([mask]).lines) == kept


def test_lines_of_a_turned_page_are_those_of_the_page_as_given() -> None:
    pipeline, decoders = reader(["one"])
    found = pipeline.recognize(blank(1))
    upright = found.lines, found.paragraph
    transform = PageTransform(Size(30, 110), quarter_turns=1)
    pipeline.recognize = lambda page: replace(found, transform=transform)
    reading = read_page(blank(1), pipeline, decoders)
    assert reading.size == Size(30, 110)
    assert [line.box for line in reading.lines] == [
        transform.box_as_given(line.box) for line in upright[0]
    ]
    assert upright[1] is not None
    assert reading.paragraph == transform.box_as_given(upright[1])
