from __future__ import annotations

from htrlib import data
from htrlib.data import LabeledLine
from htrlib.data.line_ids import told_apart
from htrlib.document.geometry import Box
from htrlib.document.results import TextLine


def line(text: str, name: str, top: float = 10) -> LabeledLine:
    return LabeledLine(text, TextLine(Box(10, top, 90, top + 20)), id=name)


def test_a_repeated_id_becomes_a_free_one() -> None:
    lines = [line("one", "x"), line("two", "x"), line("three", "line-1"), line("one", "x", 50)]
    kept, problems = told_apart(lines, "page")
    assert [(one.text, one.id) for one in kept] == [
        ("one", "x"),
        ("two", "line-2"),
        ("three", "line-1"),
        ("one", "line-3"),
    ]
    assert [(problem.source, problem.skipped) for problem in problems] == [("page#x", "")] * 2
    assert "becomes line-2" in problems[0].detail


def test_a_repeated_line_is_left_out() -> None:
    kept, (problem,) = told_apart([line("one", "x"), line("one", "x")], "page")
    assert [one.id for one in kept] == ["x"]
    assert (problem.reason, problem.skipped) == ("duplicate id", "line")


def test_lines_without_an_id_stay_without() -> None:
    lines = [line("one", ""), line("one", "")]
    assert told_apart(lines, "page") == (lines, [])


def test_lines_of_two_regions_that_count_from_the_beginning_are_all_read(make_picture) -> None:
    row = (
        '<TextLine id="line_0"><Coords points="10,{0} 90,{0} 90,{1} 10,{1}"/>'
        "<TextEquiv><Unicode>{2}</Unicode></TextEquiv></TextLine>"
    )
    regions = [row.format(10, 30, "one"), row.format(50, 70, "two")]
    body = "".join(f'<TextRegion id="r{n}">{rows}</TextRegion>' for n, rows in enumerate(regions))
    file = make_picture("a.png").with_suffix(".xml")
    page = '<Page imageFilename="a.png" imageWidth="200" imageHeight="100">'
    file.write_text(f"<PcGts>{page}{body}</Page></PcGts>")
    dataset = data.load("page_xml", file)
    assert [one.text for one in dataset.lines] == ["one", "two"]
    assert [one.id for one in dataset.pages[0].lines] == ["line_0", "line-1"]
    assert dataset.report().mended == {"duplicate id": 1}
