"""Damaged PAGE and ALTO files: every lost line is reported."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from htrlib import data
from htrlib.document.geometry import Box
from htrlib.errors import AnnotationError, DatasetError

WIDTH, HEIGHT = 200, 100
PAGE_HOLDERS = ["TextRegion", "TableRegion/TableCell", "X/TextRegion", "TextRegion/TextLine", ""]

coordinates = st.one_of(
    st.integers(-50, 250).map(str),
    st.sampled_from(
        ["20,5", "NaN", "inf", "1e400", "9e20", "", " ", "x", "-0", "1_0", "12.5", "٣"]
    ),
)
point_lists = st.one_of(
    st.lists(st.tuples(coordinates, coordinates), max_size=5).map(
        lambda points: " ".join(f"{x},{y}" for x, y in points)
    ),
    st.sampled_from(["0,0 50,0 50,20 0,20", "10 10 60 10 60 30 10 30", "5,5", "1,2,3,4"]),
)
texts = st.sampled_from(["word", "two words", "", " ", "so\u00adft", "\u200b", "\ufeffé"])


@st.composite
def page_line(draw: st.DrawFn, name: str) -> str:
    parts = []
    outline = draw(st.sampled_from(["attribute", "elements", "empty", "none"]))
    if outline == "attribute":
        parts.append(f'<Coords points="{draw(point_lists)}"/>')
    elif outline == "elements":
        points = draw(st.lists(st.tuples(coordinates, coordinates), max_size=4))
        inner = "".join(f'<Point x="{x}" y="{y}"/>' for x, y in points)
        parts.append(f"<Coords>{inner}</Coords>")
    elif outline == "empty":
        parts.append("<Coords/>")
    if draw(st.booleans()):
        parts.append(f'<Baseline points="{draw(point_lists)}"/>')
    if draw(st.booleans()):
        parts.append(f"<TextEquiv><Unicode>{draw(texts)}</Unicode></TextEquiv>")
    return f'<TextLine id="{name}">{"".join(parts)}</TextLine>'


@st.composite
def page_file(draw: st.DrawFn) -> str:
    body = ""
    for name in draw(st.sampled_from(["a", "ab", "abc"])):
        row = draw(page_line(name))
        around = draw(st.sampled_from(PAGE_HOLDERS))
        for tag in reversed([tag for tag in around.split("/") if tag]):
            row = f'<{tag} id="r{name}"><Coords points="0,0 9,0 9,9"/>{row}</{tag}>'
        body += row
    size = draw(st.sampled_from([f'"{WIDTH}" imageHeight="{HEIGHT}"', '"0" imageHeight="0"']))
    return f'<PcGts><Page imageFilename="p.png" imageWidth={size}>{body}</Page></PcGts>'


@st.composite
def edges(draw: st.DrawFn) -> str:
    kept = draw(st.lists(st.sampled_from(["HPOS", "VPOS", "WIDTH", "HEIGHT"]), unique=True))
    whole = draw(st.booleans())
    names = ["HPOS", "VPOS", "WIDTH", "HEIGHT"] if whole else kept
    return " ".join(f'{name}="{draw(coordinates)}"' for name in names)


@st.composite
def alto_file(draw: st.DrawFn) -> str:
    body = ""
    for name in draw(st.sampled_from(["a", "ab", "abc"])):
        baseline = f'BASELINE="{draw(point_lists)}"' if draw(st.booleans()) else ""
        inner = f'<Shape><Polygon POINTS="{draw(point_lists)}"/></Shape>'
        inner = inner if draw(st.booleans()) else ""
        for _ in range(draw(st.integers(0, 2))):
            inner += f'<String CONTENT="{draw(texts)}" {draw(edges())}/>'
        body += f'<TextLine ID="{name}" {baseline} {draw(edges())}>{inner}</TextLine>'
    holder = draw(st.sampled_from(["TextBlock", "ComposedBlock", "TopMargin"]))
    page = f'<Page WIDTH="{WIDTH}" HEIGHT="{HEIGHT}"><PrintSpace><{holder}>{body}'
    return f"<alto><Layout>{page}</{holder}></PrintSpace></Page></Layout></alto>"


def check_nothing_is_lost(format: str, document: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        Image.new("L", (WIDTH, HEIGHT), 255).save(Path(name, "p.png"))
        Path(name, "p.xml").write_text(document, encoding="utf-8")
        try:
            dataset = data.load(format, name)
        except AnnotationError:
            raise
        except DatasetError as error:
            assert "p" in str(error)  # says why nothing is left, with the first problem
            return
    (page,) = dataset.pages
    told = {problem.source.rpartition("#")[2] for problem in dataset.problems}
    by_id = {line.id: line for line in page.lines}
    for line_id in re.findall('<TextLine (?:id|ID)="([abc])"', document):
        line = by_id.get(line_id)
        whole = line is not None and line.text and line.line is not None
        assert whole or line_id in told
    for line in page.lines:
        if line.line is not None:
            box = line.line.box
            assert 0 <= box.left < box.right <= WIDTH
            assert 0 <= box.top < box.bottom <= HEIGHT
        assert not set(line.text) & set("\u00ad\u200b\ufeff")
    for line_id, line in by_id.items():
        if line.text == "soft":
            assert line_id in told


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(page_file())
def test_each_line_of_a_damaged_page_file_is_read_or_reported(document):
    check_nothing_is_lost("page_xml", document)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(alto_file())
def test_each_line_of_a_damaged_alto_file_is_read_or_reported(document):
    check_nothing_is_lost("alto", document)


HEAD = '<PcGts><Page imageFilename="p.png" imageWidth="{}" imageHeight="{}">'
TAIL = "</Page></PcGts>"


def text_line(name: str, text: str, place: str) -> str:
    return (
        f'<TextLine id="{name}">{place}<TextEquiv><Unicode>{text}</Unicode></TextEquiv></TextLine>'
    )


def load_page(folder: Path, body: str, size=(WIDTH, HEIGHT)) -> data.Dataset:
    path = folder / "p.xml"
    path.write_text(HEAD.format(*size) + body + TAIL, encoding="utf-8")
    return data.load("page_xml", path)


PLACE = '<Coords points="0,0 50,0 50,20 0,20"/>'


def test_lines_of_table_cells_and_nested_regions_are_read_in_order(tmp_path, make_picture):
    make_picture("p.png")
    order = (
        '<ReadingOrder><OrderedGroup id="g"><RegionRefIndexed index="0" regionRef="t"/>'
        '<RegionRefIndexed index="1" regionRef="r"/></OrderedGroup></ReadingOrder>'
    )
    inner = f'<TextRegion id="i">{text_line("c", "third", PLACE)}</TextRegion>'
    body = (
        f'<TextRegion id="r">{text_line("b", "second", PLACE)}{inner}</TextRegion>'
        f'<TableRegion id="t"><TableCell id="x">{text_line("a", "first", PLACE)}</TableCell>'
        "</TableRegion>"
    )
    (page,) = load_page(tmp_path, order + body)
    assert page.text == "first\nsecond\nthird"


def test_the_text_of_a_region_around_regions_is_no_line(tmp_path, make_picture):
    make_picture("p.png")
    inner = f'<TextRegion id="i">{text_line("a", "one", PLACE)}</TextRegion>'
    whole = "<TextEquiv><Unicode>one</Unicode></TextEquiv>"
    dataset = load_page(tmp_path, f'<TextRegion id="r">{inner}{whole}</TextRegion>')
    assert dataset[0].text == "one"
    assert not dataset.problems


def test_points_may_be_elements(tmp_path, make_picture):
    make_picture("p.png")
    corners = ((5, 5), (60, 6), (60, 20), (5, 20))
    points = "".join(f'<Point x="{x}" y="{y}"/>' for x, y in corners)
    body = f"<TextRegion>{text_line('a', 'old', f'<Coords>{points}</Coords>')}</TextRegion>"
    (page,) = load_page(tmp_path, body)
    assert page.lines[0].line.polygon.points == corners


def test_decimal_commas_are_reported_and_not_guessed(tmp_path, make_picture):
    make_picture("p.png")
    place = '<Coords points="20,5,4,25 160,1,4,0"/>'
    dataset = load_page(tmp_path, f"<TextRegion>{text_line('a', 'x', place)}</TextRegion>")
    assert dataset[0].lines[0].line is None
    told = [problem for problem in dataset.problems if problem.source == "p#a"]
    assert told[0].reason == "coordinates that cannot be read"
    assert 'found "20,5,4,25 160,1,4,0"' in told[0].detail


def test_a_page_of_no_size_takes_that_of_its_picture(tmp_path, make_picture):
    make_picture("p.png")
    body = f"<TextRegion>{text_line('a', 'x', PLACE)}</TextRegion>"
    (page,) = load_page(tmp_path, body, size=(0, 0))
    assert (page.size.width, page.size.height) == (WIDTH, HEIGHT)


def test_a_broken_file_of_a_folder_does_not_take_the_others_with_it(tmp_path, make_picture):
    make_picture("p.png")
    (tmp_path / "broken.xml").write_text("<PcGts><Page")
    (tmp_path / "odd.xml").write_text('<PcGts><Page imageWidth="x" imageHeight="1"/></PcGts>')
    (tmp_path / "._p.xml").write_bytes(b"\x00\x05\x16\x07")
    whole = f"<TextRegion>{text_line('a', 'x', PLACE)}</TextRegion>"
    load_page(tmp_path, whole)
    dataset = data.load("page_xml", tmp_path)
    assert [page.source for page in dataset] == ["p"]
    assert [(problem.source, problem.skipped) for problem in dataset.problems] == [
        ("broken", "page"),
        ("odd", ""),  # its size is that of the picture, which is not there
        ("odd", "page"),
    ]


def test_a_page_that_lost_all_its_lines_is_no_page_without_writing(tmp_path, make_picture):
    make_picture("p.png")
    body = "<TextRegion><TextLine id='a'><Coords points='5,5 5,5 5,5'/></TextLine></TextRegion>"
    with pytest.raises(DatasetError, match="page whose lines cannot be used: 1"):
        load_page(tmp_path, body)


def load_alto(folder: Path, row: str) -> data.Dataset:
    page = f'<Page WIDTH="{WIDTH}" HEIGHT="{HEIGHT}"><PrintSpace><TextBlock>{row}'
    path = folder / "p.xml"
    path.write_text(f"<alto><Layout>{page}</TextBlock></PrintSpace></Page></Layout></alto>")
    return data.load("alto", path)


def test_an_alto_line_takes_the_place_of_its_strings(tmp_path, make_picture):
    make_picture("p.png")
    strings = (
        '<String CONTENT="Our" HPOS="20" VPOS="4" WIDTH="60" HEIGHT="28"/>'
        '<String CONTENT="London" HPOS="85" VPOS="6" WIDTH="90" HEIGHT="28"/>'
    )
    (page,) = load_alto(tmp_path, f'<TextLine ID="a">{strings}</TextLine>')
    assert page.lines[0].line.box == Box(20, 4, 175, 34)


def test_an_alto_line_of_a_baseline_alone_has_a_place_around_it(tmp_path, make_picture):
    make_picture("p.png")
    row = '<TextLine ID="a" BASELINE="20,26 160,26"><String CONTENT="Our"/></TextLine>'
    dataset = load_alto(tmp_path, row)
    place = dataset[0].lines[0].line
    assert place.baseline == ((20, 26), (160, 26))
    assert place.box.left == 20 and place.box.right == 160
    assert place.box.top < 26 < place.box.bottom
    assert [problem.reason for problem in dataset.problems] == ["baseline without an outline"]


def test_a_soft_hyphen_at_the_end_of_an_alto_line_was_seen(tmp_path, make_picture):
    make_picture("p.png")
    row = (
        '<TextLine ID="a" HPOS="1" VPOS="1" WIDTH="90" HEIGHT="20"><String CONTENT="Lon"/>'
        '<HYP CONTENT="\u00ad"/></TextLine>'
    )
    assert load_alto(tmp_path, row)[0].text == "Lon-"
