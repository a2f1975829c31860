"""The Lambda functions for Ground Truth, called with a payload in S3 as it does."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import zipfile
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from htrlib import data

BUCKET, PAYLOAD = "labels", "annotations/consolidation-request/1.json"
ARN = "arn:aws:sagemaker:us-east-1:111122223333:labeling-job/job"
ODD = 'He said: "no, 1:2", l\'été — {x}, [y]; 50 % \\ مرحبا، يا عالم'


def corners(left, top, width=60, height=20):
    right, bottom = left + width, top + height
    edges = [(left, top), (right, top), (right, bottom), (left, bottom)]
    return [{"x": x, "y": y} for x, y in edges]


def mark(text, left=10, top=10, line=1, kind="handwritten"):
    return {"text": text, "line_num": line, "type": kind, "bb": corners(left, top)}


def answer(*marks):
    """A submission of our template."""
    return json.dumps({"labels": json.dumps({"texts": marks}, ensure_ascii=False)})


def old_answer(*labels):
    """A submission of the AWS handwriting solution's template."""
    polygons = [
        {"label": label, "vertices": corners(10, 10 + 30 * n)} for n, label in enumerate(labels)
    ]
    return json.dumps({"transcription": {"polygons": polygons}})


def page(*contents, number="0", image="s3://scans/a.png"):
    annotations = [
        {"workerId": f"worker-{index}", "annotationData": {"content": content}}
        for index, content in enumerate(contents)
    ]
    return {"datasetObjectId": number, "dataObject": {"s3Uri": image}, "annotations": annotations}


@pytest.fixture
def consolidated(aws, script):
    """Stores pages as Ground Truth does, and returns the function's answer."""
    s3 = aws("s3")
    s3.create_bucket(Bucket=BUCKET)
    handler = script("post_annotation").handler

    def call(*pages):
        s3.put_object(Bucket=BUCKET, Key=PAYLOAD, Body=json.dumps(pages).encode())
        event = {
            "version": "2018-10-06",
            "labelingJobArn": ARN,
            "labelAttributeName": "label",
            "payload": {"s3Uri": f"s3://{BUCKET}/{PAYLOAD}"},
        }
        # As the runtime writes the answer, which fails on what UTF-8 cannot hold.
        return json.loads(json.dumps(handler(event, None), ensure_ascii=False).encode())

    return call


def texts(labels):
    (label,) = labels
    return label["consolidatedAnnotation"]["content"]["label"]["texts"]


def test_all_characters_survive(consolidated):
    labels = consolidated(page(answer(mark(ODD)), number="7"))
    assert labels[0]["datasetObjectId"] == "7"
    assert texts(labels) == [{**mark(ODD), "confidence": 1.0}]


def test_workers_agree_on_a_text_and_their_disagreement_is_its_confidence(consolidated):
    answers = [
        answer(mark("Hello, all", 10)),
        answer(mark("Hello, all", 14)),
        answer(mark("Hallo all")),
    ]
    (agreed,) = texts(consolidated(page(*answers)))
    assert agreed["text"] == "Hello, all"
    assert 0.8 < agreed["confidence"] < 1


def test_what_most_workers_did_not_mark_is_dropped(consolidated):
    answers = [answer(mark("one"), mark("stain", 10, 70)), answer(mark("one")), answer(mark("one"))]
    assert [text["text"] for text in texts(consolidated(page(*answers)))] == ["one"]


def test_empty_and_malformed_answers_are_counted(consolidated, caplog):
    caplog.set_level(logging.INFO)
    nested = json.dumps({"labels": {"texts": "no list"}})
    contents = [
        answer(mark("one")),
        answer(),
        "{not json",
        "[]",
        nested,
        json.dumps({"labels": "7"}),
    ]
    (label,) = consolidated(page(*contents))
    content = label["consolidatedAnnotation"]["content"]["label"]
    assert content["workers"] == {"read": 1, "empty": 1, "malformed": 4}
    assert [text["confidence"] for text in content["texts"]] == [0.5]
    assert '"malformed": 4' in caplog.text
    assert "one" not in caplog.text, "what a page says does not go into a log"


def test_a_page_without_a_readable_answer_is_left_for_ground_truth_to_report(consolidated):
    labels = consolidated(
        page("{", number="0"), page(answer(mark("a")), number="1"), page(number="2")
    )
    assert [label["datasetObjectId"] for label in labels] == ["1"]


def test_a_page_without_writing_has_a_label_without_texts(consolidated):
    assert texts(consolidated(page(answer(), answer()))) == []


@pytest.mark.parametrize(
    "change",
    [
        {"text": 5},
        {"text": "  "},
        {"bb": []},
        {"bb": corners(0, 0, width=0)},
        {"bb": [{"x": "left", "y": 1}] * 4},
        {"bb": corners(0, 0, width=float("nan"))},
        {"bb": corners(0, 0, width=1e200, height=1e200)},
        {"bb": corners(0, 0, width=10**400)},
    ],
)
def test_a_mark_that_cannot_be_used_is_left_out_alone(consolidated, change):
    bad = {**mark("bad", 10, 60), **change}
    assert [text["text"] for text in texts(consolidated(page(answer(bad, mark("good")))))] == [
        "good"
    ]


def test_labels_of_the_old_solution_are_read(consolidated):
    labels = [
        "Text: Hello, world, Line #: 3, Type: handwritten",
        "Text: Line #: 9, a: b, Line #: 4 , Type: printed ",
        'Text:naïve: "x", Line #: , Type: handwritten',
        "typed, without the form",
    ]
    found = texts(consolidated(page(old_answer(*labels))))
    assert [(text["text"], text["line_num"], text["type"]) for text in found] == [
        ("Hello, world", 3, "handwritten"),
        ("Line #: 9, a: b", 4, "printed"),
        ('naïve: "x"', None, "handwritten"),
        ("typed, without the form", None, "handwritten"),
    ]


line_texts = st.text(min_size=1, max_size=30).filter(lambda text: text.strip())


@given(st.lists(line_texts, min_size=1, max_size=3), st.integers(1, 3))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_comes_out_as_it_went_in(consolidated, lines, workers):
    marks = [mark(text, 10, 30 * number, number) for number, text in enumerate(lines, start=1)]
    found = texts(consolidated(page(*[answer(*marks)] * workers)))
    assert [(text["text"], text["line_num"]) for text in found] == [
        (text, number) for number, text in enumerate(lines, start=1)
    ]


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["labels", "texts", "text", "bb", "x", "y", "transcription", "polygons"]
                ),
                inner,
                max_size=3,
            )
        ),
    )
)
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_answer_stops_the_others(consolidated, content):
    (label,) = consolidated(page(json.dumps(content), answer(mark("good"))))
    workers = label["consolidatedAnnotation"]["content"]["label"]["workers"]
    assert sum(workers.values()) == 2


@given(line_texts, st.lists(line_texts, max_size=2))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_most_workers_wrote_exactly_wins(consolidated, most, others):
    answers = [answer(mark(text)) for text in [*others, *[most] * (len(others) + 1)]]
    assert [text["text"] for text in texts(consolidated(page(*answers)))] == [most]


def test_the_library_reads_the_consolidated_manifest(consolidated, tmp_path):
    Image.new("L", (200, 100), 255).save(tmp_path / "a.png")
    first = (
        mark("Dear Sir,", 10, 10, 1),
        mark("2nd: “line”", 10, 50, 2),
        mark("Form 7", 100, 80, 3, "printed"),
    )
    second = mark("Dear Sir.", 12, 10, 1), mark("2nd: “line”", 10, 52, 2)
    third = mark("Dear Sir,", 10, 12, 1), mark("2nd: “line”", 10, 50, 2)
    (label,) = consolidated(page(*(answer(*marks) for marks in (first, second, third))))
    row = {"source-ref": "s3://scans/a.png", **label["consolidatedAnnotation"]["content"]}
    row["label-metadata"] = {
        "type": "groundtruth/custom",
        "job-name": "j",
        "human-annotated": "yes",
    }
    manifest = tmp_path / "output.manifest"
    manifest.write_text(json.dumps(row))
    dataset = data.load("ground_truth", manifest, images=tmp_path)
    assert dataset[0].text == "Dear Sir,\n2nd: “line”"
    confidences = [line.line.confidence for line in dataset[0].lines]
    assert 0.9 < confidences[0] < 1
    assert confidences[1] == 1


def test_the_task_shows_the_picture_and_the_labels_that_there_are(script):
    handler = script("pre_annotation").handler
    row = {"source-ref": "s3://scans/a.png", "label": {"texts": [mark(ODD)]}, "label-metadata": {}}
    for label in (row["label"], json.dumps(row["label"])):
        event = {
            "version": "2018-10-16",
            "labelingJobArn": ARN,
            "dataObject": {**row, "label": label},
        }
        task = handler(event, None)["taskInput"]
        assert task["image"] == "s3://scans/a.png"
        assert json.loads(unquote(task["labels"])) == [mark(ODD)]
        assert not set(task["labels"]) & set("<>&\"' ")


def test_the_newest_of_several_labels_is_shown_for_correction(script):
    handler = script("pre_annotation").handler
    row = {"source-ref": "s3://scans/a.png"}
    for name, text, date in (("b", "second", "2026-02-01"), ("a", "first", "2026-01-01")):
        row[name] = {"texts": [mark(text)]}
        row[f"{name}-metadata"] = {"creation-date": date}
    labels = handler({"dataObject": row}, None)["taskInput"]["labels"]
    assert json.loads(unquote(labels)) == [mark("second")]


def test_a_new_page_has_no_labels(script):
    handler = script("pre_annotation").handler
    rows = [{}, {"label": "no JSON", "label-metadata": {}}, {"label": {"texts": []}}]
    for row in rows:
        task = handler({"dataObject": {"source-ref": "s3://scans/a.png", **row}}, None)["taskInput"]
        assert json.loads(unquote(task["labels"])) == []


@pytest.mark.parametrize(
    "event", [{}, {"dataObject": {"source": "text"}}, {"dataObject": {"source-ref": 7}}]
)
def test_a_row_without_a_picture_is_told(script, event):
    with pytest.raises(ValueError, match="source-ref"):
        script("pre_annotation").handler(event, None)


def test_the_archive_holds_the_tested_files_and_all_they_import(script, tmp_path):
    package = script("package")
    archive = tmp_path / "functions.zip"
    archive.write_bytes(package.archive(package.function_files()))
    task = tmp_path / "task"
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(task)  # our own archive
    for name, path in package.function_files():
        assert (task / name).read_bytes() == path.read_bytes()
    # As in Lambda: the standard library, boto3, and what the archive brings.
    program = f"""
import importlib.util, pathlib, sys
boto3 = pathlib.Path(importlib.util.find_spec("boto3").origin).parents[1]
sys.path[:] = [path for path in sys.path if "site-packages" not in path and path]
sys.path[:0] = [{str(task)!r}]
sys.path.append(str(boto3))
for name in ("numpy", "scipy", "PIL"):
    sys.modules[name] = None
import post_annotation, pre_annotation, htrlib.data.consolidation, rapidfuzz
from rapidfuzz.distance import Levenshtein
for module in (htrlib.data.consolidation, rapidfuzz):
    assert module.__file__.startswith({str(task)!r}), module.__file__
assert Levenshtein.distance.__module__ == "rapidfuzz.distance.Levenshtein_py"
from post_annotation import _piece, _text, consolidate
answers = {json.dumps([[mark("Hello")], [mark("Hello")], [mark("Hallo")]])}
print(_text(consolidate([[_piece(mark) for mark in answer] for answer in answers])[0]))
"""
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )
    assert run.returncode == 0, run.stderr
    assert "'text': 'Hello'" in run.stdout
