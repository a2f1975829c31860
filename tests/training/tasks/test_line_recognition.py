"""Labels that a recognizer learns from, and the numbers that it learns in."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Optional

import pytest

from htrlib.data.samples import LineSample
from htrlib.training.tasks import line_recognition
from htrlib.training.tasks.line_recognition import _in_bfloat16, _leftward


def sample(text: str) -> LineSample:
    return LineSample(Path("line.png"), text, text)


def test_lines_of_scripts_that_run_from_right_to_left_are_reported():
    problems = _leftward([sample("shalom 12"), sample("\u05e9\u05dc\u05d5\u05dd 12"), sample("12")])
    assert [problem.source for problem in problems] == ["\u05e9\u05dc\u05d5\u05dd 12"]
    assert problems[0].reason == "right-to-left text"
    assert not problems[0].skipped


@pytest.mark.parametrize(
    ("asked", "has", "device", "expected"),
    [
        (None, True, "cpu", True),
        (None, False, "cpu", False),
        (False, True, "cpu", False),
        (True, False, "cpu", True),
        (None, True, "gpu", False),
        (True, True, "gpu", False),
    ],
)
def test_bfloat16_is_for_cpus_that_have_it_unless_asked(
    monkeypatch: pytest.MonkeyPatch, asked: Optional[bool], has: bool, device: str, expected: bool
) -> None:
    monkeypatch.setattr(line_recognition, "has_bfloat16", lambda: has)
    assert _in_bfloat16(asked, [SimpleNamespace(device_type=device)] * 2) == expected
