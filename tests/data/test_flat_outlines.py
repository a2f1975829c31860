from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from htrlib import data
from htrlib.data.flat_outlines import from_baselines, unflattened
from htrlib.document.geometry import Box, Polygon, Size
from htrlib.document.results import TextLine
from htrlib.formats import page_xml
from htrlib.formats.page_xml_elements import NAMESPACE

SIZE = Size(400, 400)


def outlined(base: float, ascent: float = 30.0, descent: float = 15.0) -> TextLine:
    """A line whose baseline falls by 10 pixels."""
    baseline = ((20.0, base), (200.0, base + 5), (380.0, base + 10))
    polygon = Polygon(
        tuple((x, y - ascent) for x, y in baseline)
        + tuple((x, y + descent) for x, y in reversed(baseline))
    )
    return TextLine(polygon.box, polygon, baseline)


LINES = [outlined(50), outlined(100, 32, 14), outlined(150), outlined(200, 28, 16)]


def test_a_band_along_the_baseline_takes_the_usual_height_of_the_page() -> None:
    lines = [*LINES[:2], outlined(250, 8, 0), *LINES[2:]]
    mended = unflattened(lines, SIZE)
    assert list(mended) == [2]
    line = mended[2]
    assert line.baseline == lines[2].baseline
    assert line.polygon is not None and line.box == line.polygon.box
    assert line.box.top == pytest.approx(250 - 30, abs=2)
    assert line.box.bottom == pytest.approx(260 + 15, abs=2)


def test_outlines_of_writing_stay() -> None:
    assert unflattened([*LINES, outlined(250, 18, 8)], SIZE) == {}


def test_few_outlines_do_not_tell_which_are_flat() -> None:
    assert unflattened([*LINES[:2], outlined(250, 8, 0)], SIZE) == {}


def test_lines_without_polygon_or_baseline_are_left_alone() -> None:
    bare = replace(outlined(250, 8, 0), polygon=None)
    alone = replace(outlined(300, 8, 0), baseline=None)
    assert unflattened([*LINES, bare, alone], SIZE) == {}


def test_a_band_stays_on_the_page() -> None:
    mended = unflattened([*LINES, outlined(5, 4, 0), outlined(385, 4, 0)], SIZE)
    assert mended[4].box.top == 0
    assert mended[5].box.bottom == 400


def test_a_baseline_straight_up_is_left_as_it_is() -> None:
    upright = ((50.0, 300.0), (50.0, 350.0))
    polygon = Polygon(((50.0, 300.0), (50.0, 350.0), (51.0, 300.0)))
    assert unflattened([*LINES, TextLine(polygon.box, polygon, upright)], SIZE) == {}


def test_adapters_mend_and_report_them(tmp_path: Path) -> None:
    lines = [*LINES, outlined(250, 8, 0)]
    Image.fromarray(np.full((400, 400), 200, np.uint8)).save(tmp_path / "a.png")

    def points(pairs: object) -> str:
        return " ".join(f"{x:g},{y:g}" for x, y in pairs)  # type: ignore[attr-defined]

    rows = "".join(
        f'<TextLine id="l{n}"><Coords points="{points(line.polygon.points)}"/>'
        f'<Baseline points="{points(line.baseline)}"/>'
        f"<TextEquiv><Unicode>words</Unicode></TextEquiv></TextLine>"
        for n, line in enumerate(lines)
        if line.polygon is not None
    )
    (tmp_path / "a.xml").write_text(
        f'<PcGts xmlns="{NAMESPACE}"><Page imageFilename="a.png" imageWidth="400" '
        f'imageHeight="400"><TextRegion id="r">{rows}</TextRegion></Page></PcGts>'
    )
    dataset = page_xml.load(tmp_path / "a.xml")
    assert dataset.report().mended == {"flat outline": 1}
    assert dataset.problems[0].source == "a#l4"
    place = dataset.pages[0].lines[4].line
    assert place is not None and place.box.height > 45


def bare(base: float) -> TextLine:
    baseline = ((20.0, base), (380.0, base))
    return TextLine(Box(20, base - 1, 380, base + 1), baseline=baseline)


def test_a_baseline_alone_takes_the_height_of_the_other_lines() -> None:
    known = TextLine(Box(20, 10, 380, 50))
    first, second, third = from_baselines([known, bare(100), None], [False, True, False], SIZE)
    assert (first, third) == (known, None)
    assert second is not None and second.polygon is not None
    assert second.box == Box(20, 70, 380, 110)


def test_baselines_alone_are_as_high_as_they_are_apart() -> None:
    lines = from_baselines([bare(100), bare(160), bare(220)], [True] * 3, SIZE)
    assert [line.box.height for line in lines if line] == [60, 60, 60]


def test_a_lone_baseline_takes_a_tenth_of_the_page() -> None:
    (line,) = from_baselines([bare(200)], [True], SIZE)
    assert line is not None and line.box.height == 40


def upright_bare(x: float, up: bool) -> TextLine:
    """A line with only a baseline that runs up or down the page."""
    ends = ((x, 380.0), (x + 2, 20.0)) if up else ((x + 2, 20.0), (x, 380.0))
    return TextLine(Box(x, 20, x + 2, 380), baseline=ends)


def test_a_baseline_up_the_page_has_its_outline_beside_it() -> None:
    known = TextLine(Box(100, 10, 380, 50))
    lines = from_baselines([known, upright_bare(60, True)], [False, True], SIZE)
    assert lines[1] is not None and lines[1].polygon is not None
    assert lines[1].box == Box(30, 20, 72, 380)  # letters stand to the left of the baseline
    lines = from_baselines([known, upright_bare(10, False)], [False, True], SIZE)
    assert lines[1] is not None
    assert lines[1].box == Box(0, 20, 42, 380)  # here to its right, and cut at the page's edge


def test_baselines_up_the_page_are_as_high_as_they_are_apart() -> None:
    lines = from_baselines([upright_bare(x, True) for x in (100, 150, 200)], [True] * 3, SIZE)
    assert [line.box.width for line in lines if line] == [52, 52, 52]


def test_a_line_up_the_page_is_as_high_as_it_is_upright() -> None:
    margin = TextLine(Box(10, 20, 40, 380), baseline=((32, 380), (32, 20)))
    lines = from_baselines([margin, bare(100)], [False, True], SIZE)
    assert lines[1] is not None and lines[1].box.height == 30


@pytest.mark.parametrize("ends", ["92,315 94,105", "92,315 92,105"])
def test_adapters_read_a_baseline_up_the_page(tmp_path: Path, ends: str) -> None:
    Image.fromarray(np.full((400, 400), 200, np.uint8)).save(tmp_path / "a.png")
    file = tmp_path / "a.xml"
    file.write_text(
        f'<PcGts xmlns="{NAMESPACE}"><Page imageFilename="a.png" imageWidth="400" '
        'imageHeight="400"><TextRegion id="r"><TextLine id="l" custom="confirmed {by:A;}">'
        f'<Baseline points="{ends}"/><TextEquiv><Unicode>up</Unicode></TextEquiv>'
        "</TextLine></TextRegion></Page></PcGts>"
    )
    for format in ("page_xml", "review"):
        (line,) = data.load(format, file).lines
        assert line.line is not None and line.line.quarter_turns == 3
        assert line.line.box.width >= 40 and line.line.box.height == 210


def test_small_print_is_not_flat() -> None:
    size = Size(400, 400)

    def line(top: float, height: float, kind: str) -> TextLine:
        outline = Polygon(((10, top), (300, top), (300, top + height), (10, top + height)))
        base = top + 0.8 * height
        return TextLine(outline.box, outline, ((10, base), (300, base)), kind=kind)

    letter = [line(60.0 * row, 50, "handwritten") for row in range(5)]
    assert not unflattened([*letter, line(350, 12, "printed")], size)
    assert unflattened([*letter, line(350, 12, "handwritten")], size)
