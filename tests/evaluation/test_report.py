from __future__ import annotations

import json

import pytest

from htrlib.data import Dataset, Problem
from htrlib.evaluation import evaluate_lines, evaluate_pages, to_dict, to_text
from htrlib.evaluation.measuring import Evaluation
from tests.evaluation.staged import missing, page, reader


@pytest.fixture
def evaluation() -> Evaluation:
    samples = (
        page(["one ſ day", "snow"], "first"),
        page(["rain"], "second"),
        page(["x"], "gone", image=missing),
    )
    problems = (Problem("line without text", "first#l9", skipped="line"), Problem("odd", "first"))
    return evaluate_pages(Dataset(samples, problems), *reader(["ome day", "snowy", "rain"]))


def test_text_has_the_rates_of_each_decoder(evaluation: Evaluation) -> None:
    rows = to_text(evaluation).splitlines()
    assert rows[0] == "2 pages, 3 lines"
    assert rows[2].split() == ["CER", "WER", "CER", "any", "case", "WER", "any", "case"]
    plain = evaluation.rates["plain"]
    assert rows[4].startswith(f"plain  {plain['cer']}  {plain['wer']}")
    assert "pages drawn at random" in rows[5]


def test_text_tells_lines_confusions_unknown_characters_and_what_was_left_out(
    evaluation: Evaluation,
) -> None:
    text = to_text(evaluation)
    assert "lines: 3 expected, 3 found; the right number on 2 of 2 pages" in text
    assert "lines at IoU 0.5: F1 1.0000" in text
    assert "read as another: n→m 1\n" in text
    assert "space 1" in text
    assert "read too much:   y 1" in text
    assert "1 character of the references cannot be written" in text
    assert "ſ (U+017F) 1" in text
    assert "left out, line without text: 1" in text
    assert "left out, unreadable image: 1" in text
    assert "kept, odd: 1" in text


def test_text_of_lines_read_without_error_is_short() -> None:
    result = evaluate_lines(Dataset((page(["one"]),)), *reader(["one"]))
    assert to_text(result).splitlines()[-1].split() == ["plain", *["0.0000"] * 4]


def test_json_holds_the_same(evaluation: Evaluation) -> None:
    found = json.loads(json.dumps(to_dict(evaluation)))
    plain = found["decoders"]["plain"]
    assert plain["cer"]["rate"] == evaluation.rates["plain"]["cer"].value
    assert plain["cer"]["interval"] == list(evaluation.rates["plain"]["cer"].interval or ())
    assert ["n", "m", 1] in plain["confusions"]
    assert sum(count for _, _, count in plain["confusions"]) == plain["cer"]["edits"]
    assert found["layout"]["pages_with_right_number"] == 2
    assert found["unknown_characters"] == {"ſ": 1}
    assert [problem["source"] for problem in found["unread"]] == ["gone"]
    assert [problem["reason"] for problem in found["problems"]] == ["line without text", "odd"]


def test_json_of_lines_has_no_layout() -> None:
    result = evaluate_lines(Dataset((page(["one"]),)), *reader(["one"]))
    assert to_dict(result)["layout"] is None
    assert to_dict(result)["decoders"]["plain"]["cer"]["interval"] is None
