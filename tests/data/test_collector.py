from __future__ import annotations

import pytest

from htrlib.data.collector import Collector
from htrlib.document.geometry import Box, Size
from htrlib.errors import DatasetError

SIZE = Size(200, 100)


def reasons(collector: Collector) -> list:
    return [problem.reason for problem in collector._problems]


def test_a_good_picture_gives_its_size(make_picture):
    collector = Collector()
    assert collector.picture(make_picture("a.png"), "a", SIZE) == SIZE
    assert reasons(collector) == []


def test_pictures_that_cannot_be_used_are_reported(tmp_path, make_picture):
    broken = tmp_path / "broken.png"
    broken.write_text("no picture")
    collector = Collector()
    assert collector.picture(tmp_path / "gone.png", "a") is None
    assert collector.picture(broken, "b") is None
    assert collector.picture(make_picture("c.png"), "c", Size(9, 9)) is None
    assert reasons(collector) == [
        "missing image",
        "unreadable image",
        "image of another size than annotated",
    ]
    assert "9 x 9" in collector._problems[2].detail
    assert "200 x 100" in collector._problems[2].detail
    with pytest.raises(DatasetError, match=r"missing image: 1.*the first: a: missing image"):
        collector.dataset(tmp_path)


def test_the_second_sample_of_an_id_is_left_out(make_picture):
    collector = Collector()
    image = make_picture("a.png")
    for _ in range(2):
        if collector.picture(image, "a") is not None:
            collector.add_line(image, "text", "a")
    dataset = collector.dataset(image)
    assert len(dataset) == 1
    assert dataset.report().skipped == {"duplicate id": 1}


def test_a_single_line_keeps_what_is_said_about_it(make_picture):
    collector = Collector()
    image = make_picture("a.png")
    collector.add_line(
        image, " a  b", "a", page="p", writer="w", split="dev", tags=(tag for tag in "xy")
    )
    (line,) = collector.dataset(image).lines
    assert (line.text, line.page, line.writer, line.split) == ("a b", "p", "w", "dev")
    assert line.tags == ("x", "y")


@pytest.mark.parametrize(
    ("edges", "expected", "reason"),
    [
        ((0, 0, 200, 100), Box(0, 0, 200, 100), None),
        ((-1, -1, 201, 50), Box(0, 0, 200, 50), None),
        ((-9, 0, 20, 50), Box(0, 0, 20, 50), "box cut at the page's edge"),
        ((300, 0, 400, 50), None, "box outside the page"),
        ((5, 5, 5, 50), None, "box without area"),
        ((5, 5, 50, 5.5), None, "box without area"),
        ((5, 99.9, 50, 130), None, "box outside the page"),
        ((float("nan"), 0, 5, 5), None, "box without area"),
        ((1, 2, 3), None, "box without area"),
    ],
)
def test_boxes_are_checked_against_the_page(edges, expected, reason):
    collector = Collector()
    assert collector.box(SIZE, "a", edges) == expected
    assert reasons(collector) == ([] if reason is None else [reason])


def test_outlines_are_cut_at_the_page_edge():
    line = Collector().text_line(
        SIZE, "a", polygon=[(-1, 5), (50, 5), (50, 101)], baseline=[(-1, 50), (50, 50)]
    )
    assert line is not None
    assert line.polygon is not None
    assert line.polygon.points == ((0, 5), (50, 5), (50, 100))
    assert line.baseline == ((0, 50), (50, 50))
    assert line.box == Box(0, 5, 50, 100)


@pytest.mark.parametrize("outline", [[(10, 32), (50, 32), (90, 32)], [(-9, 5), (-5, 9), (-2, 5)]])
def test_an_outline_without_area_on_the_page_leaves_the_box(outline):
    collector = Collector()
    line = collector.text_line(SIZE, "a", box=(10, 10, 90, 40), polygon=outline)
    assert line is not None
    assert (line.box, line.polygon) == (Box(10, 10, 90, 40), None)
    assert reasons(collector) == ["outline without area"]


def test_text_without_a_box_is_kept_without_a_place(make_picture):
    collector = Collector()
    image = make_picture("a.png")
    line = collector.line("text", "a#0", collector.text_line(SIZE, "a#0"))
    collector.add_page(image, SIZE, "a", [line])
    (page,) = collector.dataset(image).pages
    assert (page.text, page.paragraph, list(page.line_samples())) == ("text", None, [])
    assert reasons(collector) == ["text without a box"]


def test_a_page_with_many_lines_outside_is_left_out(make_picture):
    collector = Collector()
    image = make_picture("a.png")
    for name, outside in (("good", 1), ("bad", 2)):
        assert collector.picture(image, name) is not None
        boxes = [(500, 0, 600, 9)] * outside + [(0, 0, 50, 9)] * 4
        lines = [
            collector.line("text", name, collector.text_line(SIZE, name, box=box)) for box in boxes
        ]
        collector.add_page(image, SIZE, name, lines)
    dataset = collector.dataset(image)
    assert [page.source for page in dataset] == ["good"]
    assert dataset.report().skipped == {"lines of another picture": 1}


def test_lines_that_repeat_one_and_lines_without_text_are_left_out(make_picture):
    collector = Collector()
    image = make_picture("a.png")
    lines = [
        collector.line(text, "a", None, id=name)
        for text, name in (("one", "x"), ("one", "x"), (" \t", "y"), ("three", ""), ("four", ""))
    ]
    collector.add_page(image, SIZE, "a", lines)
    assert collector.dataset(image).pages[0].text == "one\nthree\nfour"
    assert reasons(collector) == ["line without text", "duplicate id"]
