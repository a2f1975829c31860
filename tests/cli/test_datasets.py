from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

import pytest

from htrlib.cli import datasets
from htrlib.data import Dataset, load, write_page_xml
from htrlib.errors import ConfigError, DatasetError
from tests.cli.labeled import write_pages


def test_a_split_that_the_format_knows(tmp_path: Path) -> None:
    dataset = datasets.load("pages_json", str(write_pages(tmp_path)), split="dev")
    assert [page.source for page in dataset] == ["two.jpg"]


def test_a_split_that_only_the_samples_know(tmp_path: Path) -> None:
    write_page_xml(load("pages_json", write_pages(tmp_path)), tmp_path / "xml")
    dataset = datasets.load("page_xml", str(tmp_path / "xml"), split="dev")
    assert [page.source for page in dataset] == ["two"]
    with pytest.raises(DatasetError, match=r"'test'; there are dev, train"):
        datasets.load("page_xml", str(tmp_path / "xml"), split="test")


def test_values_of_options_are_json_or_strings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: Dict[str, Any] = {}

    def adapter(
        path: str, *, pages: int = 1, text: str = "", classes: Any = None, more: str = ""
    ) -> Dataset:
        given.update(pages=pages, text=text, classes=classes, more=more)
        return Dataset()

    monkeypatch.setitem(datasets.data.FORMATS, "made-up", adapter)
    options = ("pages=3", "text=a b.txt", 'classes={"x": "line"}', "more=a=b")
    datasets.load("made-up", str(tmp_path), options=options)
    assert given == {"pages": 3, "text": "a b.txt", "classes": {"x": "line"}, "more": "a=b"}


@pytest.mark.parametrize(
    ("format", "options", "message"),
    [
        ("docx", {}, "unknown data format 'docx'; choose alto, csv"),
        ("pages_json", {"options": ("level=lines",)}, "no option 'level'; it has images, split"),
        ("lines", {"images": "x"}, "lines has no option 'images'; it has none"),
        ("pages_json", {"options": ("level",)}, "NAME=VALUE, found 'level'"),
        ("synthetic", {}, "synthetic needs the option 'text'"),
        ("synthetic", {"options": ("text=x", 'pages="many"')}, "value of the wrong type"),
    ],
)
def test_mistakes_are_named(
    tmp_path: Path, format: str, options: Dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        datasets.load(format, str(tmp_path), **options)


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"nothing: there is no such file"):
        datasets.load("page_xml", str(tmp_path / "nothing"))
