from __future__ import annotations

from pathlib import Path

import pytest

from htrlib.bundle import CHECKSUMS, load_bundle
from htrlib.cli.main import main


def test_the_list_names_the_bundle_that_ships(
    default_bundle: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bundle", "list"]) == 0
    assert capsys.readouterr().out.startswith(f"{default_bundle}  version ")


def test_info_shows_what_a_bundle_holds(
    tiny_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bundle", "info", str(tiny_bundle)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("tiny 7\n")
    assert "line-recognition: 0.00 million parameters\n" in out
    assert "words.lm" in out


def test_a_damaged_bundle_fails_the_check(
    tiny_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tiny_bundle / "words.lm").write_bytes(b"another model")
    assert main(["bundle", "check", str(tiny_bundle)]) == 2
    assert "words.lm is damaged" in capsys.readouterr().err


def test_export_writes_files_beside_the_bundle(
    default_bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "graphs"
    arguments = ["--precision", "float32", "--output", str(output)]
    assert main(["bundle", "export", default_bundle, *arguments]) == 0
    networks = load_bundle(default_bundle).config["networks"]
    assert {path.name for path in output.iterdir()} == {f"{n}.float32.onnx" for n in networks}
    assert all(path.stat().st_size > 1e6 for path in output.iterdir())
    assert str(output / "paragraph.float32.onnx") in capsys.readouterr().out


def test_only_int8_is_stored_in_a_bundle(
    tiny_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (tiny_bundle / CHECKSUMS).read_bytes()
    assert main(["bundle", "export", str(tiny_bundle), "--precision", "float16"]) == 2
    assert "--output DIR" in capsys.readouterr().err
    assert (tiny_bundle / CHECKSUMS).read_bytes() == before
