"""hOCR of other programs is read as labels."""

from __future__ import annotations

import pytest
from PIL import Image

from htrlib import data
from htrlib.document.geometry import Box
from htrlib.errors import AnnotationError, DatasetError

PAGE = """<!DOCTYPE html><html><head><title>x</title><meta charset=utf-8></head><body>
<div class="ocr_page" id="page_1" title='image "/scans/a.png"; bbox 0 0 200 100; ppageno 0'>
<div class="ocr_carea"><p class="ocr_par">
{lines}
</p></div></div>{more}</body></html>"""


LINE = '<span class="ocr_line" title="bbox 10 20 90 40">{}</span>'


def write(path, lines, more=""):
    path.write_text(PAGE.format(lines=lines, more=more), encoding="utf-8")
    return path


def test_a_page_of_tesseract(tmp_path, make_picture):
    make_picture("a.png")
    lines = (
        '<span class="ocr_line" id="l1" title="bbox 10 20 90 40; baseline 0.01 -4; x_size 20">\n'
        "<span class='ocrx_word' id='w1' title='bbox 10 20 40 40; x_wconf 96'><strong>Tom</strong>"
        "</span>\n<span class='ocrx_word' id='w2' title='bbox 50 20 90 40; x_wconf 12'>&amp;co<br>"
        '</span></span><span class="ocr_header" title="bbox 10 50 90 70">Page &lt;1&gt;</span>'
    )
    (page,) = data.load("hocr", write(tmp_path / "a.hocr", lines))
    first, second = page.lines
    assert (first.id, first.text, first.line.box) == ("l1", "Tom &co", Box(10, 20, 90, 40))
    assert first.line.baseline == ((10, 36), (90, pytest.approx(36.8)))
    assert [(word.text, word.box, word.confidence) for word in first.words] == [
        ("Tom", Box(10, 20, 40, 40), 0.96),
        ("&co", Box(50, 20, 90, 40), 0.12),
    ]
    assert (second.text, second.tags, second.words) == ("Page <1>", ("header",), ())


def test_further_pages_of_a_picture_are_reported(tmp_path, make_picture):
    make_picture("a.png")
    line = '<span class="ocr_line" title="bbox 10 20 90 40">one</span>'
    more = (
        "<div class='ocr_page' title='image \"a.png\"; bbox 0 0 200 100; ppageno 1'>"
        "<span class='ocr_line' title='bbox 10 20 90 40'>two</span></div>"
    )
    dataset = data.load("hocr", write(tmp_path / "a.hocr", line, more))
    assert [page.text for page in dataset] == ["one"]
    assert dataset.report().skipped == {"page of a picture with several": 1}


NUMBERED = (
    "<div class='ocr_page' title='image \"{}\"; bbox 0 0 200 100; ppageno 1'>"
    "<span class='ocr_line' title='bbox 10 20 90 40'>two</span></div>"
)


def test_pages_that_are_numbered_across_pictures_are_all_read(tmp_path, make_picture):
    make_picture("a.png")
    make_picture("b.png")
    write(tmp_path / "list.hocr", LINE.format("one"), NUMBERED.format("b.png"))
    dataset = data.load("hocr", tmp_path)
    assert [(page.image.name, page.text) for page in dataset] == [
        ("a.png", "one"),
        ("b.png", "two"),
    ]
    assert not dataset.problems


def test_a_further_page_of_a_picture_is_left_out_of_a_file_of_its_own(tmp_path, make_picture):
    make_picture("a.png")
    write(tmp_path / "a.hocr", LINE.format("one"))
    pages = [Image.new("L", (200, 100), shade) for shade in (255, 40)]
    pages[0].save(tmp_path / "scan.tif", save_all=True, append_images=pages[1:])
    (tmp_path / "scan-2.hocr").write_text(NUMBERED.format("scan.tif"))
    dataset = data.load("hocr", tmp_path)
    assert [page.text for page in dataset] == ["one"]
    assert dataset.report().skipped == {"page of a picture with several": 1}


def test_coordinates_that_cannot_be_read_are_reported(tmp_path, make_picture):
    make_picture("a.png")
    lines = (
        '<span class="ocr_line" id="l1" title="bbox 10 2O 90 40">one</span>'
        '<span class="ocr_line" id="l2" title="bbox 10 50 90 70; poly 1 2 3; x_kind odd">two</span>'
    )
    dataset = data.load("hocr", write(tmp_path / "a.hocr", lines))
    assert [line.line is None for line in dataset[0].lines] == [True, False]
    assert dataset.report().mended["coordinates that cannot be read"] == 2


@pytest.mark.parametrize(
    ("head", "charset"),
    [
        ('<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-1">', "cp1252"),
        ("<meta charset = 'ISO-8859-2'/>", "iso-8859-2"),
        ('<?xml version="1.0" encoding="windows-1252"?>', "cp1252"),
        ("", "utf-8"),
        ("<meta charset=latin-1>", "utf-8-sig"),
    ],
)
def test_a_file_is_read_in_the_charset_that_it_declares(tmp_path, make_picture, head, charset):
    make_picture("a.png")
    text = "M\u00fcller" if charset == "iso-8859-2" else "M\u00fcller \u201c\u00e0\u201d"
    content = PAGE.format(lines=LINE.format(text), more="").replace("<meta charset=utf-8>", head)
    (tmp_path / "a.hocr").write_bytes(content.encode(charset))
    assert data.load("hocr", tmp_path)[0].text == text


@pytest.mark.parametrize(
    ("charset", "message"),
    [("utf-8", "not text in utf-8"), ("odd", "not text in odd"), ("", "not text in UTF-8")],
)
def test_a_file_that_is_not_in_its_charset_is_left_out(tmp_path, make_picture, charset, message):
    make_picture("a.png")
    write(tmp_path / "a.hocr", LINE.format("one"))
    head = f"<meta charset={charset}>" if charset else ""
    content = PAGE.format(lines=LINE.format("M\u00fcller"), more="")
    other = tmp_path / "b.hocr"
    other.write_bytes(content.replace("<meta charset=utf-8>", head).encode("latin-1"))
    dataset = data.load("hocr", tmp_path)
    assert [page.text for page in dataset] == ["one"]
    assert dataset.report().skipped == {"file that cannot be read": 1}
    with pytest.raises(AnnotationError, match=message):
        data.load("hocr", other)


def test_what_is_no_hocr_is_named(tmp_path, make_picture):
    make_picture("a.png")
    other = tmp_path / "b.html"
    other.write_text("<html><p>a page</p></html>")
    with pytest.raises(AnnotationError, match="ocr_page"):
        data.load("hocr", other)
    write(tmp_path / "a.hocr", '<span class="ocr_line" title="bbox 10 20 90 40">one</span>')
    dataset = data.load("hocr", tmp_path)
    assert dataset.report().skipped == {"not hOCR": 1}
    with pytest.raises(DatasetError, match="expected an hOCR file"):
        data.load("hocr", tmp_path / "none")


def test_a_turned_line_whose_box_has_no_area_is_reported(tmp_path, make_picture):
    make_picture("a.png")
    row = "<span class='ocr_line' id='l' title='bbox 10 20 10 80; textangle 90'>up</span>"
    (page,) = found = data.load("hocr", write(tmp_path / "a.hocr", row))
    assert [(line.text, line.line) for line in page.lines] == [("up", None)]
    assert [problem.reason for problem in found.problems] == ["box without area"]
