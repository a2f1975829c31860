"""PAGE XML files are corrected in place."""

from __future__ import annotations

from pathlib import Path

import pytest

from htrlib.data.corrections import (
    CorrectedLine,
    CorrectedPage,
    Delete,
    MarkDone,
    Merge,
    Reorder,
    SetKind,
    SetText,
    Split,
    correct,
)
from htrlib.document.geometry import Box, Polygon, Size
from htrlib.document.results import TextLine, Word
from htrlib.errors import AnnotationError
from htrlib.formats.page_editing import Stamp, read_page_file, write_page_file

SIZE, FILE = Size(200, 100), Path("a.xml")
FOREIGN = b"""<?xml version="1.0"?>
<PcGts xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/2013-07-15">
<Metadata><Creator>other</Creator><Created>2020-01-01T00:00:00</Created>
<LastChange>2020-01-01T00:00:00</LastChange></Metadata>
<Page imageFilename="a.png" imageWidth="200" imageHeight="100">
<ImageRegion id="seal"><Coords points="0,0 9,0 9,9"/></ImageRegion>
<TextRegion id="r1" type="marginalia"><Coords points="0,0 99,0 99,99 0,99"/>
<TextLine id="l1" custom="readingOrder {index:0;} structure {type:date;}">
<Coords points="1,1 90,2 90,20 1,19"/><Baseline points="1,15 90,16"/>
<TextEquiv conf="0.5"><Unicode>one two</Unicode></TextEquiv></TextLine>
<TextLine><Coords points="1,30 90,30 90,50 1,50"/>
<TextEquiv><Unicode>three</Unicode></TextEquiv></TextLine>
<TextEquiv><Unicode>one two three</Unicode></TextEquiv></TextRegion>
</Page></PcGts>"""


def saved(content: bytes, page: CorrectedPage, state: str = "in work") -> bytes:
    return write_page_file(content, page, "a.png", Stamp("Anna", state), FILE)


def test_what_is_written_is_read_back() -> None:
    outline = Polygon(((1, 1), (90, 2), (90, 20), (1, 19)))
    place = TextLine(outline.box, outline, ((1, 15), (90, 16)), id="x", kind="printed")
    word = Word("<b>&", 0.25, 0, 0, Box(1, 1, 50, 20))
    line = CorrectedLine(
        "x", "<b>& c", place, (word,), ("<b>& e",), 0.5, region="r1", tags=("date",)
    )
    page = CorrectedPage(SIZE, (line,))
    content = write_page_file(None, page, "a.png", Stamp("htrlib", "read"), FILE)
    file = read_page_file(content, FILE, SIZE)
    assert file.page == page
    assert (file.state, file.changed_by) == ("read", "htrlib")


def test_elements_that_say_nothing_about_lines_stay() -> None:
    page = read_page_file(FOREIGN, FILE, SIZE).page
    page, _ = correct(page, SetText("l1", "one 2"))
    text = saved(FOREIGN, page).decode()
    for kept in ('ImageRegion id="seal"', "2013-07-15", 'type="marginalia"', "type:date"):
        assert kept in text
    assert "<Unicode>one 2\nthree</Unicode>" in text  # the region's own text follows its lines


def test_edits_reach_the_file_and_confirmation_says_by_whom() -> None:
    page = read_page_file(FOREIGN, FILE, SIZE).page
    first, second = (line.id for line in page.lines)
    page, _ = correct(page, Split(first, "new", 4))
    page, _ = correct(page, Reorder(second, 0))
    page, _ = correct(page, MarkDone())
    content = saved(FOREIGN, page, "done")
    file = read_page_file(content, FILE, SIZE)
    assert [line.text for line in file.page.lines] == ["three", "one", "two"]
    assert all(line.confirmed for line in file.page.lines)
    assert file.state == "done" and file.page.done
    assert b"confirmed {by:Anna;" in content
    page, _ = correct(file.page, Merge(first, "new"))
    page, _ = correct(page, Delete(second))
    assert [x.text for x in read_page_file(saved(content, page), FILE, SIZE).page.lines] == [
        "one two"
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"no xml",
        b"<alto/>",
        b"<PcGts/>",
        b'<!DOCTYPE x [<!ENTITY a "b">]><PcGts><Page imageWidth="200" imageHeight="100"/></PcGts>',
        b'<PcGts><Page imageWidth="9" imageHeight="100"/></PcGts>',
        b"<PcGts><Page/></PcGts>",
    ],
)
def test_other_files_are_refused_and_say_which(content: bytes) -> None:
    with pytest.raises(AnnotationError, match=r"a\.xml"):
        read_page_file(content, FILE, SIZE)


def test_a_region_whose_lines_are_all_deleted_keeps_no_text() -> None:
    page = read_page_file(FOREIGN, FILE, SIZE).page
    for line in page.lines:
        page, _ = correct(page, Delete(line.id))
    assert b"three" not in saved(FOREIGN, page)


def test_a_kind_is_unknown_even_where_its_region_says_one() -> None:
    content = FOREIGN.replace(b'type="marginalia"', b'production="printed"')
    page = read_page_file(content, FILE, SIZE).page
    assert [line.place and line.place.kind for line in page.lines] == ["printed", "printed"]
    changed, _ = correct(page, SetKind("l1", None))
    written = read_page_file(saved(content, changed), FILE, SIZE).page
    assert [line.place and line.place.kind for line in written.lines] == [None, "printed"]


def test_lines_that_have_only_a_baseline_get_the_usual_height() -> None:
    bare = FOREIGN.replace(b'<Coords points="1,1 90,2 90,20 1,19"/>', b"")
    first, second = read_page_file(bare, FILE, SIZE).page.lines
    assert first.place is not None and second.place is not None
    assert first.place.box.height == pytest.approx(second.place.box.height, abs=1.5)
    assert first.place.box.top < 15 < first.place.box.bottom
    assert b"1,1 90,2" not in saved(bare, read_page_file(bare, FILE, SIZE).page)


def test_a_size_that_is_no_number_is_told() -> None:
    content = FOREIGN.replace(b'imageWidth="200"', b'imageWidth="200px"')
    with pytest.raises(AnnotationError, match=r'in pixels, found "200px" and "100"; correct them'):
        read_page_file(content, FILE, SIZE)
    content = FOREIGN.replace(b'imageWidth="200"', b'imageWidth="200.0"')
    assert read_page_file(content, FILE, SIZE).page.size == SIZE


@pytest.mark.parametrize("points", ["x", "1,1 90", "NaN,1 2,2", "1e999,1 2,2"])
def test_a_line_with_invalid_points_is_shown_and_they_stay(points: str) -> None:
    content = FOREIGN.replace(b"1,30 90,30 90,50 1,50", points.encode())
    page = read_page_file(content, FILE, SIZE).page
    assert [(line.text, line.place is None) for line in page.lines] == [
        ("one two", False),
        ("three", True),
    ]
    changed, _ = correct(page, SetText(page.lines[1].id, "four"))
    assert f'points="{points}"'.encode() in saved(content, changed)
