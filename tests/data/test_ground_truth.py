from __future__ import annotations

import json
import re

import pytest

from htrlib import data
from htrlib.document.geometry import Box
from htrlib.errors import AnnotationError, DatasetError


def text(content, left, top, width=40, line=1, kind="handwritten", **more):
    corners = [(left, top), (left + width, top), (left + width, top + 10), (left, top + 10)]
    bb = [{"x": x, "y": y} for x, y in corners]
    return {"text": content, "line_num": line, "type": kind, "bb": bb, **more}


def custom(*texts, reference="a.png", spelling="job-name", **more):
    return {
        "source-ref": reference,
        "label": {"texts": list(texts), "imageSource": {"s3Uri": reference}},
        "label-metadata": {
            "type": "groundTruth/custom",
            spelling: "my-job",
            "human-annotated": "yes",
        },
        **more,
    }


def boxed(*boxes, names=("paragraph", "line", "word"), size=(200, 100), **metadata):
    annotations = [
        {"class_id": names.index(name), "left": x, "top": y, "width": w, "height": h}
        for name, x, y, w, h in boxes
    ]
    return {
        "source-ref": "a.png",
        "label": {
            "annotations": annotations,
            "image_size": [{"width": size[0], "height": size[1], "depth": 3}],
        },
        "label-metadata": {
            "class-map": {str(index): name for index, name in enumerate(names)},
            "objects": [{"confidence": 0.9}] * len(boxes),
            "type": "groundtruth/object-detection",
            "job-name": "my-job",
            **metadata,
        },
    }


def write(folder, *rows):
    path = folder / "output.manifest"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("spelling", ["job-name", "job_name"])
def test_texts_of_a_line_number_make_a_line(tmp_path, make_picture, spelling):
    make_picture("a.png")
    texts = [
        text("there", 60, 12, line="1"),
        text("Hello,", 10, 10, line="1 "),
        text("second line", 10, 40, 100, line=2),
        text("last", 10, 80, line=10, confidence=0.5),
    ]
    path = write(tmp_path, custom(*texts, spelling=spelling, writer=12, split="dev"))
    (page,) = data.load("ground_truth", path)
    assert page.text == "Hello, there\nsecond line\nlast"
    assert (page.source, page.writer, page.split) == ("a.png", "12", "dev")
    first, second, last = page.lines
    assert first.line.box == Box(10, 10, 100, 22)
    assert [(word.text, word.box.left) for word in first.words] == [("Hello,", 10), ("there", 60)]
    assert second.words == ()
    assert last.line.confidence == 0.5


def test_texts_of_a_right_to_left_script_follow_each_other_from_the_right(tmp_path, make_picture):
    make_picture("a.png")
    texts = [
        *[text("שלוש", 10, 10), text("אחד", 120, 10), text("2", 70, 10)],
        *[text("two", 60, 30, line=2), text("one", 10, 30, line=2), text("אחד", 120, 30, line=2)],
    ]
    (page,) = data.load("ground_truth", write(tmp_path, custom(*texts)))
    assert page.text == "אחד 2 שלוש\none two אחד"
    assert [word.box.left for word in page.lines[0].words] == [120, 70, 10]


def test_a_slanted_outline_is_kept_as_polygon(tmp_path, make_picture):
    make_picture("a.png")
    outline = [{"x": 5, "y": 10}, {"x": 90, "y": 5}, {"x": 90, "y": 20}, {"x": 5, "y": 25}]
    path = write(tmp_path, custom({"text": "a b", "line_num": 1, "type": "", "bb": outline}))
    (line,) = data.load("ground_truth", path)[0].lines
    assert line.line.polygon.points == ((5, 10), (90, 5), (90, 20), (5, 25))


def test_several_answers_are_consolidated(tmp_path, make_picture):
    make_picture("a.png")
    rows = [custom(text(word, 10, 10)) for word in ("Hello!", "Hello!", "Hallo!")]
    listed = custom()
    listed["label"] = [row["label"] for row in rows]
    for manifest in (rows, [listed]):
        (page,) = data.load("ground_truth", write(tmp_path, *manifest))
        assert page.text == "Hello!"
        assert 0.9 < page.lines[0].line.confidence < 1


def test_a_label_in_a_string_is_read(tmp_path, make_picture):
    make_picture("a.png")
    row = custom(text("a", 10, 10))
    row["label"] = json.dumps(row["label"])
    assert data.load("ground_truth", write(tmp_path, row))[0].text == "a"


def test_texts_that_cannot_be_used_are_reported(tmp_path, make_picture):
    make_picture("a.png")
    texts = [
        text("header", 10, 0, kind="printed"),
        {"text": "", "line_num": 1, "type": "handwritten"},
        {"text": " ", "line_num": 0, "type": "handwritten", "bb": [{"x": 3, "y": 3}]},
        text("by itself", 10, 60, line=""),
        text("good", 10, 20, line=0),
    ]
    dataset = data.load("ground_truth", write(tmp_path, custom(*texts)))
    assert dataset[0].text == "good\nby itself"
    assert len(dataset[0].lines) == 2
    assert dataset.report().skipped == {"printed text": 1}
    assert dataset.report().mended == {"text without a line number": 1}


def test_a_line_with_a_piece_that_has_no_box_keeps_its_text_without_a_place(tmp_path, make_picture):
    make_picture("a.png")
    texts = [
        text("Smith", 120, 10),
        {"text": "Sir", "line_num": 1, "type": "handwritten"},
        text("Dear", 10, 10),
        text("outside", 500, 0, line=2),
        text("good", 10, 60, line=3),
    ]
    dataset = data.load("ground_truth", write(tmp_path, custom(*texts)))
    assert dataset[0].text == "Dear Sir Smith\noutside\ngood"
    assert [line.text for line in dataset.lines] == ["good"]
    assert dataset.report().mended == {"text without a box": 1, "box outside the page": 1}


@pytest.mark.parametrize("unread", [" ", None])
def test_a_line_with_a_piece_that_is_not_read_keeps_its_place_without_a_text(
    tmp_path, make_picture, unread
):
    make_picture("a.png")
    texts = [text("Dear", 10, 10), text(unread, 60, 10), text("Smith", 120, 10)]
    dataset = data.load("ground_truth", write(tmp_path, custom(*texts)))
    (line,) = dataset[0].lines
    assert (line.text, line.line.box) == ("", Box(10, 10, 160, 20))
    assert dataset.lines == ()
    assert dataset.report().mended == {"line without text": 1}


def test_print_parts_the_writing_of_a_line(tmp_path, make_picture):
    make_picture("a.png")
    texts = [
        text("John", 60, 10),
        text("Name", 10, 10, kind="printed"),
        text("Date", 110, 10, kind="printed"),
        text("May", 150, 10),
        text("Smith", 80, 10, 20),
    ]
    dataset = data.load("ground_truth", write(tmp_path, custom(*texts)))
    assert [(line.text, line.line.box.left) for line in dataset[0].lines] == [
        ("John Smith", 60),
        ("May", 150),
    ]
    texts[2]["bb"] = []  # where it parts them is not known
    (page,) = data.load("ground_truth", write(tmp_path, custom(*texts)))
    assert [(line.text, line.line) for line in page.lines] == [("John Smith May", None)]


def test_of_several_answers_what_most_could_not_read_is_unread(tmp_path, make_picture):
    make_picture("a.png")
    rows = [custom(text("Dear", 10, 10), text(word, 60, 10)) for word in ("", "Sir", "")]
    dataset = data.load("ground_truth", write(tmp_path, *rows))
    (line,) = dataset[0].lines
    assert (line.text, line.line.box) == ("", Box(10, 10, 100, 20))


@pytest.mark.parametrize("careless", [1, 2])
def test_of_several_answers_what_most_have_no_box_for_leaves_no_place(
    tmp_path, make_picture, careless
):
    make_picture("a.png")
    rows = [custom(text("Dear", 10, 10), text("Sir", 60, 10)) for _ in range(3)]
    for row in rows[:careless]:
        row["label"]["texts"][1]["bb"] = []
    dataset = data.load("ground_truth", write(tmp_path, *rows))
    (line,) = dataset[0].lines
    assert line.text == "Dear Sir"
    assert (line.line is None) == (careless == 2)
    assert dataset.report().skipped == {"text without a box": careless}


def test_failed_rejected_and_unlabeled_rows_are_reported(tmp_path, make_picture):
    for name in "abcd":
        make_picture(f"{name}.png")
    failed = custom(text("a", 0, 0), reference="a.png")
    failed["label-metadata"]["failure-reason"] = "ClientError: too large"
    rejected = custom(text("b", 0, 0), reference="b.png")
    rejected["check"] = "1"
    rejected["check-metadata"] = {"class-name": "Bad", "type": "groundtruth/label-verification"}
    accepted = custom(text("c", 0, 0), reference="c.png")
    accepted["check-metadata"] = {"class-name": "good", "type": "groundtruth/label-verification"}
    path = write(tmp_path, failed, rejected, accepted, {"source-ref": "d.png"})
    dataset = data.load("ground_truth", path)
    assert [page.source for page in dataset] == ["c.png"]
    assert dataset.report().skipped == {
        "labeling failed": 1,
        "rejected by verification": 1,
        "not labeled": 1,
    }
    assert "too large" in str(dataset.problems[0])
    assert len(data.load("ground_truth", path, rejected=["ugly"])) == 2
    assert len(data.load("ground_truth", path, rejected="ugly, bad")) == 1


@pytest.mark.parametrize("label", [[], "[]"])
def test_a_list_without_an_answer_is_reported_as_not_labeled(tmp_path, make_picture, label):
    make_picture("a.png")
    make_picture("b.png")
    unlabeled = {**custom(reference="b.png"), "label": label}
    dataset = data.load("ground_truth", write(tmp_path, custom(text("a", 0, 0)), unlabeled))
    assert [page.source for page in dataset] == ["a.png"]
    assert dataset.report().skipped == {"not labeled": 1}
    assert "b.png" in str(dataset.problems[0])


def test_a_list_without_an_answer_leaves_other_workers_answers(tmp_path, make_picture):
    make_picture("a.png")
    path = write(tmp_path, {**custom(), "label": []}, custom(text("a", 0, 0)))
    assert data.load("ground_truth", path)[0].text == "a"


def test_boxes_give_paragraph_lines_and_words(tmp_path, make_picture):
    make_picture("a.png")
    row = boxed(
        ("paragraph", 5, 5, 190, 90),
        ("line", 10, 50, 100, 12),
        ("line", 10, 10, 100, 12),
        ("word", 60, 11, 30, 10),
        ("word", 12, 11, 30, 10),
        ("word", 60, 80, 30, 10),
        ("word", 12, 81, 30, 10),
    )
    dataset = data.load("ground_truth", write(tmp_path, row))
    (page,) = dataset.pages
    assert page.paragraph == Box(5, 5, 195, 95)
    assert [(line.text, line.line.box.top) for line in page.lines] == [("", 10), ("", 50), ("", 80)]
    assert [[word.box.left for word in line.words] for line in page.lines] == [
        [12, 60],
        [],
        [12, 60],
    ]
    assert dataset.lines == ()
    assert dataset.report().lines_without_text == 3


def test_other_class_names_are_mapped_or_reported(tmp_path, make_picture):
    make_picture("a.png")
    row = boxed(("Zeile", 0, 0, 9, 9), ("stamp", 9, 9, 9, 9), names=("Zeile", "stamp"))
    dataset = data.load("ground_truth", write(tmp_path, row), classes={"Zeile": "line"})
    assert len(dataset[0].lines) == 1
    assert dataset.report().skipped == {"class that is neither paragraph, line nor word": 1}


def test_a_class_whose_name_is_a_number_is_reported(tmp_path, make_picture):
    make_picture("a.png")
    row = boxed(("line", 0, 0, 9, 9), (7, 9, 9, 9, 9), names=("line", 7))
    row["label-metadata"]["class-map"]["1"] = 7
    dataset = data.load("ground_truth", write(tmp_path, row))
    assert len(dataset[0].lines) == 1
    assert dataset.report().skipped == {"class that is neither paragraph, line nor word": 1}


def test_a_picture_of_another_size_is_not_used(tmp_path, make_picture):
    make_picture("a.png")
    with pytest.raises(DatasetError, match="says 20 x 10"):
        data.load("ground_truth", write(tmp_path, boxed(size=(20, 10))))


def test_pictures_on_s3_are_looked_up_in_a_folder(tmp_path, make_picture):
    make_picture("scans/deep/a.png")
    make_picture("scans/b.png")
    path = write(
        tmp_path,
        custom(text("a", 0, 0), reference="s3://bucket/prefix/deep/a.png"),
        custom(text("b", 0, 0), reference="s3://bucket/prefix/b.png"),
    )
    dataset = data.load("ground_truth", path, images=tmp_path / "scans")
    assert [page.image.name for page in dataset.pages] == ["a.png", "b.png"]
    fetched = data.load("ground_truth", path, images=lambda reference: tmp_path / "scans" / "b.png")
    assert len(fetched) == 2
    with pytest.raises(AnnotationError, match="images=FOLDER"):
        data.load("ground_truth", path)


def test_pictures_on_s3_may_lie_beside_the_manifest(tmp_path, make_picture):
    make_picture("prefix/a.png")
    path = write(tmp_path, custom(text("a", 0, 0), reference="s3://bucket/prefix/a.png"))
    (page,) = data.load("ground_truth", path).pages
    assert page.image == tmp_path / "prefix" / "a.png"


def test_pictures_of_one_name_in_one_folder_are_not_taken_for_each_other(tmp_path, make_picture):
    for name in ("scans/a.png", "scans/x/b.png", "scans/b.png"):
        make_picture(name)
    rows = [
        custom(text(name, 0, 0), reference=f"s3://bucket/{name}.png")
        for name in ("x/a", "y/a", "x/b", "y/b")
    ]
    dataset = data.load("ground_truth", write(tmp_path, *rows), images=tmp_path / "scans")
    assert [(page.text, page.image.parent.name) for page in dataset.pages] == [
        ("x/b", "x"),
        ("y/b", "scans"),
    ]
    assert dataset.report().skipped == {"picture of several source-refs": 2}


def test_a_source_ref_cannot_leave_the_folder(tmp_path, make_picture):
    make_picture("secret.png")
    path = write(tmp_path, custom(text("a", 0, 0), reference="s3://bucket/../secret.png"))
    with pytest.raises(AnnotationError, match=r"must not contain \.\."):
        data.load("ground_truth", path, images=tmp_path / "scans")


def test_the_attribute_is_named_where_there_are_several(tmp_path, make_picture):
    make_picture("a.png")
    row = custom(text("a", 0, 0))
    row.update({"other": {"texts": [text("b", 0, 0)]}, "other-metadata": {}})
    path = write(tmp_path, row)
    with pytest.raises(AnnotationError, match="found label, other; name it with attribute="):
        data.load("ground_truth", path)
    assert data.load("ground_truth", path, attribute="other")[0].text == "b"


def test_a_missing_picture_is_reported(tmp_path, make_picture):
    make_picture("a.png")
    path = write(tmp_path, custom(text("a", 0, 0)), custom(text("b", 0, 0), reference="b.png"))
    assert data.load("ground_truth", path).report().skipped == {"missing image": 1}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{oops", "line 3: not JSON"),
        ("[1]", r"line 3: expected an object, found \[1\]"),
        ('{"label": 1}', "line 3: expected the key"),
        (json.dumps({**custom(), "source-ref": "b.png", "label": {"x": 1}}), "line 3: .*texts"),
        (
            json.dumps({**custom(), "source-ref": "b.png", "label": {"texts": [{"bb": []}]}}),
            'line 3: .*key "text"',
        ),
        (json.dumps({**custom(), "label-metadata": 5}), "line 3: .*metadata, found 5"),
        (
            json.dumps({**custom(), "label-metadata": "failure-reason"}),
            "line 3: .*metadata, found 'failure-reason'",
        ),
        (json.dumps({**custom(), "label-metadata": [1]}), r"line 3: .*metadata, found \[1\]"),
        (json.dumps(boxed(size=(float("inf"), 1))), "line 3: .*image_size.*inf"),
    ],
)
def test_errors_name_the_line_and_leave_the_others(tmp_path, make_picture, line, message):
    make_picture("a.png")
    make_picture("b.png")
    path = write(tmp_path, custom(text("a", 0, 0)))
    path.write_text(path.read_text() + f"\n{line}\n")
    dataset = data.load("ground_truth", path)
    assert [page.text for page in dataset] == ["a"]
    (problem,) = dataset.problems
    assert (problem.reason, problem.skipped) == ("row that cannot be read", "page")
    assert re.search(rf"output\.manifest, {message}", problem.detail)
    path.write_text(f"\n\n{line}\n")
    with pytest.raises(AnnotationError, match=message) as error:
        data.load("ground_truth", path, attribute="label")
    assert error.value.line_number == 3


@pytest.mark.parametrize("content", [["a"], {"a": 1}, True])
def test_a_text_that_is_no_text_does_not_become_a_label(tmp_path, make_picture, content):
    make_picture("a.png")
    with pytest.raises(AnnotationError, match=r'line 1: .*"text" must be a string, found'):
        data.load("ground_truth", write(tmp_path, custom(text(content, 0, 0))))


@pytest.mark.parametrize("x", ["100,5", None, [1], {}])
def test_coordinates_that_are_no_numbers_leave_the_text_without_a_place(tmp_path, make_picture, x):
    make_picture("a.png")
    piece = {**text("a", 0, 0), "bb": [{"x": x, "y": 1}, {"x": 50, "y": 9}]}
    dataset = data.load("ground_truth", write(tmp_path, custom(piece, text("b", 0, 20, line=2))))
    assert [(line.text, line.line is None) for line in dataset[0].lines] == [
        ("a", True),
        ("b", False),
    ]
    assert "coordinates that cannot be read" in dataset.report().mended


@pytest.mark.parametrize(
    ("stated", "expected"), [(-1, 0.0), (7, 1.0), ("high", 1.0), (float("nan"), 1.0), ("0.5", 0.5)]
)
def test_a_confidence_is_between_0_and_1(tmp_path, make_picture, stated, expected):
    make_picture("a.png")
    path = write(tmp_path, custom(text("a", 0, 0, confidence=stated)))
    assert data.load("ground_truth", path)[0].lines[0].line.confidence == expected


@pytest.mark.parametrize("number", [1.0, "1", " 1 "])
def test_a_line_number_may_be_spelled_otherwise(tmp_path, make_picture, number):
    make_picture("a.png")
    pieces = [text("a", 0, 0, line=1), text("b", 60, 0, line=number)]
    assert data.load("ground_truth", write(tmp_path, custom(*pieces)))[0].text == "a b"


@pytest.mark.parametrize("reference", ["a%20b.png", "A B.PNG", "x\\a b.png"])
def test_a_source_ref_may_be_spelled_as_on_another_system(tmp_path, make_picture, reference):
    make_picture("A B.png" if reference[0] == "A" else "a b.png")
    make_picture("x/a b.png")
    path = write(tmp_path, custom(text("a", 0, 0), reference=reference))
    assert len(data.load("ground_truth", path)) == 1
    assert len(data.load("ground_truth", path, images=tmp_path)) == 1


def test_an_empty_manifest_is_an_error(tmp_path):
    with pytest.raises(DatasetError, match="it is empty"):
        data.load("ground_truth", write(tmp_path))


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (5, '"texts" must be a list of objects, found 5'),
        ([{"text": "x", "bb": 5}], '"bb" must be a list of points with x and y, found 5'),
    ],
)
def test_values_of_another_kind_are_named(tmp_path, make_picture, texts, message):
    make_picture("a.png")
    path = tmp_path / "output.manifest"
    metadata = {"type": "groundtruth/custom"}
    row = {"source-ref": "a.png", "job": {"texts": texts}, "job-metadata": metadata}
    path.write_text(json.dumps(row))
    with pytest.raises(AnnotationError, match=message):
        data.load("ground_truth", path)
