from __future__ import annotations

import pytest

from htrlib import data
from htrlib.document.geometry import Box
from htrlib.errors import AnnotationError, DatasetError


def write(folder, text, name="lines.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_each_row_is_a_line(tmp_path, make_picture):
    make_picture("a.png")
    make_picture("b.png")
    path = write(
        tmp_path,
        "image,text,writer,page,split,remark\n"
        'a.png,"Yes, ""he"" said",w,p,train,x\n\nb.png,No,,,,\n',
    )
    first, second = data.load("csv", path)
    assert (first.text, first.writer, first.page, first.split, first.line) == (
        'Yes, "he" said', "w", "p", "train", None
    )  # fmt: skip
    assert (second.text, second.writer, second.page) == ("No", None, None)
    assert [line.source for line in data.load("csv", path, split="train")] == ["a.png"]


def test_rows_with_boxes_make_pages(tmp_path, make_picture):
    make_picture("scans/a.png")
    path = write(
        tmp_path,
        "image\ttext\tleft\ttop\tright\tbottom\tid\n"
        "a.png\tone\t0\t0\t50\t9.5\tx\na.png\ttwo\t\t\t\t\ty\n",
        "lines.tsv",
    )
    (page,) = data.load("csv", path, images=tmp_path / "scans")
    assert page.text == "one\ntwo"
    assert page.paragraph == page.lines[0].line.box == Box(0, 0, 50, 9.5)
    assert page.lines[1].line is None
    assert not page.incomplete


def test_ids_of_lines_need_be_unique_only_within_a_page(tmp_path, make_picture):
    rows = [(f"{page}-{name}.png", name, page) for page in "ab" for name in ("l1", "l2")]
    for image, _, _ in (*rows, ("c.png", "", "")):
        make_picture(image)
    lines = [f"{image},of {image},{name},{page}" for image, name, page in rows]
    text = "\n".join(["image,text,id,page", *lines, "c.png,of c.png,l3,c"])
    dataset = data.load("csv", write(tmp_path, text))
    assert [line.text for line in dataset] == [f"of {image}" for image, _, _ in rows] + ["of c.png"]
    assert [line.source for line in dataset] == [image for image, _, _ in rows] + ["l3"]
    assert not dataset.problems


def test_rows_that_cannot_be_used_are_reported(tmp_path, make_picture):
    make_picture("a.png")
    path = write(tmp_path, "image,text\na.png,text\na.png,again\ngone.png,text\n")
    assert data.load("csv", path).report().skipped == {"duplicate id": 1, "missing image": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: missing column image, text; found an empty file"),
        ("image;page\n", "line 1: missing column text"),
        ('image,text\na.png,"a" b\n', "line 2: not CSV"),
        ("image,text,left\n", "missing column top, right, bottom"),
        ("image,text,text\n", "duplicate column text"),
    ],
)
def test_errors_name_the_line(tmp_path, make_picture, text, message):
    make_picture("a.png")
    with pytest.raises(AnnotationError, match=rf"lines\.csv, {message}|lines\.csv.*{message}"):
        data.load("csv", write(tmp_path, text))


def test_a_row_with_other_cells_is_reported_and_leaves_the_others(tmp_path, make_picture):
    make_picture("a.png")
    make_picture("b.png")
    dataset = data.load("csv", write(tmp_path, "image,text\nb.png,b,Yes\na.png,b\n"))
    assert [line.text for line in dataset.lines] == ["b"]
    (problem,) = dataset.problems
    assert (problem.source, problem.skipped) == ("lines.csv", "line")
    assert "line 2: found 3 cells, expected 2" in problem.detail


@pytest.mark.parametrize("edge", ["x", '"1,5"', "nan", "1e400", "", "٣"])
def test_an_edge_that_is_no_number_leaves_the_text_without_a_place(tmp_path, make_picture, edge):
    make_picture("a.png")
    rows = f"image,text,left,top,right,bottom\na.png,a,{edge},1,30,9\na.png,b,0,10,30,20\n"
    dataset = data.load("csv", write(tmp_path, rows))
    assert [(line.text, line.line is None) for line in dataset[0].lines] == [
        ("a", True),
        ("b", False),
    ]
    assert dataset.report().mended["coordinates that cannot be read"] == 1


def test_a_manifest_without_rows_is_an_error(tmp_path):
    with pytest.raises(DatasetError, match="it is empty"):
        data.load("csv", write(tmp_path, "image,text\n"))


def texts(path, **options):
    return [line.text for line in data.load("csv", path, **options).lines]


def test_semicolons_and_columns_without_a_name_are_those_of_spreadsheets(tmp_path, make_picture):
    make_picture("a.png")
    path = tmp_path / "lines.csv"
    path.write_text("image;text;;\na.png;one, two;;\n", encoding="utf-8-sig")
    assert texts(path) == ["one, two"]


@pytest.mark.parametrize(
    ("rows", "read"),
    [
        (
            ['a.png\t"Dear Sir,', "b.png\tI write", 'c.png\tto you"'],
            ['"Dear Sir,', "I write", 'to you"'],
        ),
        (['a.png\t"Dear" Sir', "b.png\tI write"], ['"Dear" Sir', "I write"]),
        (['a.png\t"Dear ""Sir"""', "b.png\tI write"], ['Dear "Sir"', "I write"]),
    ],
)
def test_quotation_marks_between_tabs_may_be_text(tmp_path, make_picture, rows, read):
    for name in "abc":
        make_picture(f"{name}.png")
    path = tmp_path / "lines.tsv"
    path.write_text("\n".join(["image\ttext", *rows]), encoding="utf-8")
    assert texts(path) == read


def test_a_quotation_mark_that_is_never_closed_is_reported(tmp_path, make_picture):
    for name in "abc":
        make_picture(f"{name}.png")
    path = tmp_path / "lines.csv"
    path.write_text('image,text\na.png,one\nb.png,"two\nc.png,three"\n', encoding="utf-8")
    found = data.load("csv", path)
    assert [line.text for line in found.lines] == ["one"]
    assert "line 4: a cell has several lines" in str(found.problems[0])


def test_a_page_whose_lines_are_of_several_splits_leaks_into_none(tmp_path, make_picture):
    make_picture("a.png")
    path = tmp_path / "lines.csv"
    rows = ["image,text,split,left,top,right,bottom"]
    rows += [
        "a.png,one,train,1,1,90,20",
        "a.png,two,val,1,30,90,50",
        "a.png,three,train,1,60,90,80",
    ]
    path.write_text("\n".join(rows), encoding="utf-8")
    found = data.load("csv", path)
    assert {page.source: (page.split, page.text) for page in found.pages} == {
        "a.png": ("train", "one\nthree"),
        "a.png@val": ("val", "two"),
    }
    assert texts(path, split="val") == ["two"]
    (page,) = data.load("csv", path, split="train").pages  # on which "two" is no blank paper
    assert (page.text, page.masked, page.incomplete) == ("one\nthree", (Box(1, 30, 90, 50),), True)
    assert found.pages[1].masked == (Box(1, 1, 90, 20), Box(1, 60, 90, 80))
    with pytest.raises(DatasetError, match="there are train, val"):
        data.load("csv", path, split="vla")
