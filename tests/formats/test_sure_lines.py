"""Lines that were read with confidence teach a recognizer, and others do not."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest
from PIL import Image

from htrlib.data.corrected_pages import CorrectedLine, CorrectedPage
from htrlib.data.page_places import PagePlace
from htrlib.document.geometry import Box, Size
from htrlib.document.results import TextLine, Word
from htrlib.errors import DatasetError
from htrlib.formats.page_editing import Stamp, write_page_file
from htrlib.formats.sure_lines import load_sure_lines, sureness


def line(number: int, *confidences: float, text: str = "two words") -> CorrectedLine:
    place = TextLine(Box(5, 20 * number, 90, 20 * number + 15))
    words = tuple(
        Word(word, confidence, 0, 0, place.box)
        for word, confidence in zip(text.split(), confidences)
    )
    overall = min(confidences) if confidences else None
    return CorrectedLine(f"l{number}", text, place, words, confidence=overall)


def read_page(picture: Path, *lines: CorrectedLine) -> PagePlace:
    xml = picture.with_suffix(".xml")
    page = CorrectedPage(Size(200, 100), lines)
    xml.write_bytes(write_page_file(None, page, picture.name, Stamp("htr", "read"), xml))
    return PagePlace(picture.name, picture, 1, xml)


def test_lines_of_sure_words_are_taken_and_their_page_is_no_blank_paper_elsewhere(
    make_picture: Callable[..., Path],
) -> None:
    page = read_page(make_picture("a.png"), line(1, 0.9, 0.5), line(2, 0.9, 0.2))
    dataset = load_sure_lines({page.name: page}, 0.6)
    (sample,) = dataset.pages
    assert [found.text for found in sample.lines] == ["two words"]
    assert sample.lines[0].line is not None and sample.lines[0].line.box.top == 20
    assert (sample.masked, sample.incomplete) == ((Box(5, 40, 90, 55),), True)


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (line(1, 0.8, 0.4), 0.6),
        (line(1), 1.0),  # a person wrote it
        (CorrectedLine("l", "text", confidence=0.3), 0.3),
        (CorrectedLine("l", "text", confidence=0.3, confirmed=True), 1.0),
        (CorrectedLine("l", ""), 0.0),
    ],
)
def test_the_sureness_of_a_line_is_that_of_its_words(read: CorrectedLine, expected: float) -> None:
    assert sureness(read) == pytest.approx(expected)


def test_each_page_of_a_file_is_learned_from_its_own_picture(tmp_path: Path) -> None:
    first, second = Image.new("L", (200, 100), 250), Image.new("L", (200, 100), 50)
    scan = tmp_path / "scan.tif"
    first.save(scan, save_all=True, append_images=[second])
    page = read_page(tmp_path / "scan-2.png", line(1, 0.9, 0.9))
    dataset = load_sure_lines({"scan-2": PagePlace("scan.tif/0002", scan, 2, page.xml)}, 0.6)
    assert dataset.pages[0].load_image().mean() == 50


def test_files_that_are_not_of_the_picture_are_left_out_and_told(
    make_picture: Callable[..., Path],
) -> None:
    good = read_page(make_picture("a.png"), line(1, 0.9, 0.9))
    bad = read_page(make_picture("b.png"), line(1, 0.9, 0.9))
    bad.xml.write_text("<alto/>")
    dataset = load_sure_lines({good.name: good, bad.name: bad}, 0.6)
    assert [page.source for page in dataset.pages] == ["a.png"]
    assert [problem.source for problem in dataset.problems] == ["b.png"]


def test_pages_without_a_sure_line_are_refused_with_advice(
    make_picture: Callable[..., Path],
) -> None:
    page = read_page(make_picture("a.png"), line(1, 0.5, 0.5))
    with pytest.raises(DatasetError, match=r"none of the 1 lines .* confidence of 0.9: lower it"):
        load_sure_lines({page.name: page}, 0.9)
