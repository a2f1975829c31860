"""Manifests that are written are read back."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from htrlib import data
from htrlib.data import Dataset, LabeledLine, LabeledWord, PageSample
from htrlib.document.geometry import Box, Size
from htrlib.document.results import TextLine
from tests.data.labeled_pages import pages
from tests.data.test_ground_truth import custom, text, write


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        pages(with_baseline=False), min_size=1, max_size=2, unique_by=lambda p: p.source.lower()
    )
)
def test_what_is_written_is_read(samples):
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "output.manifest"
        assert not data.write_ground_truth(Dataset(tuple(samples)), path)
        dataset = data.load("ground_truth", path)
        assert len(dataset) == len(samples)
    assert not dataset.problems
    for sample, page in zip(samples, dataset.pages):
        assert page.source == f"images/{sample.source}.png"
        assert [(line.text, line.line) for line in page.lines] == [
            (line.text, line.line) for line in sample.lines
        ]
        assert [line.words for line in page.lines if len(line.words) > 1] == [
            line.words for line in sample.lines if len(line.words) > 1
        ]
        assert (page.paragraph, page.writer, page.split) == (
            sample.paragraph,
            sample.writer,
            sample.split,
        )


def test_a_prefix_makes_remote_references(tmp_path, make_picture):
    make_picture("a.png")
    dataset = data.load("ground_truth", write(tmp_path, custom(text("a", 0, 0))))
    path = tmp_path / "out" / "output.manifest"
    data.write_ground_truth(dataset, path, prefix="s3://bucket/scans/")
    assert json.loads(path.read_text())["source-ref"] == "s3://bucket/scans/a.png"
    again = data.load("ground_truth", path, images=path.parent / "images")
    assert again[0].text == "a"


@pytest.mark.parametrize("step", [1, -1])
def test_words_of_a_right_to_left_script_keep_their_order(tmp_path, make_picture, step):
    picture = make_picture("a.png")
    boxes = [Box(120, 20, 180, 40), Box(70, 20, 110, 40), Box(10, 20, 60, 40)][::step]
    words = tuple(LabeledWord(word, box) for word, box in zip(("אחד", "שתיים", "שלוש"), boxes))
    line = LabeledLine("אחד שתיים שלוש", TextLine(Box(10, 20, 180, 40)), words)
    page = PageSample(picture, Size(200, 100), "a", (line,))
    path = tmp_path / "output.manifest"
    data.write_ground_truth(Dataset((page,)), path)
    (read,) = data.load("ground_truth", path).pages[0].lines
    assert read.text == line.text
    assert len(read.words) == (3 if step == 1 else 0)
