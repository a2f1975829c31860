from __future__ import annotations

import json

import pytest

from htrlib import data
from htrlib.document.geometry import Box
from htrlib.errors import AnnotationError, DatasetError

PAGE = {"size": [200, 100], "writer": "w", "split": "dev"}
LINE = {
    "text": "Hello there",
    "box": [10, 20, 90, 40],
    "polygon": [10, 20, 90, 20, 90, 40],
    "baseline": [10, 35, 90, 36],
    "consent": True,
    "struck": False,
    "type": "DefaultLine",
}


def write(folder, pages):
    path = folder / "pages.json"
    path.write_text(json.dumps(pages))
    return path


def test_lines_with_places(tmp_path, make_picture):
    make_picture("pages/a.png")
    path = write(tmp_path, {"a.png": {**PAGE, "lines": [LINE, {"text": "no box"}]}})
    dataset = data.load("pages_json", path)
    (page,) = dataset.pages
    assert (page.source, page.writer, page.split) == ("a.png", "w", "dev")
    assert page.text == "Hello there\nno box"
    first = page.lines[0]
    assert first.line.box == page.paragraph == Box(10, 20, 90, 40)
    assert first.line.polygon.points == ((10, 20), (90, 20), (90, 40))
    assert first.line.baseline == ((10, 35), (90, 36))
    assert first.tags == ("consent", "DefaultLine")
    assert dataset.report().mended == {"text without a box": 1}


def test_names_may_be_numbers_or_null(tmp_path, make_picture):
    make_picture("pages/a.png")
    nameless = {**LINE, "id": None, "type": None}
    page = {**PAGE, "writer": 12, "lines": [nameless, nameless, {**LINE, "id": 7}]}
    dataset = data.load("pages_json", write(tmp_path, {"a.png": page}))
    assert [line.id for line in dataset[0].lines] == ["", "", "7"]
    assert dataset[0].lines[0].tags == ("consent",)
    assert dataset[0].writer == "12"
    assert not dataset.problems


def test_texts_with_boxes_beside_them(tmp_path, make_picture):
    make_picture("scans/a.png")
    page = {**PAGE, "lines": ["one", "two"], "line_boxes": [[0, 0, 9, 9], [0, 10, 9, 19]]}
    path = write(tmp_path, {"a.png": page})
    lines = data.load("pages_json", path, images=tmp_path / "scans").lines
    assert [(line.text, line.line.box.top) for line in lines] == [("one", 0), ("two", 10)]


def test_a_split_takes_its_pages_alone(tmp_path, make_picture):
    for name in ("a.png", "b.png"):
        make_picture(name)
    pages = {"a.png": {**PAGE, "lines": ["a"]}, "b.png": {"split": "train", "lines": ["b"]}}
    path = write(tmp_path, pages)
    assert [page.source for page in data.load("pages_json", path, split="train")] == ["b.png"]
    with pytest.raises(
        DatasetError, match="no sample is in the split 'test'; there are dev, train"
    ):
        data.load("pages_json", path, split="test")


def test_a_page_whose_picture_is_missing_is_left_out(tmp_path, make_picture):
    make_picture("a.png")
    path = write(tmp_path, {"a.png": {"lines": ["a"]}, "b.png": {"lines": ["b"]}})
    assert data.load("pages_json", path).report().skipped == {"missing image": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a.png":\n oops}', "line 2: not JSON"),
        ("[]", "expected an object"),
        ('{"a.png": {"lines": []}, "a.png": {"lines": []}}', "must be unique"),
        ('{"a.png": {}}', "'a.png'.*lines"),
        ('{"a.png": {"size": [3], "lines": []}}', "'a.png'"),
        (
            '{"a.png": {"lines": ["x"], "line_boxes": [[0, 0, 1, 1], [0, 0, 1, 1]]}}',
            "expected 1 line_boxes.* found 2",
        ),
        ('{"a.png": {"lines": [{"text": "x", "polygon": [1, 2, 3]}]}}', "3 numbers"),
    ],
)
def test_what_is_not_of_the_form_is_named(tmp_path, make_picture, text, message):
    make_picture("a.png")
    path = tmp_path / "pages.json"
    path.write_text(text)
    with pytest.raises(AnnotationError, match=message):
        data.load("pages_json", path)


def test_real_collections(shared_data):
    dataset = data.load("pages_json", shared_data / "copiste" / "pages.json", split="dev")
    report = dataset.report()
    assert (report.pages, report.lines, report.writers) == (26, 516, 15)
    assert not report.problems
    line = dataset.lines[0]
    assert line.line.box.bottom <= line.load_image().shape[0]
    csafe = data.load("pages_json", shared_data / "csafe" / "transcripts.json", split="dev")
    assert (len(csafe.pages), csafe.report().lines, len(csafe.lines)) == (20, 212, 198)


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ('{"lines": 5}', '"lines" must be a list, found 5'),
        ("{}", '"lines" must be a list, found None'),
        ('{"lines": [{"text": 5}]}', '"text" of a line must be a string, found 5'),
        ('{"size": ["a", 2], "lines": []}', '"size" must be .width, height.'),
    ],
)
def test_values_of_another_kind_are_named(tmp_path, make_picture, page, message):
    make_picture("a.png")
    path = tmp_path / "pages.json"
    path.write_text(f'{{"a.png": {page}}}')
    with pytest.raises(AnnotationError, match=message):
        data.load("pages_json", path)
