"""Written files read back unchanged, and rewriting them gives the same file."""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from htrlib import data
from htrlib.data import LabeledLine, LabeledWord
from htrlib.data.flat_outlines import FEWEST_OUTLINES
from htrlib.data.label_text import clean_text
from htrlib.document.geometry import Box, Polygon, Size
from htrlib.document.kinds import KINDS
from htrlib.document.results import LineResult, PageResult, TextLine, Transcription, Word
from htrlib.formats import save

WIDTH, HEIGHT = 300, 200
# Combining marks, right to left, beyond the basic plane, and what XML or HTML takes for its own.
SIGNS = st.sampled_from(
    "e\u0301\u0323\u05d0\u05d1\u0645\u0631𝔄𐎀<>&\"';-\u00ad\u00ac\u2010\u0085\x1f\x00\u00a0"
)
TEXTS = st.text(st.one_of(SIGNS, st.characters()), max_size=12)
# So few that adapters cannot tell which of their outlines are flat, and mend none.
MOST_LINES = FEWEST_OUTLINES - 1


def confidences(steps):
    return st.integers(0, steps).map(lambda step: step / steps)


@st.composite
def lines(draw, row, steps):
    top, step = 10.0 + 40 * row, 20.0
    texts = draw(st.lists(TEXTS.map(clean_text).map(lambda t: t.replace(" ", "")), max_size=4))
    texts = [text for text in texts if text]
    words = tuple(
        Word(text, draw(confidences(steps)), 0, 1, Box(20 + step * n, top, 36 + step * n, top + 20))
        for n, text in enumerate(texts)
    )
    slope = draw(st.integers(0, 4))
    outline = ((20, top), (150, top + slope), (280, top), (280, top + 30), (20, top + 30))
    place = TextLine(
        Box(20, top, 280, top + 30),
        draw(st.none() | st.just(Polygon(outline))),
        draw(st.none() | st.just(((20.0, top + 20), (280.0, top + 20 + slope)))),
        draw(confidences(10000)),
        draw(
            st.sampled_from(["", f"line_{row}", f"r{row}.w1", "région", "order", "block", "page_1"])
        ),
        draw(st.none() | st.sampled_from(KINDS)),
    )
    return LineResult(place, Transcription(" ".join(texts), -1.0, draw(confidences(10000)), words))


@st.composite
def results(draw, steps=10000):
    found = [draw(lines(row, steps)) for row in range(draw(st.integers(0, MOST_LINES)))]
    return PageResult(Size(WIDTH, HEIGHT), None, tuple(found), "tiny 7", "page.png")


def expected(line, steps=None):
    """A line of a result as a label, without its id."""
    words = tuple(LabeledWord(w.text, w.box, w.confidence) for w in line.transcription.words)
    return LabeledLine(
        line.text, replace(line.line, id=""), words, (), "", line.transcription.confidence
    )


def there_and_back(result, format, suffix):
    """The labels read from a written result, and both files' contents."""
    adapter = {"page": "page_xml"}.get(format, format)
    with tempfile.TemporaryDirectory() as name, mock.patch.dict(os.environ, SOURCE_DATE_EPOCH="0"):
        first, second = Path(name, "1"), Path(name, "2")
        first.mkdir()
        Image.new("L", (WIDTH, HEIGHT), 255).save(first / "page.png")
        save(result, first / f"page{suffix}", format)
        dataset = data.load(adapter, first / f"page{suffix}")
        assert not data.WRITERS[adapter](dataset, second)
        contents = [(folder / f"page{suffix}").read_text("utf-8") for folder in (first, second)]
    return dataset[0], contents


def without_origin(text):
    """A file's content without the names of program and bundle."""
    text = re.sub(r"<Processing .*?</Processing>", "", text)
    return re.sub(r"<Creator>.*?</Creator>", "", text)


@settings(max_examples=60, deadline=None)
@given(results())
def test_page_xml_keeps_all_of_a_line(result):
    page, (first, second) = there_and_back(result, "page", ".xml")
    assert [replace(line, id="") for line in page.lines] == [
        expected(line) for line in result.lines
    ]
    assert without_origin(second) == without_origin(first)


@settings(max_examples=60, deadline=None)
@given(results())
def test_alto_keeps_all_of_a_line_but_its_own_confidences(result):
    page, (first, second) = there_and_back(result, "alto", ".xml")
    assert [replace(line, id="") for line in page.lines] == [
        replace(line, line=replace(line.line, confidence=1.0), confidence=None)
        for line in map(expected, result.lines)
    ]
    assert without_origin(second) == without_origin(first)


@settings(max_examples=60, deadline=None)
@given(results(steps=100))
def test_hocr_keeps_whole_percents_of_words(result):
    page, (first, second) = there_and_back(result, "hocr", ".hocr")
    found = [replace(line, id="", line=replace(line.line, baseline=None)) for line in page.lines]
    assert found == [
        replace(line, line=replace(line.line, confidence=1.0, baseline=None), confidence=None)
        for line in map(expected, result.lines)
    ]
    baselines = [line.line.baseline for line in result.lines]
    for line, baseline in zip(page.lines, baselines):
        assert (line.line.baseline is None) == (baseline is None)
        for point, wanted in zip(line.line.baseline or (), baseline or ()):
            assert point == pytest.approx(wanted, abs=0.1)
    assert second == first


@pytest.mark.parametrize("format", ["page", "alto", "hocr"])
@settings(max_examples=40, deadline=None)
@given(text=TEXTS)
def test_any_text_is_read_back_as_labels_have_it(format, text):
    line = LineResult(TextLine(Box(10, 10, 90, 30), id="a"), Transcription(text, -1.0, 0.5))
    result = PageResult(Size(WIDTH, HEIGHT), None, (line,), "tiny 7", "page.png")
    page, _ = there_and_back(result, format, ".hocr" if format == "hocr" else ".xml")
    soft = format == "alto" and text.rstrip().endswith("\u00ad")  # was seen, so it is a hyphen
    assert soft or page.text == clean_text(text)


@pytest.mark.parametrize("format", ["page_xml", "alto", "hocr"])
def test_valid_ids_stay_and_others_become_valid(tmp_path, make_picture, format):
    place = TextLine(Box(10, 10, 90, 30))
    ids = ("region", "a", "a.w1", "7 b", "a")
    lines = tuple(
        LabeledLine("word", place, (LabeledWord("word", place.box),), id=name) for name in ids
    )
    page = data.PageSample(make_picture("p.png"), Size(200, 100), "p", lines)
    assert not data.WRITERS[format](data.Dataset((page,)), tmp_path / "out")
    found = [line.id for line in data.load(format, tmp_path / "out")[0].lines]
    assert len(set(found)) == len(ids)
    assert found[1:3] == ["a", "a.w1"]


@pytest.mark.parametrize("format", ["page_xml", "alto"])
def test_tags_stay_beside_the_kind(tmp_path, make_picture, format):
    place = TextLine(Box(10, 10, 90, 30), kind="printed")
    page = data.PageSample(
        make_picture("p.png"), Size(200, 100), "p", (LabeledLine("a", place, tags=("date", "b c")),)
    )
    assert not data.WRITERS[format](data.Dataset((page,)), tmp_path / "out")
    (line,) = data.load(format, tmp_path / "out")[0].lines
    assert (line.tags, line.line.kind) == (("date", "b c"), "printed")


@pytest.mark.parametrize("format", ["alto", "hocr"])
def test_words_that_the_text_does_not_spell_are_reported(tmp_path, make_picture, format):
    place = TextLine(Box(10, 10, 90, 30))
    words = (LabeledWord("other", Box(10, 10, 40, 30)), LabeledWord("two", Box(50, 10, 90, 30)))
    page = data.PageSample(
        make_picture("p.png"), Size(200, 100), "p", (LabeledLine("one two", place, words),)
    )
    (problem,) = data.WRITERS[format](data.Dataset((page,)), tmp_path / "out")
    assert problem.reason == "words other than the text's"
    (line,) = data.load(format, tmp_path / "out")[0].lines
    assert (line.text, line.words) == ("one two", words[1:])


@pytest.mark.parametrize("format", ["page", "alto"])
def test_further_pages_of_a_file_are_no_labels_of_its_first(tmp_path, format):
    sheets = [Image.new("L", (WIDTH, HEIGHT), 255)] * 2
    sheets[0].save(tmp_path / "scan.tif", save_all=True, append_images=sheets[1:])
    for number in (1, 2):
        line = LineResult(TextLine(Box(10, 10, 90, 30)), Transcription(f"{number}", -1.0, 0.5))
        page = PageResult(Size(WIDTH, HEIGHT), None, (line,), None, "scan.tif", number=number)
        save(page, tmp_path / f"scan-{number}.{format}.xml", format)
    dataset = data.load({"page": "page_xml"}.get(format, format), tmp_path)
    assert [page.text for page in dataset] == ["1"]
    assert dataset.report().skipped == {"page of a picture with several": 1}
