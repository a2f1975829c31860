from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from htrlib.data import Dataset, LabeledLine, LineSample, PageSample, Problem
from htrlib.data.label_text import clean_text
from htrlib.data.samples import concatenate
from htrlib.document.charset import Charset
from htrlib.document.geometry import Box, Size
from htrlib.document.results import TextLine
from htrlib.errors import ConfigError, DatasetError

PLACE = TextLine(Box(0, 0, 10, 5))


def page(name: str, *texts: str, writer: str = "w") -> PageSample:
    lines = tuple(LabeledLine(text, PLACE) for text in texts)
    return PageSample(Path(name), Size(20, 10), name, lines, writer=writer)


def line(name: str, text: str = "text", page: str = "") -> LineSample:
    return LineSample(Path(name), text, name, page=page or None)


def test_pages_give_a_line_sample_for_each_line_with_place_and_text():
    lines = (
        LabeledLine("first", PLACE, id="a"),
        LabeledLine("no place"),
        LabeledLine("", PLACE),
        LabeledLine("last", PLACE, tags=("consent",)),
    )
    sample = PageSample(Path("p.png"), Size(20, 10), "p", lines, writer="w", split="dev")
    first, last = sample.line_samples()
    assert (first.text, first.source, first.line, first.page) == ("first", "p#a", PLACE, "p")
    assert (last.source, last.writer, last.split, last.tags) == ("p#3", "w", "dev", ("consent",))


def test_pictures_load_when_asked_for():
    calls = []

    def draw():
        calls.append(1)
        return np.zeros((2, 3), np.uint8)

    sample = PageSample(draw, Size(3, 2), "p", (LabeledLine("a", PLACE),))
    (only,) = sample.line_samples()
    assert not calls
    assert sample.load_image().shape == only.load_image().shape == (2, 3)


def test_slices_and_sums_are_datasets():
    both = Dataset((line("a"),), (Problem("x", "y"),)) + Dataset((line("b"),))
    assert [sample.source for sample in both[1:]] == ["b"]
    assert both[0].source == "a"
    assert concatenate([both, both]).problems == both.problems * 2
    assert len(concatenate([])) == 0


@given(
    st.lists(st.integers(0, 8), min_size=2, max_size=60), st.floats(0.05, 0.95), st.integers(0, 99)
)
def test_split_keeps_groups_together_and_loses_nothing(groups, fraction, seed):
    samples = tuple(line(str(i), page=str(group)) for i, group in enumerate(groups))
    try:
        first, second = Dataset(samples).split(fraction, seed=seed)
    except DatasetError:
        assert len(set(groups)) < 3 or not 0.3 < fraction < 0.7
        return
    assert sorted([*first, *second], key=samples.index) == list(samples)
    assert not {s.page for s in first} & {s.page for s in second}
    assert first == Dataset(samples).split(fraction, seed=seed)[0]
    largest = max(groups.count(group) for group in groups)
    assert abs(len(first) - fraction * len(groups)) <= largest


def test_split_by_writer_keeps_pages_of_a_writer_together():
    dataset = Dataset(tuple(page(str(i), "text", writer=f"w{i % 5}") for i in range(50)))
    first, second = dataset.split(0.8, by="writer", seed=3)
    assert (len(first), len(second)) == (40, 10)
    assert {sample.writer for sample in second}.isdisjoint(sample.writer for sample in first)


def test_split_gives_problems_to_the_first_part():
    problem = Problem("missing image", "x", skipped="page")
    first, second = Dataset((line("a"), line("b")), (problem,)).split(0.5)
    assert (first.problems, second.problems) == ((problem,), ())


@pytest.mark.parametrize(("fraction", "by"), [(0, "page"), (1, "page"), (0.5, "hand")])
def test_split_refuses_what_it_does_not_know(fraction, by):
    with pytest.raises(ConfigError):
        Dataset((line("a"), line("b"))).split(fraction, by=by)


def test_split_refuses_unknown_writers_and_a_single_group():
    with pytest.raises(DatasetError, match="a has no writer"):
        Dataset((line("a"), line("b"))).split(0.5, by="writer")
    with pytest.raises(DatasetError, match=r"all of one page \(a\); add data"):
        Dataset((line("a"),)).split(0.5)


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("fraction", [0.01, 0.5, 0.9, 0.99])
def test_of_few_pages_each_side_has_one(count, fraction):
    dataset = Dataset(tuple(line(name) for name in "abcd"[:count]))
    first, second = dataset.split(fraction)
    assert first and second
    assert sorted(sample.source for sample in first + second) == list("abcd"[:count])


def test_a_page_that_loses_all_lines_is_no_page_without_writing():
    empty = PageSample(Path("e"), Size(9, 9), "e")
    kept = Dataset((page("p", "é"), page("q", "a"), empty)).within(Charset.from_text("ab"))
    assert [sample.source for sample in kept] == ["q", "e"]
    assert kept.report().skipped["page that lost all its lines"] == 1


def test_report_counts_texts_and_problems():
    unplaced = PageSample(Path("q"), Size(9, 9), "q", (LabeledLine("ça va"),), writer="v")
    problems = (
        Problem("missing image", "x", skipped="page"),
        Problem("missing image", "y", skipped="page"),
        Problem("box cut at the page's edge", "z"),
    )
    report = Dataset((page("p", "ab", "b"), unplaced, line("l", "c d")), problems).report()
    assert (report.pages, report.lines, report.words, report.characters) == (2, 4, 6, 11)
    assert (report.lines_without_place, report.lines_without_text, report.writers) == (1, 0, 2)
    assert report.charset == Charset.from_text("abcdva ç")
    assert report.counts["b"] == 2
    assert report.skipped == {"missing image": 2}
    assert report.mended == {"box cut at the page's edge": 1}
    assert "left out, missing image: 2" in str(report)


def test_filter_keeps_samples():
    dataset = Dataset((page("p", "a"), line("l")))
    assert dataset.filter(lambda sample: sample.source == "l").samples == (line("l"),)


def test_lines_outside_a_charset_are_left_out_and_reported():
    dataset = Dataset((page("p", "ab", "aé", "b"), line("l", "é"), line("m", "a")))
    kept = dataset.within(Charset.from_text("ab"))
    assert [sample.text for sample in kept.lines] == ["ab", "b", "a"]
    assert kept.report().skipped == {"characters outside the charset": 2}
    assert {problem.source for problem in kept.problems} == {"p", "l"}


@given(st.text())
def test_clean_text_is_stable_and_fits_into_xml(text):
    cleaned = clean_text(text)
    assert clean_text(cleaned) == cleaned == " ".join(cleaned.split())
    element = ElementTree.Element("a")
    element.text = cleaned
    assert (ElementTree.fromstring(ElementTree.tostring(element)).text or "") == cleaned


@pytest.mark.parametrize("text", ["\ufffe", "\uffff", "\x0b", "\x7f", "\ud800", "\x1f \x00\t"])
def test_what_is_no_character_is_dropped(text):
    assert clean_text(text) == ""


def test_clean_text_composes_accents():
    assert clean_text("e\u0301\u00a0t\u00e9") == "\u00e9 t\u00e9"


def test_a_picture_that_two_files_describe_is_on_one_side_of_a_split():
    pages = [
        PageSample(
            Path(f"{number}.png"), Size(20, 10), f"{number}{kind}", (LabeledLine("a", PLACE),)
        )
        for number in range(6)
        for kind in ("", ".page")
    ]
    first, second = Dataset(tuple(pages)).split(0.6, by="page", seed=3)
    assert not {sample.image for sample in first} & {sample.image for sample in second}


def test_lines_that_are_left_out_are_masked():
    lines = (LabeledLine("a", PLACE), LabeledLine("b", TextLine(Box(0, 5, 9, 9), kind="printed")))
    (found,) = Dataset((PageSample(Path("p.png"), Size(20, 10), "p", lines),)).of_kinds(
        "handwritten"
    )
    assert [line.text for line in found.lines] == ["a"]
    assert found.masked == (Box(0, 5, 9, 9),)
