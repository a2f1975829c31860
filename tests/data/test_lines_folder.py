from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from htrlib import data
from htrlib.data import Dataset, LabeledLine, PageSample
from htrlib.document.geometry import Box, Polygon, Size
from htrlib.document.results import TextLine
from htrlib.errors import DatasetError
from tests.data.labeled_pages import pages


def test_texts_are_found_beside_their_pictures(tmp_path, make_picture):
    for name, text in (
        ("a.png", "a.txt"),
        ("b.jpg", "b.gt.txt"),
        ("p/c.bin.png", "p/c.gt.txt"),
        ("p/d.v2.png", "p/d.v2.txt"),
    ):
        make_picture(name)
        (tmp_path / text).write_text(f"\ufeffof {name}\n", encoding="utf-8")
    dataset = data.load("lines", tmp_path)
    assert {line.source: line.text for line in dataset} == {
        name: f"of {name}" for name in ("a.png", "b.jpg", "p/c.bin.png", "p/d.v2.png")
    }
    assert [line.page for line in dataset] == [None, None, "p", "p"]
    assert dataset[0].line is None


def test_pictures_of_one_line_are_not_on_both_sides_of_a_split(tmp_path, make_picture):
    for number in range(9):
        for name in (f"{number}.bin.png", f"{number}.nrm.png", f"{number}.v2.jpg"):
            make_picture(name)
        (tmp_path / f"{number}.gt.txt").write_text(f"line {number}")
        (tmp_path / f"{number}.v2.txt").write_text(f"version {number}")
    first, second = data.load("lines", tmp_path).split(0.5, seed=1)
    assert len(first) + len(second) == 27
    assert not {line.text for line in first} & {line.text for line in second}
    assert {line.page for line in first + second if "line" in line.text} == set("012345678")


def test_the_better_known_suffix_wins(tmp_path, make_picture):
    make_picture("a.png")
    (tmp_path / "a.txt").write_text("recognized")
    (tmp_path / "a.gt.txt").write_text("true")
    assert data.load("lines", tmp_path)[0].text == "true"


def test_pictures_and_texts_without_each_other_are_reported(tmp_path, make_picture):
    for name in ("a.png", "b.png", "c.png"):
        make_picture(name)
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "b.txt").write_text(" \n")
    (tmp_path / "d.gt.txt").write_text("text")
    assert data.load("lines", tmp_path).report().skipped == {
        "line without text": 1,
        "image without text": 1,
        "missing image": 1,
    }


def test_a_text_in_another_encoding_is_reported_and_the_others_are_read(tmp_path, make_picture):
    for name in ("a.png", "b.png", "._b.png"):
        make_picture(name)
    (tmp_path / "a.txt").write_bytes("é".encode("latin-1"))
    (tmp_path / "b.txt").write_text("good")
    dataset = data.load("lines", tmp_path)
    assert [line.text for line in dataset] == ["good"]
    (problem,) = dataset.problems
    assert (problem.reason, problem.source) == ("text that cannot be read", "a.png")
    assert "it should be UTF-8" in problem.detail


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(DatasetError, match="it is empty"):
        data.load("lines", tmp_path)


@settings(max_examples=25, deadline=None)
@given(st.lists(pages(), min_size=1, max_size=3))
def test_what_is_written_is_read(samples):
    dataset = Dataset(tuple(samples))
    if not dataset.lines:
        return
    with tempfile.TemporaryDirectory() as name:
        left_out = data.write_lines_folder(dataset, name)
        read = data.load("lines", name)
        again = Path(name) / "again"
        data.write_lines_folder(read, again)
        assert [s.text for s in data.load("lines", again)] == [s.text for s in read]
    assert not left_out
    assert not read.problems
    assert sorted(line.text for line in read) == sorted(line.text for line in dataset.lines)
    assert len({line.page for line in read}) == sum(bool(page.lines) for page in samples)


def test_a_line_is_cut_out_without_its_neighbors(tmp_path):
    image = np.full((40, 60), 200, np.uint8)
    image[10:30, 10:50] = 50
    polygon = Polygon(((10, 10), (49, 10), (49, 19), (30, 19), (10, 29)))
    line = LabeledLine("text", TextLine(polygon.box, polygon))
    page = PageSample(lambda: image, Size(60, 40), "p", (line, LabeledLine("no place")))
    (problem,) = data.write_lines_folder(Dataset((page,)), tmp_path / "out")
    assert problem.reason == "line without a place"
    (written,) = (tmp_path / "out").rglob("*.png")
    cut = np.asarray(Image.open(written))
    assert cut.shape == (19, 39)
    assert cut[2, 2] == 50
    assert Box(10, 10, 49, 29) == polygon.box


@pytest.mark.parametrize(
    "polygon", [None, Polygon(((10, 5), (20, 5), (21, 15), (20, 35), (10, 35)))]
)
def test_a_line_up_the_page_is_cut_out_upright(tmp_path, polygon):
    image = np.full((40, 60), 200, np.uint8)
    image[25:35, 10:20] = 50  # where the line begins
    place = TextLine(Box(10, 5, 20, 35), polygon, ((18, 35), (18, 5)))
    page = PageSample(lambda: image, Size(60, 40), "p", (LabeledLine("text", place),))
    assert not data.write_lines_folder(Dataset((page,)), tmp_path)
    (written,) = tmp_path.rglob("*.png")
    cut = np.asarray(Image.open(written))
    assert cut.shape == (10, 30)
    assert (cut[5, 5], cut[5, 25]) == (50, 200)


def test_a_link_to_a_folder_is_reported(tmp_path: Path) -> None:
    folder, other = tmp_path / "lines", tmp_path / "other"
    for place in (folder, other):
        place.mkdir()
        Image.new("L", (90, 30), 255).save(place / f"{place.name}.png")
        (place / f"{place.name}.txt").write_text("text")
    (folder / "linked").symlink_to(other)
    found = data.load("lines", folder)
    assert [sample.source for sample in found] == ["lines.png"]
    (problem,) = found.problems
    assert str(problem) == "linked: link to a folder (copy the folder, or read it by itself)"
    assert problem.skipped == "file"
