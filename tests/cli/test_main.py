"""How the command ends when it is interrupted or its output is not taken."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import List

import pytest
from PIL import Image

from htrlib.cli import info
from htrlib.cli.main import main


def ended_by(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> int:
    def fail(_: object) -> int:
        raise error

    monkeypatch.setattr(info, "add_arguments", lambda parser: parser.set_defaults(run=fail))
    return main(["info"])


def import_error(cause: BaseException) -> ImportError:
    error = ImportError("numpy.core.multiarray failed to import")
    error.__context__ = cause
    return error


def test_an_interrupt_is_told_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for error in (KeyboardInterrupt(), import_error(import_error(KeyboardInterrupt()))):
        assert ended_by(error, monkeypatch) == 130
        assert capsys.readouterr().err == "htr: interrupted\n"


def test_a_package_that_is_broken_is_no_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImportError):
        ended_by(import_error(OSError()), monkeypatch)


def test_warnings_of_pillow_are_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "cut.tif"
    page = Image.new("L", (200, 100), 255)
    page.save(path, save_all=True, append_images=[page] * 2)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    ended = subprocess.run(
        [sys.executable, "-m", "htrlib", "transcribe", str(path)], capture_output=True, text=True
    )
    assert "page 3" in ended.stderr
    assert "UserWarning" not in ended.stderr


@pytest.mark.parametrize(
    "arguments",
    [["review", ""], ["review", ".", "--output", ""], ["transcribe", ""]],
    ids=" ".join,
)
def test_an_empty_path_is_not_taken_for_the_current_folder(
    arguments: List[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--bundle", "none-of-this-name"])
    assert ended.value.code == 2
    assert "a path is empty; name one, or . for the current folder" in capsys.readouterr().err
