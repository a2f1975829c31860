"""Files that hold no annotations say what they are, in every format."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from htrlib.data import load
from htrlib.data.annotation_text import read_text
from htrlib.errors import AnnotationError

TEXTS = ("csv", "ground_truth", "label_studio", "pages_json")


@pytest.mark.parametrize("format", TEXTS)
def test_a_folder_is_no_annotation_file(format: str, tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="is a folder; name the annotation file"):
        load(format, tmp_path)


@pytest.mark.parametrize("format", [*TEXTS, "page_xml", "alto"])
def test_an_archive_is_to_be_unpacked(format: str, tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.xml", "<PcGts/>")
    with pytest.raises(AnnotationError, match="is a ZIP archive; unpack it"):
        load(format, path)


@pytest.mark.parametrize("format", TEXTS)
def test_a_file_of_another_encoding_is_told(format: str, tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_text("image,text", encoding="utf-16")
    with pytest.raises(AnnotationError, match="is not text in UTF-8"):
        load(format, path)


@pytest.mark.parametrize("format", TEXTS)
def test_a_file_that_is_missing_is_told_without_a_number(format: str, tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="No such file") as error:
        load(format, tmp_path / "none")
    assert "Errno" not in str(error.value)


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "pages.json"
    path.write_text(json.dumps({}), encoding="utf-8-sig")
    assert json.loads(read_text(path)) == {}
