from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from htrlib.data import Dataset, Problem
from htrlib.data.samples import PageSample
from htrlib.document.geometry import Box
from htrlib.errors import ConfigError, DatasetError
from htrlib.evaluation import evaluate_lines, evaluate_pages
from htrlib.evaluation.measuring import Evaluation
from htrlib.images.given_lines import line_as_given
from htrlib.images.orientation import PageTransform
from htrlib.reading.pipeline import Pipeline
from tests.evaluation.staged import line, missing, page, reader


def dataset(*samples: object) -> Dataset:
    return Dataset(tuple(samples))  # type: ignore[arg-type]


def reasons(evaluation: Evaluation) -> Counter:
    return Counter(problem.reason for problem in evaluation.problems if problem.skipped)


class TestPages:
    def test_the_whole_text_is_compared(self) -> None:
        two = dataset(page(["a fine day", "in may"], "one"), page(["snow"], "two"))
        result = evaluate_pages(two, *reader(["a fine", "day in may", "snew"]))
        assert result.pairs["plain"] == (
            ("a fine day in may", "a fine day in may"),
            ("snow", "snew"),
        )
        assert result.rates["plain"]["cer"].value == 1 / 21
        assert result.rates["plain"]["wer"].value == 1 / 6
        assert result.rates["upper"]["cer"].value > 0.7
        assert result.rates["upper"]["cer_any_case"].value == 1 / 21
        assert (result.unit, result.drawn, result.pages, result.bundle) == (
            "pages",
            "pages",
            2,
            None,
        )

    def test_lines_get_the_part_of_the_text_that_aligns_with_them(self) -> None:
        result = evaluate_pages(
            dataset(page(["a fine day", "in may"])), *reader(["a fine", "day in"])
        )
        assert [line.texts["plain"] for line in result.lines] == ["a fine day", "in"]
        assert [line.source for line in result.lines] == ["page#l0", "page#l1"]
        assert [line.sample.line for line in result.lines if line.sample] == [
            page(["a", "b"]).lines[index].line for index in (0, 1)
        ]

    def test_lines_without_a_place_have_no_picture_and_no_detection(self) -> None:
        result = evaluate_pages(
            dataset(page(["one", "two"], placed=False)), *reader(["one", "two"])
        )
        assert [line.sample for line in result.lines] == [None, None]
        assert result.layout is not None
        assert (result.layout.detection.expected, result.layout.overlaps) == (0, [])

    def test_the_layout_is_counted(self) -> None:
        tall = page(["one", "two", "three"])
        short = page(["one", "two"], "short", image=tall.load_image)
        result = evaluate_pages(dataset(tall, short), *reader(["x"] * 6))
        layout = result.layout
        assert layout is not None
        assert (layout.expected, layout.found, layout.right_number) == (5, 6, 1)
        assert (layout.detection.recall, layout.detection.precision) == (1.0, 5 / 6)
        assert len(layout.overlaps) == 2

    def test_no_handwriting_found_counts_in_full(self) -> None:
        pipeline, decoders = reader([])
        pipeline.detect_paragraph = lambda image: None
        result = evaluate_pages(dataset(page(["one"])), pipeline, decoders)
        assert result.rates["plain"]["cer"].value == 1.0
        assert result.layout is not None
        assert result.layout.overlaps == [0.0]

    def test_pages_that_cannot_be_read_are_named_and_the_rest_goes_on(self) -> None:
        both = dataset(page(["one"], "gone", image=missing), page(["two"], "here"))
        result = evaluate_pages(both, *reader(["two"]))
        assert [(p.source, p.reason) for p in result.unread] == [("gone", "unreadable image")]
        assert "gone.png" in result.unread[0].detail
        assert (result.pages, result.rates["plain"]["cer"].value) == (1, 0.0)

    def test_what_has_no_whole_text_is_left_out_and_counted(self) -> None:
        partly = page(["one", ""], "partly", placed=False)
        samples = dataset(partly, page([""], "blank"), page([], "empty"), line("x"), page(["two"]))
        result = evaluate_pages(samples, *reader(["two"]))
        assert result.pages == 1
        assert reasons(result) == {
            "page with a line of unknown text": 1,
            "page of unknown text": 1,
            "page without lines": 1,
            "line picture without a page": 1,
        }

    def test_a_line_of_unknown_text_is_masked_and_counted(self) -> None:
        samples = dataset(page(["one", "", "three"]))
        result = evaluate_pages(samples, *reader(["one", "anything", "three"]))
        assert (result.pages, len(result.lines)) == (1, 2)
        assert result.rates["plain"]["cer"].value == 0.0
        assert reasons(result) == {"line of unknown text, masked": 1}

    def test_the_problems_of_the_data_come_first(self) -> None:
        known = Problem("missing image", "b", skipped="page")
        result = evaluate_pages(Dataset((page(["one"]),), (known,)), *reader(["one"]))
        assert result.problems == (known,)

    def test_nothing_to_read_is_an_error_that_says_why(self) -> None:
        with pytest.raises(DatasetError, match="unreadable image: 1"):
            evaluate_pages(dataset(page(["one"], image=missing)), *reader([]))

    def test_characters_that_the_recognizer_lacks_are_counted(self) -> None:
        result = evaluate_pages(dataset(page(["a € for 5", "5 €"])), *reader(["a  for", ""]))
        assert result.unknown == {"€": 2, "5": 2}
        assert result.rates["plain"]["cer"].edits > 0


class TestLines:
    def test_lines_are_read_where_they_lie_a_page_at_once(self) -> None:
        loaded = []

        def image() -> object:
            loaded.append(1)
            return page(["a", "b"]).load_image()

        both = dataset(page(["one", "two"], image=image), line("three"))  # type: ignore[arg-type]
        result = evaluate_lines(both, *reader(["one", "tow", "three"]))
        assert [line.texts["plain"] for line in result.lines] == ["one", "tow", "three"]
        assert result.rates["plain"]["cer"].edits == 2
        assert (result.pages, len(loaded), result.layout) == (2, 1, None)

    def test_intervals_draw_pages_where_there_are_several(self) -> None:
        texts = ["one", "two", "one", "two"]
        several = dataset(page(texts[:2], "a"), page(texts[2:], "b"))
        one = dataset(page(texts, "a"))
        assert evaluate_lines(several, *reader(texts)).drawn == "pages"
        assert evaluate_lines(one, *reader(texts)).drawn == "lines"
        wrong = ["xxx", "xxx", "one", "two"]
        assert evaluate_lines(several, *reader(wrong)).rates["plain"]["cer"].interval == (0.0, 1.0)
        inner = evaluate_lines(one, *reader(wrong)).rates["plain"]["cer"]
        assert inner.interval is not None
        assert inner.value == 0.5

    def test_lines_without_a_place_are_left_out_and_counted(self) -> None:
        both = dataset(page(["one", "two"], "none", placed=False), page(["three"], "some"))
        result = evaluate_lines(both, *reader(["three"]))
        assert len(result.lines) == 1
        assert reasons(result) == {"line without a place": 2}

    def test_a_picture_that_cannot_be_read_is_one_problem(self) -> None:
        both = dataset(page(["one", "two"], "gone", image=missing), page(["three"], "some"))
        result = evaluate_lines(both, *reader(["three"]))
        assert [problem.source for problem in result.unread] == ["gone"]

    def test_the_same_seed_gives_the_same_interval(self) -> None:
        references = ["abcdefghij"[: 1 + index % 10] for index in range(50)]
        texts = [reference[index % 3 :] for index, reference in enumerate(references)]
        samples = dataset(page(references))
        first, again, other = (
            evaluate_lines(samples, *reader(texts), seed=seed).rates["plain"]["cer"].interval
            for seed in (1, 1, 2)
        )
        assert first == again != other

    def test_too_few_results_of_a_recognizer_are_an_error(self) -> None:
        pipeline, decoders = reader([])
        pipeline.recognize_lines = lambda image, lines: ()
        with pytest.raises(ConfigError, match="1 lines need as many LogProbs, found 0"):
            evaluate_lines(dataset(page(["one"])), pipeline, decoders)


def test_a_pipeline_without_bundle_reads_with_its_own_decoder() -> None:
    pipeline, _ = reader(["one"])
    result = evaluate_lines(dataset(page(["one"])), pipeline)
    assert list(result.rates) == ["pipeline"]


def test_the_bundle_reads_a_synthetic_page(default_bundle: str, synthetic_page: PageSample) -> None:
    pipeline = Pipeline(bundle=default_bundle)
    result = evaluate_pages(dataset(synthetic_page), pipeline)
    assert list(result.rates) == ["best path", "language model"]
    assert result.rates["language model"]["cer"].value < 0.5
    assert result.layout is not None
    assert isinstance(synthetic_page.paragraph, Box)
    assert result.layout.overlaps[0] > 0.5


@pytest.mark.slow
def test_given_lines_are_read_as_well_on_a_negative_that_lies_upside_down(
    default_bundle: str, synthetic_page: PageSample
) -> None:
    page = synthetic_page.load_image()
    transform = PageTransform(synthetic_page.size, quarter_turns=2)
    lines = tuple(
        replace(line, line=line_as_given(line.line, transform)) for line in synthetic_page.lines
    )
    negative = np.ascontiguousarray(np.rot90(255 - page, 2))
    turned = replace(synthetic_page, image=lambda: negative, lines=lines)
    pipeline = Pipeline(bundle=default_bundle)
    plain, found = (evaluate_lines(dataset(one), pipeline) for one in (synthetic_page, turned))
    assert found.pairs == plain.pairs


def test_evaluation_is_imported_without_mxnet() -> None:
    code = "import sys, htrlib.evaluation; sys.exit('mxnet' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
