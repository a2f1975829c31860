"""Labels that a recognizer learns from."""

from __future__ import annotations

from pathlib import Path

from htrlib.data.samples import LineSample
from htrlib.training.tasks.line_recognition import _leftward


def sample(text: str) -> LineSample:
    return LineSample(Path("line.png"), text, text)


def test_lines_of_scripts_that_run_from_right_to_left_are_reported():
    problems = _leftward([sample("shalom 12"), sample("\u05e9\u05dc\u05d5\u05dd 12"), sample("12")])
    assert [problem.source for problem in problems] == ["\u05e9\u05dc\u05d5\u05dd 12"]
    assert problems[0].reason == "right-to-left text"
    assert not problems[0].skipped
