from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest

from htrlib.bundle import load_bundle
from htrlib.cli import datasets
from htrlib.cli.main import main
from htrlib.document.geometry import Box
from htrlib.document.results import LogProbs, TextLine
from htrlib.stages import lines, paragraph, recognition
from tests.cli.labeled import damage, write_pages

Run = Callable[..., int]


@pytest.fixture
def htr(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`htr evaluate` with stages that find one line on a page, and read `abc` on each line."""
    charset = load_bundle(tiny_bundle).charset
    values = np.full((3, len(charset) + 1), -20.0, np.float32)
    values[np.arange(3), np.arange(3)] = 0.0

    def segment(page: Any, box: Box, **networks: Any) -> Any:
        return (TextLine(Box(10, 10, 180, 30)),)

    monkeypatch.setattr(
        paragraph, "detect_paragraph", lambda page, **networks: Box(10, 10, 180, 70)
    )
    monkeypatch.setattr(lines, "segment_lines", segment)
    monkeypatch.setattr(
        recognition,
        "recognize_lines",
        lambda page, found, **networks: [LogProbs(values, charset) for _ in found],
    )
    monkeypatch.setattr(
        recognition,
        "recognize_pages",
        lambda pages, lines, **networks: [
            [LogProbs(values, charset) for _ in found] for found in lines
        ],
    )
    return lambda *arguments: main(["evaluate", "--bundle", str(tiny_bundle), *map(str, arguments)])


def test_pages_are_the_default(htr: Run, tmp_path: Path, capsys: Any) -> None:
    assert htr("--data", "pages_json", write_pages(tmp_path)) == 0
    out, err = capsys.readouterr()
    assert out.startswith("tiny 7: 2 pages, 3 lines\n")
    assert "best path" in out
    assert "lines: 3 expected, 2 found; the right number on 1 of 2 pages" in out
    assert "3 characters of the references cannot be written" in out
    assert err == ""


def test_lines_as_json(htr: Run, tmp_path: Path, capsys: Any) -> None:
    path = write_pages(tmp_path)
    assert htr("--data", "pages_json", path, "--lines", "--split", "dev", "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["unit"], found["lines"], found["layout"]) == ("lines", 1, None)
    assert found["decoders"]["best path"]["cer"]["edits"] == 2  # abc for bac
    assert found["decoders"]["best path"]["wer"]["rate"] == 1.0


def test_a_page_that_cannot_be_read_is_named_and_the_status_is_1(
    htr: Run, tmp_path: Path, capsys: Any
) -> None:
    assert htr("--data", "pages_json", write_pages(tmp_path, missing=True)) == 1
    out, err = capsys.readouterr()
    assert out.startswith("tiny 7: 1 page, 2 lines\n")
    assert err.count("\n") == 1
    assert "two.jpg: missing image" in err


def test_a_damaged_picture_is_named_and_the_status_is_1(
    htr: Run, tmp_path: Path, capsys: Any
) -> None:
    path = write_pages(tmp_path)
    damage(tmp_path / "two.jpg")
    assert htr("--data", "pages_json", path) == 1
    assert "htr: left out, two.jpg: unreadable image" in capsys.readouterr().err


def test_worst_lines_are_written(htr: Run, tmp_path: Path, capsys: Any) -> None:
    worst = tmp_path / "worst.html"
    assert htr("--data", "pages_json", write_pages(tmp_path), "--worst", worst) == 0
    assert "one.jpg#1" in worst.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("worst", "message"),
    [("no/worst.html", "no/worst.html: the folder no does not exist"), (".", ". is a folder")],
)
def test_where_the_worst_lines_cannot_go_is_told_before_anything_is_read(
    htr: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
    worst: str,
    message: str,
) -> None:
    read = []
    monkeypatch.setattr(datasets, "load", lambda *args, **options: read.append(args))
    monkeypatch.chdir(tmp_path)
    assert htr("--data", "pages_json", write_pages(tmp_path), "--worst", worst) == 2
    out, err = capsys.readouterr()
    assert (out, read) == ("", [])
    assert err.startswith(f"htr: {message}")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--data", "docx", "x"), "unknown data format"),
        (("--data", "page_xml", "nothing"), "no such file or folder"),
        (("--data", "pages_json", "pages.json", "--device", "tpu"), "tpu"),
        (("--data", "pages_json", "pages.json", "--bundle", "nothing"), "nothing"),
        (("--data", "pages_json", "pages.json", "--worst", "no/worst.html"), "no/worst.html"),
        (("--data", "pages_json", "pages.json", "--split", "no"), "there are dev, train"),
    ],
)
def test_mistakes_are_one_row_and_status_2(
    htr: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
    arguments: Any,
    message: str,
) -> None:
    write_pages(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert htr(*arguments) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_lines_and_pages_exclude_each_other(htr: Run, capsys: Any) -> None:
    with pytest.raises(SystemExit) as stopped:
        htr("--data", "pages_json", "x", "--lines", "--pages")
    assert stopped.value.code == 2
