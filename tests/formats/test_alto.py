from __future__ import annotations

import pytest

from htrlib import data
from htrlib.document.geometry import Box, Size
from htrlib.errors import AnnotationError, DatasetError

HEAD = """<alto xmlns="http://www.loc.gov/standards/alto/ns-v{version}#">
<Description><MeasurementUnit>{unit}</MeasurementUnit>
<sourceImageInformation><fileName>a.png</fileName></sourceImageInformation></Description>
<Tags><OtherTag ID="T1" LABEL="Main"/><OtherTag ID="T2" LABEL="default"/></Tags>
<Layout>"""


def document(body, version="4", unit="pixel", size='WIDTH="200" HEIGHT="100"'):
    head = HEAD.format(version=version, unit=unit)
    return f"{head}<Page {size}><PrintSpace>{body}</PrintSpace></Page></Layout></alto>"


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def line(name, inside, extra='HPOS="10" VPOS="20" WIDTH="80" HEIGHT="20"'):
    return f'<TextLine ID="{name}" {extra}>{inside}</TextLine>'


def block(name, *lines, extra=""):
    return f'<TextBlock ID="{name}" {extra}>{"".join(lines)}</TextBlock>'


def string(text, left=10, width=30):
    return f'<String CONTENT="{text}" HPOS="{left}" VPOS="20" WIDTH="{width}" HEIGHT="20"/>'


def test_a_line_of_version_4(tmp_path, make_picture):
    make_picture("a.png")
    inside = '<Shape><Polygon POINTS="10 20 90 20 85 40 10 40"/></Shape>' + string(
        "two words", 10, 80
    )
    row = line(
        "l",
        inside,
        'TAGREFS="T2" BASELINE="10 38 90 39" HPOS="10" VPOS="20" WIDTH="80" HEIGHT="20"',
    )
    path = write(tmp_path / "x.xml", document(block("b", row, extra='TAGREFS="T1"')))
    (page,) = data.load("alto", path)
    (found,) = page.lines
    assert (page.source, found.text, found.id) == ("x", "two words", "l")
    assert found.line.box == Box(10, 20, 90, 40)
    assert found.line.polygon.points[2] == (85, 40)
    assert found.line.baseline == ((10, 38), (90, 39))
    assert (found.tags, found.words) == (("Main", "default"), ())


@pytest.mark.parametrize("version", ["2", "3"])
def test_words_spaces_hyphens_and_a_level_baseline(tmp_path, make_picture, version):
    make_picture("a.png")
    inside = string("Don", 10, 20) + string("'t", 30, 5) + "<SP/>" + string("st", 40) + "<HYP/>"
    extra = 'BASELINE="37.5" HPOS="10" VPOS="20" WIDTH="80" HEIGHT="20"'
    path = write(tmp_path / "a.xml", document(block("b", line("l", inside, extra)), version))
    (found,) = data.load("alto", path)[0].lines
    assert found.text == "Don't st-"
    assert [word.text for word in found.words] == ["Don", "'t", "st-"]
    assert found.line.baseline == ((10, 37.5), (90, 37.5))


def test_strings_without_any_space_element_are_words(tmp_path, make_picture):
    make_picture("a.png")
    path = write(tmp_path / "a.xml", document(block("b", line("l", string("a") + string("b", 50)))))
    assert data.load("alto", path)[0].text == "a b"


def test_other_units_are_scaled_to_the_picture(tmp_path, make_picture):
    make_picture("a.png")
    extra = 'HPOS="100" VPOS="200" WIDTH="800" HEIGHT="200" BASELINE="350"'
    body = document(
        block("b", line("l", '<String CONTENT="a"/>', extra)),
        version="2", unit="mm10", size='WIDTH="2000" HEIGHT="1000"',
    )  # fmt: skip
    (found,) = data.load("alto", write(tmp_path / "a.xml", body))[0].lines
    assert found.line.box == Box(10, 20, 90, 40)
    assert found.line.baseline == ((10, 35), (90, 35))


@pytest.mark.parametrize("unit", ["mm10", "inch1200"])
@pytest.mark.parametrize(
    "size",
    [
        'WIDTH="0" HEIGHT="1000"',
        'WIDTH="2000" HEIGHT="0"',
        'WIDTH="2000"',
        'WIDTH="" HEIGHT=""',
        "",
    ],
)
def test_a_page_whose_scale_is_not_known_is_left_out(tmp_path, make_picture, unit, size):
    make_picture("a.png")
    body = block("b", line("l", string("a")))
    write(tmp_path / "a.xml", document(body))
    write(tmp_path / "b.xml", document(body, unit=unit, size=size))
    dataset = data.load("alto", tmp_path)
    assert [page.source for page in dataset] == ["a"]
    assert dataset.report().skipped == {"page without a size": 1}
    assert unit in str(dataset.problems[0])


def test_a_missing_picture_is_told_before_a_missing_size(tmp_path, make_picture):
    make_picture("a.png")
    write(tmp_path / "a.xml", document(block("b", line("l", string("a")))))
    gone = document("", unit="mm10", size='WIDTH="0" HEIGHT="0"').replace("a.png", "gone.png")
    write(tmp_path / "b.xml", gone)
    assert data.load("alto", tmp_path).report().skipped == {"missing image": 1}


@pytest.mark.parametrize(
    "size",
    [
        'WIDTH="0" HEIGHT="0"',
        'WIDTH="0" HEIGHT="100"',
        'WIDTH="inf" HEIGHT="1"',
        'WIDTH="" HEIGHT=""',
        'WIDTH="800px" HEIGHT="400px"',
        'WIDTH="wide" HEIGHT="1"',
    ],
)
def test_a_size_in_pixels_that_says_nothing_is_not_compared(tmp_path, make_picture, size):
    make_picture("a.png")
    body = block("b", line("l", string("a")))
    (page,) = data.load("alto", write(tmp_path / "a.xml", document(body, size=size)))
    assert (page.size, page.lines[0].line.box) == (Size(200, 100), Box(10, 20, 90, 40))


@pytest.mark.parametrize("unit", ["", "PIXEL", "Pixels", " px "])
def test_a_size_in_pixels_is_compared_however_the_unit_is_spelled(tmp_path, make_picture, unit):
    make_picture("a.png", 400, 200)
    body = block("b", line("l", string("a")))
    with pytest.raises(DatasetError, match="image of another size than annotated"):
        data.load("alto", write(tmp_path / "a.xml", document(body, unit=unit)))


@pytest.mark.parametrize("holder", ["ComposedBlock", "Illustration", ""])
def test_lines_outside_a_text_block_are_read(tmp_path, make_picture, holder):
    make_picture("a.png")
    rows = line("l", string("a")) + line("m", string("b"))
    body = f"<{holder}>{rows}</{holder}>" if holder else rows
    assert data.load("alto", write(tmp_path / "a.xml", document(body)))[0].text == "a\nb"


def test_a_string_without_content_has_that_of_its_letters(tmp_path, make_picture):
    make_picture("a.png")
    letters = '<String><Glyph CONTENT="b"/><Glyph CONTENT="e"/></String>'
    body = block("b", line("l", string("to") + letters))
    assert data.load("alto", write(tmp_path / "a.xml", document(body)))[0].text == "to be"


def test_blocks_come_in_reading_order(tmp_path, make_picture):
    make_picture("a.png")
    body = block("b1", line("l1", string("last"))) + (
        "<ComposedBlock>" + block("b2", line("l2", string("first"))) + "</ComposedBlock>"
    )
    order = '<ReadingOrder><OrderedGroup><ElementRef REF="b2"/></OrderedGroup></ReadingOrder>'
    text = document(body).replace("<Layout>", f"{order}<Layout>")
    path = write(tmp_path / "a.xml", text)
    assert data.load("alto", path)[0].text == "first\nlast"


def test_lines_come_in_reading_order_too(tmp_path, make_picture):
    make_picture("a.png")
    rows = [line(name, string(text)) for name, text in (("l1", "b"), ("l2", "a"), ("l3", "d"))]
    body = block("b1", *rows) + block("b2", line("l4", string("c")))
    order = "<ReadingOrder><OrderedGroup><ElementRef REF='l2 l1'/></OrderedGroup></ReadingOrder>"
    text = document(body).replace("<Layout>", f"{order}<Layout>")
    assert data.load("alto", write(tmp_path / "a.xml", text))[0].text == "a\nb\nd\nc"


def test_what_cannot_be_used_is_reported(tmp_path, make_picture):
    make_picture("a.png")
    rows = [line("a", ""), line("b", '<String CONTENT="no place"/>', ""), line("c", string("ok"))]
    write(tmp_path / "a.xml", document(block("b", *rows)))
    write(tmp_path / "b.xml", "<mets/>")
    write(tmp_path / "c.xml", document("").replace("</Layout>", "<Page/></Layout>"))
    write(tmp_path / "d.xml", document("", size='WIDTH="20" HEIGHT="10"'))
    report = data.load("alto", tmp_path).report()
    assert report.skipped == {
        "not ALTO": 1,
        "not one page in a file": 1,
        "image of another size than annotated": 1,
    }
    assert report.mended == {"line without text": 1, "text without a box": 1}
    assert (report.lines, report.lines_without_text) == (3, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<PcGts/>", "expected alto with a Page, found PcGts"),
        ("<alto>\n</Layout>", "line 2: not well-formed"),
    ],
)
def test_what_is_not_of_the_form_is_named(tmp_path, text, message):
    with pytest.raises(AnnotationError, match=message):
        data.load("alto", write(tmp_path / "a.xml", text))


def test_a_folder_without_xml_is_an_error(tmp_path):
    with pytest.raises(DatasetError, match="found none"):
        data.load("alto", tmp_path)


def test_real_files(shared_data):
    report = data.load("alto", shared_data / "alto").report()
    assert (report.pages, report.lines, report.lines_without_place) == (7, 140, 0)
    assert not report.problems


@pytest.mark.parametrize("content", ["so-", "so"])
def test_a_hyphen_that_is_written_twice_is_one(tmp_path, make_picture, content):
    make_picture("a.png")
    inside = string(content, 10) + '<HYP CONTENT="-"/>'
    write(tmp_path / "a.xml", document(block("b", line("l", inside))))
    (found,) = data.load("alto", tmp_path)[0].lines
    assert (found.text, [word.text for word in found.words]) == ("so-", ["so-"])


def test_a_line_whose_box_is_flat_has_the_place_that_is_known_otherwise(tmp_path, make_picture):
    make_picture("a.png")
    flat = 'HPOS="10" VPOS="40" WIDTH="80" HEIGHT="0"'
    words = line("words", string("ab", 10, 20), flat)
    level = line("level", '<String CONTENT="cd"/>', f'{flat} BASELINE="10,40 90,40"')
    outline = '<Shape><Polygon POINTS="10,30 90,30 90,45 10,40"/></Shape><String CONTENT="ef"/>'
    shaped = line("shaped", outline, flat)
    write(tmp_path / "a.xml", document(block("b", words + level + shaped)))
    found = data.load("alto", tmp_path)
    places = {row.id: row.line.box for row in found[0].lines}
    assert (places["words"].left, places["words"].right) == (10, 30)
    assert places["level"].top < 40 < places["level"].bottom
    assert places["shaped"] == Box(10, 30, 90, 45)
    assert [problem.reason for problem in found.problems] == ["baseline without an outline"]
