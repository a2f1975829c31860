"""Other programs read the files that are written: their words, lines and confidences."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from htrlib.document.results import LineResult, PageResult
from htrlib.formats import save
from tests.formats.results import page

TEXTS = ("two words", "naïve <b>&", "an exam-")


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"needs {name}")
    return found


@pytest.fixture()
def result() -> PageResult:
    """Lines with ids, kinds, outlines and baselines."""
    found = page(TEXTS)
    lines = []
    for number, line in enumerate(found.lines):
        box = line.line.box
        baseline = ((box.left, box.bottom - 5), (box.right, box.bottom - 4))
        place = replace(line.line, id=f"l{number}", kind="handwritten", baseline=baseline)
        lines.append(LineResult(place, line.transcription))
    return replace(found, lines=tuple(lines))


def test_alto_tools_finds_text_and_confidence(tmp_path: Path, result: PageResult) -> None:
    command = [program("alto-tools"), str(tmp_path / "a.alto.xml")]
    save(result, tmp_path / "a.alto.xml")
    text, confidence = (
        subprocess.run([*command, option], capture_output=True, text=True, check=True).stdout
        for option in ("-t", "-c")
    )
    assert text.split() == " ".join(TEXTS).replace("exam-", "exam").split()
    assert "Confidence: 90.0" in confidence


def test_hocr_check_is_content(tmp_path: Path, result: PageResult) -> None:
    command = [program("hocr-check"), str(tmp_path / "a.hocr")]
    save(result, tmp_path / "a.hocr")
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told = done.stdout + done.stderr
    assert told.count("ok ") >= len(TEXTS)
    assert "not ok" not in told


def test_hocr_lines_finds_the_lines(tmp_path: Path, result: PageResult) -> None:
    command = [program("hocr-lines"), str(tmp_path / "a.hocr")]
    save(result, tmp_path / "a.hocr")
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert [row.strip() for row in done.stdout.splitlines() if row.strip()] == list(TEXTS)
