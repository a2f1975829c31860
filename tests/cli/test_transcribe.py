"""`htr transcribe`: what it reads, prints and reports."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
from PIL import Image

from htrlib.cli.main import main
from htrlib.document.results import PageResult
from htrlib.stages import paragraph, recognition
from tests.cli.staged_pages import DECODED_WITH, Run, draw


def test_one_page_prints_its_rows_and_nothing_else(htr: Run, tmp_path: Path, capsys: Any) -> None:
    assert htr(draw(tmp_path / "a.png", 40)) == 0
    assert capsys.readouterr() == ("40-1\n40-2\n", "")


def test_a_picture_of_one_line_gives_one_row(htr: Run, tmp_path: Path, capsys: Any) -> None:
    assert htr(draw(tmp_path / "a.png", 40), "--single-line") == 0
    assert capsys.readouterr().out == "58-1\n"  # 40 rows, and a margin of paper


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), {"method": "beam", "beam_width": 25}),
        (("--decoder", "greedy"), {"method": "greedy"}),
        (("--beam-width", "7"), {"beam_width": 7}),
        (("--language-model", "none"), {"language_model": None}),
        (("--language-model", "my.lm"), {"language_model": "my.lm"}),
    ],
)
def test_the_decoder_gets_the_options(
    htr: Run, tmp_path: Path, arguments: Tuple[str, ...], expected: Dict[str, Any]
) -> None:
    DECODED_WITH.clear()
    assert htr(draw(tmp_path / "a.png"), *arguments) == 0
    assert len(DECODED_WITH) == 2
    assert all(options.items() >= expected.items() for options in DECODED_WITH)


def test_no_handwriting_is_told_and_is_no_failure(htr: Run, tmp_path: Path, capsys: Any) -> None:
    blank = draw(tmp_path / "blank.png", value=255)
    assert htr(blank) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[0] == f"htr: no handwriting found in {blank}"


def test_several_pages_are_headed_by_their_names(htr: Run, tmp_path: Path, capsys: Any) -> None:
    first, second = draw(tmp_path / "a.png", 40), draw(tmp_path / "b.png", 50)
    assert htr(first, second) == 0
    expected = f"==> {first} <==\n40-1\n40-2\n\n==> {second} <==\n50-1\n50-2\n"
    assert capsys.readouterr().out == expected


def test_json_is_one_object_a_row(htr: Run, tmp_path: Path, capsys: Any) -> None:
    paths = [draw(tmp_path / name) for name in ("a.png", "é.png")]
    assert htr(*paths, "--format", "json") == 0
    rows = capsys.readouterr().out.splitlines()
    results = [PageResult.from_dict(json.loads(row)) for row in rows]
    assert [result.source for result in results] == [str(path) for path in paths]
    assert results[0].bundle == "tiny 7"


def test_a_folder_gives_its_pictures_by_name(htr: Run, tmp_path: Path, capsys: Any) -> None:
    folder = tmp_path / "letters"
    for name, height in (("b.PNG", 50), ("a.jpg", 40), ("a.overlay.png", 60)):
        draw(folder / name, height)
    (folder / "notes.txt").write_text("not a picture")
    assert htr(folder) == 0
    out = capsys.readouterr().out
    assert [row for row in out.splitlines() if row.endswith("-1")] == ["40-1", "50-1"]


def test_an_unreadable_file_is_named_and_the_rest_goes_on(
    htr: Run, tmp_path: Path, capsys: Any
) -> None:
    text = tmp_path / "text.png"
    text.write_text("Dear sister")
    assert htr(text, tmp_path / "missing.png", draw(tmp_path / "good.png")) == 1
    out, err = capsys.readouterr()
    assert "40-1\n40-2\n" in out
    assert "text.png" not in out
    rows = err.splitlines()
    assert rows[2] == "htr: 3 files: 1 read, 0 without handwriting, 2 failed"
    assert all(row.startswith("htr: ") for row in rows)
    assert "text.png" in rows[0]
    assert "missing.png" in rows[1]


def test_a_folder_without_pictures_is_named(htr: Run, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "empty").mkdir()
    assert htr(tmp_path / "empty") == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "empty" in err


def test_an_empty_current_folder_is_named(
    htr: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert htr(".", "--overlay") == 1
    assert "without pictures" in capsys.readouterr().err


def test_a_closed_standard_input_is_a_mistake(
    htr: Run, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert htr("-") == 2
    assert "pipe one in" in capsys.readouterr().err


def test_shards_share_the_inputs(htr: Run, tmp_path: Path, capsys: Any) -> None:
    for name in "abcde":
        draw(tmp_path / "in" / f"{name}.png")
    out = tmp_path / "out"
    for number in (1, 2):
        assert htr(tmp_path / "in", "--shard", f"{number}/2", "--output", out) == 0
    assert sorted(path.name for path in out.iterdir()) == [f"{name}.txt" for name in "abcde"]
    assert htr(tmp_path / "in", "--shard", "3/2") == 2


def test_a_picture_comes_by_standard_input(
    htr: Run, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = draw(tmp_path / "a.png")
    with page.open("rb") as file, io.TextIOWrapper(file) as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        assert htr("-") == 0
    assert capsys.readouterr().out == "40-1\n40-2\n"


@pytest.mark.parametrize("pages", [1, 2])
def test_standard_input_has_a_name_that_its_user_knows(
    htr: Run, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch, pages: int
) -> None:
    picture = Image.open(draw(tmp_path / "a.png"))
    white = Image.new("L", picture.size, 255)
    file = io.BytesIO()
    picture.save(file, "TIFF", save_all=True, append_images=[white] * (pages - 1))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(file.getvalue())))
    assert htr("-", "--format", "json") == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert found["source"] == "stdin"
    assert [page["source"] for page in found.get("pages", ())] == ["stdin"] * (pages > 1) * pages
    assert "tmp" not in out + err
    assert err.startswith("htr: no handwriting found in stdin, page 2\n" * (pages > 1))


def test_an_unreadable_standard_input_is_called_so(
    htr: Run, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"no picture")))
    assert htr("-") == 1
    assert capsys.readouterr().err.startswith("htr: 'stdin': ")


def test_output_to_a_dash_is_standard_output_and_no_folder(
    htr: Run, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = draw(tmp_path / "a.png")
    monkeypatch.chdir(tmp_path)
    assert htr(str(page), "--output", "-") == 0
    assert capsys.readouterr().out == "40-1\n40-2\n"
    assert not (tmp_path / "-").exists()


def test_a_format_of_an_installed_package_is_written(tmp_path: Path) -> None:
    (tmp_path / "shouting.py").write_text(
        "from htrlib.formats import Format\n"
        "def write(result, file, options):\n    file.write(result.text.upper().encode())\n"
        "SHOUT = Format('shout', ('.loud',), 'text/x-loud', write)\n"
    )
    info = tmp_path / "shouting-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shouting\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[htrlib.formats]\nshout = shouting:SHOUT\n")
    root = str(Path(__file__).parents[2])
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), root])}
    done = module("transcribe", "--help", text=True, check=True, env=env)
    assert "shout" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--device", "gpux"], "'gpu:N'"),
        (["--bundle", "klingon"], "no bundle 'klingon'"),
        (["--output", "a.png"], "a.png"),
    ],
)
def test_a_mistake_is_one_row_and_status_2(
    htr: Run,
    tmp_path: Path,
    capsys: Any,
    arguments: List[str],
    said: str,
) -> None:
    path = draw(tmp_path / "a.png")
    given = ["transcribe", str(path), "--bundle", str(tmp_path / "tiny"), *arguments]
    assert main(given) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("htr: ")
    assert err.count("\n") == 1
    assert said in err


@pytest.mark.parametrize(
    "arguments", [[], ["transcribe"], ["transcribe", "a.png", "--format", "word"], ["read"]]
)
def test_wrong_arguments_end_with_the_usage(arguments: List[str], capsys: Any) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: htr" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="needs file names that are bytes")
def test_a_file_name_that_is_no_text_is_read(htr: Run, tmp_path: Path, capsysbinary: Any) -> None:
    path = tmp_path / os.fsdecode(b"\xe9t\xe9.png")
    draw(path)
    assert htr(path, "--format", "json") == 0
    assert json.loads(capsysbinary.readouterr().out)["source"] == str(path)


def module(*arguments: str, **options: Any) -> Any:
    return subprocess.run(
        [sys.executable, "-m", "htrlib", *arguments],
        capture_output=True,
        cwd=Path(__file__).parents[2],
        **options,
    )


def test_the_package_runs_as_a_module() -> None:
    done = module("--version", text=True, check=True)
    assert done.stdout.startswith("htrlib ")


def test_the_help_names_the_commands() -> None:
    assert "transcribe" in module("--help", text=True, check=True).stdout


def test_a_sample_page_is_read_from_the_shell(default_bundle: str) -> None:
    samples = sorted(Path(__file__).parents[2].joinpath("examples", "data").glob("*.png"))
    if not samples:
        pytest.skip("examples/data has no sample page yet")
    locale = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = module("transcribe", str(samples[0]), env=locale)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode("utf-8").strip()


@pytest.mark.parametrize("engine", ["onnx", "mxnet"])
def test_files_read_at_once_come_in_the_order_they_were_named(
    htr: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], engine: str
) -> None:
    files = [draw(tmp_path / f"{height}.png", height) for height in (30, 60, 40, 50)]
    assert htr(*files, "--jobs", 3, "--engine", engine) == 0
    headings = [row for row in capsys.readouterr().out.splitlines() if row.startswith("==>")]
    assert headings == [f"==> {file} <==" for file in files]


def test_fewer_than_one_job_is_refused(
    htr: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert htr(draw(tmp_path / "a.png"), "--jobs", 0) == 2
    assert "--jobs must be at least 1, found 0" in capsys.readouterr().err


def test_threads_share_an_engine_in_one_process(
    htr: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detect = paragraph.detect_paragraph
    together, engines = threading.Barrier(2, timeout=60), []

    def meet(*arguments: Any, **options: Any) -> Any:
        together.wait()  # both are read at once, or neither
        engines.append(options["engine"])
        return detect(*arguments, **options)

    monkeypatch.setattr(paragraph, "detect_paragraph", meet)
    files = draw(tmp_path / "a.png"), draw(tmp_path / "b.png")
    options = "--jobs", 2, "--engine", "onnx", "--orientation", "as-given"
    assert htr(*files, *options) == 0
    assert len(engines) == 2 and engines[0] is engines[1]


def test_reading_processes_leave_control_c_to_the_first(
    htr: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detect = paragraph.detect_paragraph

    def check(*arguments: Any, **options: Any) -> Any:
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
        return detect(*arguments, **options)

    monkeypatch.setattr(paragraph, "detect_paragraph", check)
    files = draw(tmp_path / "a.png"), draw(tmp_path / "b.png")
    assert htr(*files, "--jobs", 2, "--engine", "mxnet") == 0


def test_a_reading_process_that_dies_is_one_plain_line(
    htr: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parent = os.getpid()

    def die(*arguments: Any, **options: Any) -> Any:
        assert os.getpid() != parent
        os._exit(9)

    monkeypatch.setattr(recognition, "recognize_pages", die)
    files = draw(tmp_path / "a.png"), draw(tmp_path / "b.png")
    assert htr(*files, "--jobs", 2, "--engine", "mxnet") == 2
    assert "fewer --jobs" in capsys.readouterr().err
