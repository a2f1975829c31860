from __future__ import annotations

import pytest

from htrlib import Box, Size, TextLine
from htrlib.data import (
    Dataset,
    LabeledLine,
    PageSample,
    load,
    write_ground_truth,
    write_lines_folder,
    write_page_xml,
)
from htrlib.data.finding import find
from htrlib.errors import ConfigError, DatasetError
from tests.data.labeled_pages import HEIGHT, WIDTH, blank_page

ALTO = "<alto xmlns='http://www.loc.gov/standards/alto/ns-v4#'/>"
"""Enough to be known by."""


@pytest.fixture
def pages():
    line = LabeledLine("a red cat", TextLine(Box(10, 10, 100, 40)))
    return Dataset((PageSample(blank_page, Size(WIDTH, HEIGHT), "page", (line,)),))


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "channel"
    folder.mkdir()
    return folder


def test_what_we_write_is_found(pages, folder):
    for name, write in (
        ("page_xml", lambda: write_page_xml(pages, folder / "page_xml" / "page")),
        ("lines", lambda: write_lines_folder(pages, folder / "lines")),
    ):
        (folder / name).mkdir()
        write()
        assert find(folder / name) == ((name, str(folder / name)),)
        assert len(load(*find(folder / name)[0])) > 0
    manifest = folder / "labeled" / "output.manifest"
    manifest.parent.mkdir()
    write_ground_truth(pages, manifest, prefix="s3://bucket/")
    assert find(folder / "labeled") == (("ground_truth", str(manifest)),)


@pytest.mark.parametrize(
    ("name", "content", "format"),
    [
        ("a.csv", 'image,text\na.png,"a"\n', "csv"),
        ("b.csv", "image; text; page\na.png;a;1\n", "csv"),
        ("a.tsv", "writer\ttext\timage\n", "csv"),
        ("a.json", '{"a.png": {"lines": []}}', "pages_json"),
        ("a.jsonl", '\n{"source-ref": "a.png"}', "ground_truth"),
        ("export.json", '[{"id": 1, "data": {"ocr": "a.png"}, "annotations": []}]', "label_studio"),
    ],
)
def test_an_annotation_file_is_found_by_what_it_says(folder, name, content, format):
    (folder / name).write_text(content)
    (folder / "other.json").write_text('{"name": "no pages"}')
    (folder / "other.csv").write_text("a,b\n")
    (folder / "broken.json").write_text("{")
    (folder / "broken.csv").write_bytes(b"\0\xff")
    assert find(folder) == ((format, str(folder / name)),)


def test_several_files_of_a_format_are_all_taken(folder):
    for name in ("b.csv", "a.csv"):
        (folder / name).write_text("image,text\n")
    assert [path for _, path in find(folder)] == [str(folder / n) for n in ("a.csv", "b.csv")]


def test_what_lies_nearest_to_the_top_counts(folder):
    # as a labeling job leaves it
    for place in ("manifests/output", "manifests/intermediate/1"):
        (folder / place).mkdir(parents=True)
        (folder / place / "output.manifest").write_text('{"source-ref": "a.png"}')
    assert find(folder) == (("ground_truth", str(folder / "manifests/output/output.manifest")),)


def test_transcribus_exports_describe_themselves_beside_the_pages(folder, pages):
    (folder / "mets.xml").write_text("<mets/>")
    (folder / "damaged.xml").write_text("<mets>")
    (folder / "page").mkdir()
    write_page_xml(pages, folder / "page")
    assert find(folder) == (("page_xml", str(folder)),)


def test_a_folder_of_two_formats_wants_one_to_be_named(folder, pages):
    for name in ("page", "alto"):
        (folder / name).mkdir()
    write_page_xml(pages, folder / "page")
    (folder / "alto" / "a.xml").write_text(ALTO)
    with pytest.raises(ConfigError, match=r"several formats \(alto, page_xml\): choose one"):
        find(folder)
    assert find(folder, "page_xml") == (("page_xml", str(folder)),)


def test_a_folder_without_labels_is_said_to_be_one(folder):
    (folder / "a.bin").write_text("")
    with pytest.raises(DatasetError, match=r"can be told; it has 1 files \(a\.bin, \.\.\.\)"):
        find(folder)
    with pytest.raises(DatasetError, match="holds no csv data"):
        find(folder, "csv")
    with pytest.raises(ConfigError, match="unknown data format 'docx'"):
        find(folder, "docx")
