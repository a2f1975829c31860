"""Lines that run up or down the page are written as such, and read back."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from htrlib import data
from htrlib.document.geometry import Box, Polygon, Size
from htrlib.document.results import LineResult, PageResult, TextLine, Transcription
from htrlib.formats import save
from htrlib.formats.placed_words import placed_words
from htrlib.formats.text import to_text

SIZE = Size(300, 400)
LEVEL = TextLine(Box(80, 40, 280, 70), None, ((80.0, 62.0), (280.0, 62.0)))
UP_BOX = Box(20, 50, 45, 350)
CORNERS = ((20.0, 50.0), (45.0, 50.0), (45.0, 350.0), (20.0, 340.0))
UP = TextLine(UP_BOX, Polygon(CORNERS), ((39.0, 350.0), (39.0, 50.0)))
DOWN = TextLine(Box(250, 100, 280, 300), None, ((257.0, 100.0), (257.0, 300.0)))


def result() -> PageResult:
    texts = ((LEVEL, "level words"), (UP, "up the page"), (DOWN, "down the page"))
    lines = (LineResult(line, Transcription(text, 0.0, 0.9)) for line, text in texts)
    return PageResult(SIZE, None, tuple(lines), source="a.png")


def written(folder: Path, name: str, format: str) -> str:
    Image.new("L", (SIZE.width, SIZE.height), 255).save(folder / "a.png")
    save(result(), folder / name, format, source=folder / "a.png")
    return (folder / name).read_bytes().decode("utf-8", "replace")


@pytest.mark.parametrize(
    ("format", "name", "marks"),
    [
        ("hocr", "a.hocr", ("textangle 90", "textangle 270")),
        ("alto", "a.xml", ('ROTATION="90"', 'ROTATION="270"')),
        (
            "page",
            "a.xml",
            ('readingDirection="bottom-to-top"', 'readingDirection="top-to-bottom"'),
        ),
    ],
)
def test_the_direction_of_a_line_is_written_and_read(
    tmp_path: Path, format: str, name: str, marks: Any
) -> None:
    text = written(tmp_path, name, format)
    assert [len(re.findall(mark, text)) for mark in marks] == [1, 1]
    reader = "page_xml" if format == "page" else format
    (page,) = data.load(reader, tmp_path / name).pages
    assert [line.text for line in page.lines] == ["level words", "up the page", "down the page"]
    places = [line.line for line in page.lines if line.line is not None]
    assert [place.quarter_turns for place in places] == [0, 3, 1]
    up = places[1].baseline
    assert up is not None
    assert all(abs(x - 39) < 2 for x, _ in up) and up[0][1] > up[-1][1]


@pytest.mark.parametrize("line", [1, 2])
def test_words_without_a_place_follow_each_other_along_the_line(line: int) -> None:
    words = placed_words(result().lines[line], SIZE)
    middles = [word.box.center[1] for word in words]
    assert middles == sorted(middles, reverse=line == 1)
    assert {(word.box.left, word.box.right) for word in words} == {
        (result().lines[line].line.box.left, result().lines[line].line.box.right)
    }


def test_a_searchable_pdf_has_the_words_of_turned_lines(tmp_path: Path) -> None:
    pypdfium2 = pytest.importorskip("pypdfium2")
    written(tmp_path, "a.pdf", "pdf")
    text = pypdfium2.PdfDocument(tmp_path / "a.pdf")[0].get_textpage().get_text_range()
    assert text.split() == to_text(result()).split()


def test_turned_lines_that_follow_each_other_are_one_paragraph() -> None:
    page = result()
    below = LineResult(UP, Transcription("and on", 0.0, 0.9))
    pages = PageResult(SIZE, None, (*page.lines[:2], below, page.lines[2]))
    assert to_text(pages, flow=True).splitlines() == [
        "level words",
        "up the page and on",
        "down the page",
    ]


@pytest.mark.parametrize("turns", range(4))
def test_paragraphs_are_the_same_however_the_page_lies(turns: int) -> None:
    tops = (40, 80, 120, 240, 280)
    lines = []
    for number, top in enumerate(tops):
        place = TextLine(
            Box(20, top, 220, top + 30), None, ((20.0, top + 22.0), (220.0, top + 22.0))
        )
        lines.append(LineResult(place.turned(turns), Transcription(f"line {number}", 0.0, 0.9)))
    page = PageResult(SIZE, None, tuple(lines), source="a.png")
    assert to_text(page, flow=True) == "line 0 line 1 line 2\nline 3 line 4\n"


@pytest.mark.parametrize("format", ["hocr", "alto", "page"])
def test_a_line_that_is_upside_down_stays_so(tmp_path: Path, format: str) -> None:
    Image.new("L", (SIZE.width, SIZE.height), 255).save(tmp_path / "a.png")
    down = replace(LEVEL, baseline=((280.0, 48.0), (80.0, 46.0)))
    line = LineResult(down, Transcription("level words", 0.0, 0.9))
    page = PageResult(SIZE, None, (line,), source="a.png")
    save(page, tmp_path / "b.xml", format, source=tmp_path / "a.png")
    (read,) = data.load("page_xml" if format == "page" else format, tmp_path / "b.xml").pages
    (place,) = (line.line for line in read.lines)
    assert place is not None and place.baseline is not None
    for point, expected in zip(place.baseline, down.baseline or ()):
        assert point == pytest.approx(expected, abs=1)
