from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from htrlib import data

PAGE = Path(__file__).resolve().parents[2] / "docs" / "training-data.md"


@pytest.fixture()
def examples():
    return re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)


def test_the_pages_json_example_loads(tmp_path, make_picture, examples):
    make_picture("sheet-1.jpg", 1700, 2200)
    make_picture("sheet-2.jpg", 400, 400)
    path = tmp_path / "pages.json"
    path.write_text(examples[0])
    dataset = data.load("pages_json", path)
    assert [line.text for line in dataset.lines] == ["Dear Sir,", "only the text"]
    assert dataset.lines[0].tags == ("struck", "salutation")
    assert not dataset.problems


def test_the_ground_truth_example_loads(tmp_path, make_picture, examples):
    make_picture("scans/a.png")
    path = tmp_path / "output.manifest"
    path.write_text(json.dumps(json.loads(examples[1])))
    assert data.load("ground_truth", path, images=tmp_path)[0].text == "Hello,"


def test_the_csv_example_loads(tmp_path, make_picture):
    (example,) = re.findall(r"((?: {4}.*\n)+)", PAGE.read_text().partition("### `csv`")[2])
    make_picture("page-1.png", 1700, 2200)
    path = tmp_path / "lines.csv"
    path.write_text(re.sub("^ {4}", "", example, flags=re.M))
    (line,) = data.load("csv", path).lines
    assert (line.text, line.writer, line.split) == ("Dear Sir,", "0022", "train")


def test_every_format_has_a_section():
    sections = set(re.findall(r"^### `(\w+)`", PAGE.read_text(), re.M))
    assert set(data.FORMATS) == sections
