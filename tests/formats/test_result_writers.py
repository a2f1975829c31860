from __future__ import annotations

from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from htrlib.document.geometry import Box, Polygon, Size
from htrlib.document.results import DocumentResult, LineResult, PageResult, TextLine, Transcription
from htrlib.formats import FORMATS, WriteOptions
from htrlib.formats.text import to_markdown, to_text
from tests.formats.results import line, page

SCHEMAS = Path(__file__).resolve().parents[3] / "shared" / "schemas"


def written(result, name, **options):
    file = BytesIO()
    FORMATS[name].write(result, file, WriteOptions(**options))
    return file.getvalue().decode("utf-8")


def schema(name):
    etree = pytest.importorskip("lxml.etree")
    if not SCHEMAS.is_dir():
        pytest.skip(f"no schemas at {SCHEMAS}")

    class Beside(etree.Resolver):
        def resolve(self, url, public, context):
            if url.endswith("xlink.xsd"):
                return self.resolve_filename(str(SCHEMAS / "xlink.xsd"), context)
            return None

    parser = etree.XMLParser()
    parser.resolvers.add(Beside())
    return etree, etree.XMLSchema(etree.parse(str(SCHEMAS / name), parser))


coordinates = st.floats(-50, 400, allow_nan=False)


@st.composite
def results(draw):
    lines = []
    for _ in range(draw(st.integers(0, 4))):
        left, top = draw(coordinates), draw(coordinates)
        box = Box(left, top, left + draw(st.floats(0.1, 90)), top + draw(st.floats(0.1, 40)))
        points = tuple(draw(st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=6)))
        text = " ".join(draw(st.text()).split())
        kind = draw(st.sampled_from([None, "handwritten", "printed"]))
        baseline = draw(st.sampled_from([None, points]))
        place = TextLine(box, Polygon(points), baseline, 0.5, draw(st.text(max_size=4)), kind)
        lines.append(LineResult(place, Transcription(text, -1.0, 0.25)))
    return PageResult(Size(200, 300), None, tuple(lines), draw(st.text(max_size=5)), "a/b.png")


@pytest.mark.parametrize(
    ("name", "file"), [("page", "pagecontent-2019-07-15.xsd"), ("alto", "alto-4-4.xsd")]
)
def test_xml_of_any_text_and_place_follows_its_schema(name, file):
    etree, wanted = schema(file)

    @settings(max_examples=60, deadline=None)
    @given(results())
    def check(result):
        wanted.assertValid(etree.fromstring(written(result, name).encode()))

    check()


@settings(max_examples=40, deadline=None)
@given(results())
def test_hocr_is_well_formed_and_has_every_word(result):
    root = ElementTree.fromstring(written(result, "hocr").encode())
    words = [item for item in root.iter() if item.get("class") == "ocrx_word"]
    assert len(words) == sum(len(item.text.split()) for item in result.lines)


def test_page_xml_says_ids_kinds_and_confidences():
    text = written(page(["two words"]), "page")
    root = ElementTree.fromstring(text.encode())
    confidences = [item.get("conf") for item in root.iter() if item.tag.endswith("TextEquiv")]
    assert confidences[:3] == ["0.9000"] * 3
    typed = LineResult(
        TextLine(Box(0, 0, 9, 9), id="l7", kind="typewritten"), Transcription("a", 0.0, 1.0)
    )
    text = written(PageResult(Size(20, 20), None, (typed,)), "page")
    assert 'id="l7"' in text
    assert "structure {type:typewritten;}" in text


def test_alto_parts_a_hyphen_that_ends_a_line():
    text = written(page(["half exam-", "ple"]), "alto")
    assert 'CONTENT="exam"' in text
    assert '<HYP CONTENT="-" />' in text


def test_tsv_has_tesseract_s_columns_and_a_row_for_each_word():
    rows = [row.split("\t") for row in written(page(["two words"]), "tsv").splitlines()]
    assert rows[0][0] == "level"
    assert rows[0][-2:] == ["conf", "text"]
    assert {len(row) for row in rows} == {12}
    assert [row[-1] for row in rows if row[0] == "5"] == ["two", "words"]


def test_flow_joins_lines_and_undoes_hyphens():
    lines = (line("an exam-", 40), line("ple of flow", 70), line("New", 160))
    result = PageResult(Size(200, 300), None, lines)
    assert to_text(result, flow=True) == "an example of flow\nNew\n"
    assert to_text(result) == "an exam-\nple of flow\nNew\n"
    assert to_markdown(result, flow=True) == "an example of flow\n\nNew\n"


def test_markdown_escapes_what_would_be_markup():
    assert to_markdown(page(["1. *a* # b"])) == "1\\. \\*a\\* \\# b\n"
    two = DocumentResult((page(["a"]), page(["b"])))
    assert to_markdown(two) == "a\n\n---\n\nb\n"
