from __future__ import annotations

from pathlib import Path

from htrlib.bundle import load_bundle
from htrlib.document.geometry import Box, Size
from htrlib.evaluation import bundle_decoders, read_page
from tests.evaluation.staged import CHARSET, blank, reader


def test_beam_search_is_called_after_the_language_model_if_there_is_one(
    tiny_bundle: Path, default_bundle: str
) -> None:
    assert list(bundle_decoders(default_bundle)) == ["best path", "language model"]
    assert list(bundle_decoders(load_bundle(tiny_bundle))) == ["best path", "beam search"]


def test_a_page_is_read_by_every_decoder_and_recognized_once() -> None:
    reading = read_page(blank(2), *reader(["one", "two"]))
    assert reading.size == Size(190, 50)
    assert reading.paragraph == Box(0, 0, 190, 50)
    assert reading.readings.charset == CHARSET
    assert reading.result("plain").text == "one\ntwo"
    assert reading.result("upper").text == "ONE\nTWO"


def test_a_page_without_handwriting_has_no_lines() -> None:
    pipeline, decoders = reader([])
    pipeline.detect_paragraph = lambda page: None
    reading = read_page(blank(2), pipeline, decoders)
    assert (reading.paragraph, reading.lines, reading.result("plain").text) == (None, (), "")
