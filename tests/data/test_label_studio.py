from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from htrlib import data
from htrlib.document.geometry import Box
from htrlib.errors import AnnotationError

SIZE = {"original_width": 200, "original_height": 100, "image_rotation": 0}
BOX = {"x": 10, "y": 20, "width": 40, "height": 10, "rotation": 0}
UPLOAD = "/data/upload/3/1f2e3d4c-a.png"


def region(name, text, value=BOX, labels=("Handwriting",), type="rectangle"):
    """The results of a region, as Label Studio's OCR template exports them."""
    return [
        {"id": name, "type": type, "value": dict(value), **SIZE},
        {"id": name, "type": "labels", "value": {**value, "labels": list(labels)}, **SIZE},
        {"id": name, "type": "textarea", "value": {**value, "text": [text]}, **SIZE},
    ]


def task(*results, reference=UPLOAD, **more):
    annotation = {"was_cancelled": False, "result": list(results), **more}
    return {"id": 1, "data": {"ocr": reference}, "annotations": [annotation]}


def write(folder, *tasks):
    path = folder / "export.json"
    path.write_text(json.dumps(tasks))
    return path


def load(folder, *results, **options):
    return data.load("label_studio", write(folder, task(*results)), **options)


def test_a_region_is_a_line_with_text_place_kind_and_labels(tmp_path, make_picture):
    make_picture("1f2e3d4c-a.png")
    dataset = load(tmp_path, *region("r1", " Dear  Sir, "))
    (line,) = dataset[0].lines
    assert (line.text, line.id, line.tags) == ("Dear Sir,", "r1", ("Handwriting",))
    assert line.line.box == Box(20, 20, 100, 30)
    assert line.line.polygon is None
    assert line.line.kind == "handwritten"
    assert not dataset.problems


def test_a_turned_rectangle_turns_around_its_upper_left_corner(tmp_path, make_picture):
    make_picture("a.png")
    value = {**BOX, "x": 50, "y": 50, "rotation": 90}
    (line,) = load(tmp_path, *region("r1", "up", value))[0].lines
    assert line.line.box.as_tuple() == pytest.approx((90, 50, 100, 100))
    value = {**BOX, "rotation": 10}
    (line,) = load(tmp_path, *region("r1", "sloping", value))[0].lines
    second = line.line.polygon.points[1]
    turn = math.radians(10)
    assert second == pytest.approx((20 + 80 * math.cos(turn), 20 + 80 * math.sin(turn)))


def test_polygons_are_outlines(tmp_path, make_picture):
    make_picture("a.png")
    value = {"points": [[10, 20], [50, 22], [50, 32], [10, 30]]}
    (line,) = load(tmp_path, *region("r1", "there", value, type="polygon"))[0].lines
    corners = [(20, 20), (100, 22), (100, 32), (20, 30)]
    assert [pytest.approx(corner) for corner in corners] == list(line.line.polygon.points)


@pytest.mark.parametrize(
    ("reference", "picture"),
    [
        ("/data/upload/3/1f2e3d4c-page%201.png", "1f2e3d4c-page 1.png"),
        ("/data/upload/3/1f2e3d4c-a.png", "a.png"),
        ("/data/upload/3/1f2e3d4c-a.png", "upload/3/1f2e3d4c-a.png"),
        ("/data/local-files/?d=scans/1904/a.png", "scans/1904/a.png"),
        ("/data/local-files/?d=scans%2F1904%2Fa.png", "1904/a.png"),
        ("s3://bucket/letters/a.png", "letters/a.png"),
        ("https://example.org/files/a.png?version=2", "a.png"),
        ("https://example.org/files/a%231.png#top", "a#1.png"),
        ("s3://bucket/letters/a#1.png", "letters/a#1.png"),
        ("/data/upload/3/1f2e3d4c-a#1.png", "a#1.png"),
        ("/data/local-files/?d=scans/a#1.png", "scans/a#1.png"),
    ],
)
def test_pictures_are_found_by_their_address(tmp_path, make_picture, reference, picture):
    make_picture(f"pictures/{picture}")
    path = write(tmp_path, task(*region("r1", "text"), reference=reference))
    dataset = data.load("label_studio", path, images=tmp_path / "pictures")
    assert dataset[0].image == tmp_path / "pictures" / picture


def test_no_address_leads_out_of_the_folder(tmp_path, make_picture):
    make_picture("secret.png")
    (tmp_path / "in").mkdir()
    reference = "/data/local-files/?d=../secret.png"
    path = write(tmp_path, task(*region("r1", "x"), reference=reference), task(reference="b.png"))
    make_picture("in/b.png")
    report = data.load("label_studio", path, images=tmp_path / "in").report()
    assert report.skipped == {"missing image": 1}


def test_the_ground_truth_or_the_last_annotation_counts(tmp_path, make_picture):
    make_picture("a.png")
    given = task(*region("r1", "first"))
    given["annotations"] += task(*region("r1", "last"))["annotations"]
    given["annotations"] += task(*region("r1", "canceled"), was_cancelled=True)["annotations"]
    dataset = data.load("label_studio", write(tmp_path, given))
    assert dataset[0].text == "last"
    assert dataset.report().mended == {"several annotations": 1}
    given["annotations"][0]["ground_truth"] = True
    assert data.load("label_studio", write(tmp_path, given))[0].text == "first"


def test_what_is_no_line_is_reported(tmp_path, make_picture):
    make_picture("a.png")
    ellipse = {"x": 10, "y": 10, "radiusX": 5, "radiusY": 3}
    results = [
        *region("r1", "a line"),
        *region("r2", "two\nlines"),
        *region("r3", "round", ellipse, type="ellipse"),
        {"type": "relation", "from_id": "r1", "to_id": "r2", "direction": "right"},
    ]
    dataset = load(tmp_path, *results)
    assert [line.text for line in dataset.lines] == ["a line"]
    report = dataset.report()
    assert report.skipped == {"region of several lines": 1}
    assert report.mended["coordinates that cannot be read"] == 1


def test_pages_without_labels_and_turned_ones_are_reported(tmp_path, make_picture):
    for name in ("a.png", "b.png", "c.png"):
        make_picture(name)
    turned = region("r1", "text")
    for result in turned:
        result["image_rotation"] = 90
    unlabeled = {"id": 2, "data": {"ocr": "b.png"}, "annotations": []}
    path = write(tmp_path, task(*region("r1", "x")), unlabeled, task(*turned, reference="c.png"))
    assert data.load("label_studio", path).report().skipped == {
        "not labeled": 1,
        "picture turned in Label Studio": 1,
    }


def test_two_uploads_of_one_name_are_not_mixed_up(tmp_path, make_picture):
    make_picture("a.png")
    make_picture("b.png")
    tasks = [
        task(*region("r1", "x"), reference=f"/data/upload/3/{prefix}-a.png")
        for prefix in ("11111111", "22222222")
    ]
    path = write(tmp_path, *tasks, task(*region("r1", "y"), reference="b.png"))
    dataset = data.load("label_studio", path)
    assert [page.text for page in dataset.pages] == ["y"]
    assert dataset.report().skipped == {"picture of several tasks": 2}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not JSON"),
        ("{}", "expected a list of tasks"),
        ('[{"ocr": "a.png", "transcription": "x"}]', "JSON-MIN"),
        ('[{"id": 7, "data": {"text": "x"}, "annotations": []}]', "task 7 .*names a picture"),
        ('[{"id": 7, "data": {"ocr": "a.png"}, "annotations": [5]}]', "task 7 "),
    ],
)
def test_what_is_no_export_is_an_error_that_says_so(tmp_path, content, message):
    path = tmp_path / "export.json"
    path.write_text(content)
    with pytest.raises(AnnotationError, match=message):
        data.load("label_studio", path)


def test_a_task_of_another_form_is_reported_and_the_others_are_read(tmp_path, make_picture):
    make_picture("a.png")
    dataset = data.load("label_studio", write(tmp_path, task(*region("r1", "x")), task("odd")))
    assert [line.text for line in dataset.lines] == ["x"]
    (problem,) = dataset.problems
    assert (problem.reason, problem.skipped) == ("task that cannot be read", "page")
    assert "task 1 does not have the form" in problem.detail


def test_the_example_of_the_docs_loads(tmp_path, make_picture):
    page = Path(__file__).resolve().parents[2] / "docs" / "training-data.md"
    section = page.read_text(encoding="utf-8").partition("### `label_studio`")[2]
    (tmp_path / "export.json").write_text(re.findall(r"```json\n(.*?)```", section, re.S)[0])
    make_picture("images/page-1.png", 1000, 800)
    (line,) = data.load("label_studio", tmp_path / "export.json").lines
    assert (line.text, line.line.box) == ("Dear Sir,", Box(100, 160, 600, 200))


numbers = st.one_of(
    st.floats(-50, 150),
    st.sampled_from([math.nan, math.inf, -math.inf, "10", "ten", None]),
)
rectangles = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("x", "y", "width", "height", "rotation"), numbers)
)
polygons = st.fixed_dictionaries({"points": st.lists(st.tuples(numbers, numbers), max_size=5)})


@given(
    st.lists(
        st.tuples(
            st.one_of(st.just(BOX), rectangles, polygons),
            st.text(st.characters(codec="utf-8"), max_size=8),
        ),
        max_size=6,
    )
)
def test_each_region_is_a_line_or_a_reported_problem(tmp_path_factory, regions):
    folder = tmp_path_factory.mktemp("export")
    for name in ("1f2e3d4c-a.png", "b.png"):
        Image.new("L", (200, 100), 255).save(folder / name)
    results = [
        result
        for index, (value, text) in enumerate(regions)
        for result in region(f"r{index}", text, value)
    ]
    path = write(folder, task(*results), task(*region("r", "kept"), reference="b.png"))
    dataset = data.load("label_studio", path)
    report = dataset.report()
    lines = {line.id for page in dataset.pages if page.source == UPLOAD for line in page.lines}
    problems = " ".join(problem.source for problem in dataset.problems)
    page_left_out = UPLOAD in {p.source for p in report.problems if p.skipped == "page"}
    for index in range(len(regions)):
        name = f"r{index}"
        assert name in lines or f"{UPLOAD}#{name}" in problems or page_left_out
