from __future__ import annotations

import tempfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from htrlib import data
from htrlib.data import Dataset
from htrlib.document.geometry import Box, Size
from htrlib.errors import AnnotationError, ConfigError, DatasetError
from tests.data.labeled_pages import pages

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<PcGts xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/{version}">
<Metadata><Creator>x</Creator></Metadata>
<Page imageFilename="{image}" imageWidth="200" imageHeight="100">
"""
TAIL = "</Page></PcGts>"


def write(path, body, image="a.png", version="2013-07-15"):
    path.parent.mkdir(exist_ok=True)
    path.write_text(HEAD.format(image=image, version=version) + body + TAIL, encoding="utf-8")
    return path


def text_line(name, text, points="0,0 50,0 50,9 0,9", extra=""):
    return (
        f'<TextLine id="{name}" {extra}><Coords points="{points}"/>'
        f"<TextEquiv><Unicode>{text}</Unicode></TextEquiv></TextLine>"
    )


def region(name, *lines, extra=""):
    coords = '<Coords points="0,0 9,9 0,9"/>'
    return f'<TextRegion id="{name}" {extra}>{coords}{"".join(lines)}</TextRegion>'


@pytest.mark.parametrize("version", ["2013-07-15", "2016-07-15", "2017-07-15", "2019-07-15"])
def test_a_line_has_text_outline_baseline_and_words(tmp_path, make_picture, version):
    make_picture("a.png")
    line = (
        '<TextLine id="l1"><Coords points="5,5 60,5 61,20 5,20"/>'
        '<Baseline points="5,18 60,18"/>'
        '<Word id="w1"><Coords points="5,5 20,5 20,20 5,20"/>'
        "<TextEquiv><Unicode>A&amp;B</Unicode></TextEquiv></Word>"
        "<TextEquiv><Unicode>A&amp;B cd</Unicode></TextEquiv></TextLine>"
    )
    path = write(tmp_path / "a.xml", region("r", line), version=version)
    (page,) = data.load("page_xml", path)
    (found,) = page.lines
    assert (page.source, found.text, found.id) == ("a", "A&B cd", "l1")
    assert found.line.box == Box(5, 5, 61, 20)
    assert len(found.line.polygon.points) == 4
    assert found.line.baseline == ((5, 18), (60, 18))
    assert [(word.text, word.box) for word in found.words] == [("A&B", Box(5, 5, 20, 20))]


def test_regions_and_lines_come_in_reading_order(tmp_path, make_picture):
    make_picture("a.png")
    order = (
        '<ReadingOrder><OrderedGroup id="g"><RegionRefIndexed index="1" regionRef="r1"/>'
        '<UnorderedGroupIndexed id="u" index="0"><RegionRef regionRef="r3"/>'
        "</UnorderedGroupIndexed></OrderedGroup></ReadingOrder>"
    )
    lines = [
        text_line("x", "second", extra='custom="readingOrder {index:1;}"'),
        text_line("y", "first", extra='custom="readingOrder {index:0;}"'),
    ]
    body = order + region("r1", *lines) + region("r2", text_line("z", "unlisted"))
    path = write(tmp_path / "a.xml", body + region("r3", text_line("t", "top")))
    assert data.load("page_xml", path)[0].text == "top\nfirst\nsecond\nunlisted"


def test_the_first_of_several_readings_counts(tmp_path, make_picture):
    make_picture("a.png")
    readings = (
        '<TextLine id="l"><Coords points="0,0 50,0 50,9 0,9"/>'
        '<TextEquiv index="1"><Unicode>worse</Unicode></TextEquiv>'
        '<TextEquiv index="0"><Unicode>better</Unicode></TextEquiv></TextLine>'
    )
    path = write(tmp_path / "a.xml", region("r", readings))
    assert data.load("page_xml", path)[0].text == "better"


def test_the_text_of_words_stands_in_for_that_of_their_line(tmp_path, make_picture):
    make_picture("a.png")
    words = "".join(
        f'<Word id="{t}"><Coords points="0,0 9,0 9,9 0,9"/>'
        f"<TextEquiv><Unicode>{t}</Unicode></TextEquiv></Word>"
        for t in ("one", "two")
    )
    line = f'<TextLine id="l"><Coords points="0,0 50,0 50,9 0,9"/>{words}</TextLine>'
    path = write(tmp_path / "a.xml", region("r", line))
    assert data.load("page_xml", path)[0].text == "one two"


def test_types_are_tags_and_productions_are_kinds(tmp_path, make_picture):
    make_picture("a.png")
    body = region(
        "r",
        text_line("a", "note", extra='custom="structure {type:marginalia;}"'),
        text_line("b", "stamp", extra='production="printed"'),
        text_line("c", "typed", extra='custom="structure {type:typewritten;}"'),
        extra='type="paragraph"',
    )
    body += region("p", text_line("d", "name"), extra='production="handwritten-cursive"')
    path = write(tmp_path / "a.xml", body)
    found = [
        (line.text, line.tags, line.line.kind) for line in data.load("page_xml", path)[0].lines
    ]
    assert found == [
        ("note", ("paragraph", "marginalia"), None),
        ("stamp", ("paragraph",), "printed"),
        ("typed", ("paragraph",), "typewritten"),
        ("name", (), "handwritten"),
    ]


def test_lines_of_other_kinds_are_left_out_on_request(tmp_path, make_picture):
    make_picture("a.png")
    body = region(
        "r",
        text_line("a", "note"),
        text_line("b", "stamp", extra='production="printed"'),
        text_line("c", "name", extra='production="medieval-manuscript"'),
    )
    path = write(tmp_path / "a.xml", body)
    dataset = data.load("page_xml", path, kinds="handwritten")
    assert [line.text for line in dataset.lines] == ["note", "name"]
    assert dataset.report().skipped == {"line of another kind": 1}
    with pytest.raises(ConfigError, match="handwritten, typewritten, printed; found 'hand'"):
        data.load("page_xml", path, kinds="hand")


def test_what_cannot_be_used_is_reported(tmp_path, make_picture):
    make_picture("a.png")
    body = region(
        "r",
        text_line("a", " "),
        text_line("b", "far away", points="500,0 600,0 600,9"),
        '<TextLine id="c"><TextEquiv><Unicode>no box</Unicode></TextEquiv></TextLine>',
        text_line("d", "good"),
        text_line("d", "good"),
    )
    body += region("s", "<TextEquiv><Unicode>text alone</Unicode></TextEquiv>")
    body += region("t", '<TextLine id="e"/>')
    report = data.load("page_xml", write(tmp_path / "a.xml", body)).report()
    assert report.skipped == {"duplicate id": 1, "line without text": 1}
    assert report.mended == {
        "line without text": 1,
        "box outside the page": 1,
        "text without a box": 2,
        "text of a region without lines": 1,
    }
    assert (report.lines, report.lines_without_place, report.lines_without_text) == (5, 3, 1)


def test_a_folder_is_read_with_its_pictures_beside_or_above(tmp_path, make_picture):
    make_picture("a.png")
    make_picture("page/b.jpg")
    write(tmp_path / "page" / "a.xml", region("r", text_line("l", "above")))
    write(tmp_path / "page" / "b.xml", region("r", text_line("l", "beside")), image="b.tif")
    (tmp_path / "mets.xml").write_text("<mets/>")
    write(tmp_path / "page" / "c.xml", "", image="gone.png")
    dataset = data.load("page_xml", tmp_path)
    assert [(page.source, page.text) for page in dataset] == [
        ("page/a", "above"),
        ("page/b", "beside"),
    ]
    assert dataset.report().skipped == {"not PAGE XML": 1, "missing image": 1}


def test_a_picture_of_another_size_is_not_used(tmp_path, make_picture):
    make_picture("a.png", 100, 50)
    path = write(tmp_path / "a.xml", region("r", text_line("l", "text")))
    with pytest.raises(DatasetError, match=r"200 x 100, a\.png is 100 x 50"):
        data.load("page_xml", path)


@pytest.mark.parametrize(
    "size",
    [
        'imageWidth="200.0" imageHeight="100.0"',
        'imageWidth="" imageHeight=""',
        "",
    ],
)
def test_a_size_that_is_no_whole_number_does_not_take_the_page(tmp_path, make_picture, size):
    make_picture("a.png")
    path = write(tmp_path / "a.xml", region("r", text_line("l", "text")))
    path.write_text(path.read_text().replace('imageWidth="200" imageHeight="100"', size))
    (page,) = data.load("page_xml", path)
    assert (page.text, page.size) == ("text", Size(200, 100))


@pytest.mark.parametrize("width", ["200px", "NaN", "1,5"])
def test_a_size_that_is_no_number_is_reported_and_does_not_take_the_page(
    tmp_path, make_picture, width
):
    make_picture("a.png")
    path = write(tmp_path / "a.xml", region("r", text_line("l", "text")))
    path.write_text(path.read_text().replace('imageWidth="200"', f'imageWidth="{width}"'))
    found = data.load("page_xml", path)
    assert (found[0].text, found[0].size) == ("text", Size(200, 100))
    (problem,) = found.problems
    assert str(problem) == (
        f"a: size of a page that is no number ({width} x 100; that of the picture is taken)"
    )


def test_an_index_that_is_no_whole_number_does_not_take_the_page(tmp_path, make_picture):
    make_picture("a.png")
    order = (
        '<RegionRefIndexed index="1.0" regionRef="r"/><RegionRefIndexed regionRef="s" index=""/>'
    )
    line = text_line("l", "last").replace("<TextEquiv>", '<TextEquiv index="x">')
    body = f"<ReadingOrder><OrderedGroup>{order}</OrderedGroup></ReadingOrder>" + region("r", line)
    path = write(tmp_path / "a.xml", body + region("s", text_line("m", "first")))
    assert data.load("page_xml", path)[0].text == "first\nlast"


def test_a_line_with_an_empty_text_has_that_of_its_words_and_letters(tmp_path, make_picture):
    make_picture("a.png")
    letters = "".join(f"<Glyph><TextEquiv><Unicode>{c}</Unicode></TextEquiv></Glyph>" for c in "be")
    words = (
        "<Word><TextEquiv><Unicode>to</Unicode></TextEquiv></Word>"
        f"<Word>{letters}<TextEquiv><Unicode/></TextEquiv></Word>"
    )
    row = text_line("l", "").replace("<TextEquiv>", f"{words}<TextEquiv>")
    dataset = data.load("page_xml", write(tmp_path / "a.xml", region("r", row)))
    assert (dataset[0].text, dataset.problems) == ("to be", ())


def test_a_line_within_a_line_is_read(tmp_path, make_picture):
    make_picture("a.png")
    outer = text_line("l", "outer").replace("</TextLine>", f"{text_line('m', 'inner')}</TextLine>")
    path = write(tmp_path / "a.xml", region("r", outer))
    assert data.load("page_xml", path)[0].text == "outer\ninner"


def test_coordinates_that_no_page_has_are_reported_instead_of_clipped(tmp_path, make_picture):
    make_picture("a.png")
    rows = [
        text_line("l", "huge", points="5,5 99999999999999999999,5 60,20"),
        text_line("m", "over the edge", points="5,30 230,30 230,50 5,50"),
    ]
    dataset = data.load("page_xml", write(tmp_path / "a.xml", region("r", *rows)))
    assert [line.line is None for line in dataset[0].lines] == [True, False]
    assert [problem.reason for problem in dataset.problems] == [
        "coordinates far outside the page",
        "box cut at the page's edge",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<alto/>", "expected PcGts with a Page, found alto"),
        ("<PcGts/>", "expected PcGts with a Page"),
        ("<PcGts>", "line 1: not well-formed"),
    ],
)
def test_what_is_not_of_the_form_is_named(tmp_path, text, message):
    path = tmp_path / "a.xml"
    path.write_text(text)
    with pytest.raises(AnnotationError, match=rf"a\.xml.*{message}"):
        data.load("page_xml", path)


@settings(max_examples=40, deadline=None)
@given(st.lists(pages(), min_size=1, max_size=2, unique_by=lambda page: page.source.lower()))
def test_what_is_written_is_read(samples):
    samples.sort(key=lambda page: page.source)
    with tempfile.TemporaryDirectory() as name:
        assert not data.write_page_xml(Dataset(tuple(samples)), name)
        dataset = data.load("page_xml", name)
        for sample, page in zip(samples, dataset.pages):
            assert (page.load_image() == sample.load_image()).all()
    assert not dataset.problems
    for sample, page in zip(samples, dataset.pages):
        assert [(line.text, line.line, line.words, line.tags) for line in page.lines] == [
            (line.text, line.line, line.words, line.tags) for line in sample.lines
        ]
        assert (page.source, page.size, page.paragraph) == (
            sample.source,
            sample.size,
            sample.paragraph,
        )
        assert (page.writer, page.split) == (sample.writer, sample.split)


def test_what_page_xml_cannot_hold_is_returned(tmp_path, make_picture):
    line = data.LineSample(make_picture("l.png"), "text", "l")
    page = data.PageSample(
        make_picture("p.png"), data.samples.Size(200, 100), "p", (data.LabeledLine("lost"),)
    )
    problems = data.write_page_xml(Dataset((line, page)), tmp_path / "out")
    assert [problem.reason for problem in problems] == [
        "line picture without a page",
        "line without a place",
    ]


def test_lines_without_a_name_are_given_one_that_no_other_has(tmp_path, make_picture):
    place = data.samples.TextLine(Box(10, 10, 50, 20))
    lines = (data.LabeledLine("a", place, id="l0"), data.LabeledLine("b", place))
    page = data.PageSample(make_picture("p.png"), data.samples.Size(200, 100), "p", lines)
    assert not data.write_page_xml(Dataset((page,)), tmp_path / "out")
    assert data.load("page_xml", tmp_path / "out")[0].text == "a\nb"


def test_a_real_collection(shared_data):
    dataset = data.load("page_xml", shared_data / "hooker" / "dev")
    report = dataset.report()
    assert (report.pages, report.lines, report.lines_without_place) == (29, 629, 0)
    assert report.lines_without_text == 29
    assert report.skipped == {}
    assert "Soper & Reeve before him have" in {line.text for line in dataset.lines}
