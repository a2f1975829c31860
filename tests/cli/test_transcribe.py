from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import numpy as np
import pytest
from PIL import Image

from htrlib.cli import result_files
from htrlib.cli.main import main
from htrlib.document.charset import Charset
from htrlib.document.geometry import Box
from htrlib.document.results import LogProbs, PageResult, TextLine, Transcription
from htrlib.stages import decoding, lines, paragraph, recognition

Run = Callable[..., int]


decoded_with: List[Dict[str, Any]] = []


@pytest.fixture
def htr(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`htr transcribe` with stages that read a page of height H as `H-1` and `H-2`."""
    charset = Charset.from_text("a")

    def detect(page: Any, **networks: Any) -> Any:
        return None if page.min() == 255 else Box(0, 0, page.shape[1], page.shape[0])

    def segment(page: Any, box: Box, **networks: Any) -> Any:
        middle = box.bottom / 2
        return (TextLine(Box(0, 0, 9, middle)), TextLine(Box(0, middle, 9, box.bottom)))

    def recognize(pages: Any, found: Any, **networks: Any) -> Any:
        return [
            [LogProbs(np.full((1, 2), len(page), np.float32), charset) for _ in lines]
            for page, lines in zip(pages, found)
        ]

    numbers = iter(range(1000))

    def read(log_probs: LogProbs, *, bundle: Any, **options: Any) -> Transcription:
        row = next(numbers) % 2 + 1
        decoded_with.append(options)
        return Transcription(f"{log_probs.values[0, 0]:.0f}-{row}", 0.0, 1.0)

    monkeypatch.setattr(paragraph, "detect_paragraph", detect)
    monkeypatch.setattr(lines, "segment_lines", segment)
    monkeypatch.setattr(recognition, "recognize_pages", recognize)
    monkeypatch.setattr(decoding, "decode", read)
    monkeypatch.chdir(tiny_bundle.parent)
    return lambda *arguments: main(
        ["transcribe", *map(str, arguments), "--bundle", str(tiny_bundle)]
    )


def draw(path: Path, height: int = 40, value: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (30, height), value).save(path)
    return path


def test_one_page_prints_its_rows_and_nothing_else(htr: Run, tmp_path: Path, capsys: Any) -> None:
    assert htr(draw(tmp_path / "a.png", 40)) == 0
    assert capsys.readouterr() == ("40-1\n40-2\n", "")


def test_a_picture_of_one_line_gives_one_row(htr: Run, tmp_path: Path, capsys: Any) -> None:
    assert htr(draw(tmp_path / "a.png", 40), "--single-line") == 0
    assert capsys.readouterr().out == "40-1\n"


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
    decoded_with.clear()
    assert htr(draw(tmp_path / "a.png"), *arguments) == 0
    assert len(decoded_with) == 2
    assert all(options.items() >= expected.items() for options in decoded_with)


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


@pytest.mark.parametrize(("form", "suffix"), [("text", ".txt"), ("json", ".json")])
def test_output_writes_one_file_per_input(
    htr: Run, tmp_path: Path, capsys: Any, form: str, suffix: str
) -> None:
    out = tmp_path / "deep" / "out"
    assert (
        htr(draw(tmp_path / "a.png"), draw(tmp_path / "b.png"), "--format", form, "--output", out)
        == 0
    )
    assert capsys.readouterr() == ("", "htr: 2 files: 2 read, 0 without handwriting, 0 failed\n")
    assert sorted(path.name for path in out.iterdir()) == [f"a{suffix}", f"b{suffix}"]
    assert "40-1" in (out / f"a{suffix}").read_text(encoding="utf-8")


def test_overlays_go_to_the_output_folder(htr: Run, tmp_path: Path) -> None:
    assert htr(draw(tmp_path / "a.png"), "--output", tmp_path / "out", "--overlay") == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.overlay.png", "a.txt"]
    with Image.open(tmp_path / "out" / "a.overlay.png") as picture:
        assert picture.width > 30


def test_overlays_without_an_output_folder_go_to_the_current_one(
    htr: Run, tmp_path: Path, capsys: Any
) -> None:
    assert htr(draw(tmp_path / "pages" / "a.png"), "--overlay") == 0
    assert (tmp_path / "a.overlay.png").is_file()
    assert capsys.readouterr().out == "40-1\n40-2\n"


def test_a_file_of_several_pages_gives_one_result_and_a_picture_per_page(
    htr: Run, tmp_path: Path, capsys: Any
) -> None:
    pages = [Image.new("L", (30, height)) for height in (40, 50)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    assert htr(tmp_path / "a.tif", "--overlay") == 0
    assert capsys.readouterr().out == "40-1\n40-2\n\f50-1\n50-2\n"
    names = sorted(path.name for path in tmp_path.glob("*.overlay.png"))
    assert names == ["a-1.overlay.png", "a-2.overlay.png"]


def test_inputs_of_one_name_write_different_files(htr: Run, tmp_path: Path) -> None:
    pages = [draw(tmp_path / name) for name in ("x/a.png", "y/a.png", "y/a.jpg", "z/b.png")]
    assert htr(*pages, "--output", tmp_path / "out") == 0
    out = tmp_path / "out"
    names = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.txt"))
    assert names == ["b.txt", "x/a.txt", "y/a.jpg.txt", "y/a.png.txt"]


def test_folders_in_folders_are_read_on_request(htr: Run, tmp_path: Path) -> None:
    for name in ("in/a.png", "in/deep/a.png"):
        draw(tmp_path / name)
    out = tmp_path / "out"
    assert htr(tmp_path / "in", "--recursive", "--output", out) == 0
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*.txt")) == [
        "a.txt",
        "deep/a.txt",
    ]


def test_a_folder_says_what_it_passed_over_and_why(htr: Run, tmp_path: Path, capsys: Any) -> None:
    for name in ("in/a.png", "in/deep/b.png", "in/._a.png", "in/.hidden/c.png"):
        draw(tmp_path / name)
    for name in ("1.txt", "2.txt", "3.txt", "4.txt", ".DS_Store", "Thumbs.db", "a.overlay.png"):
        (tmp_path / "in" / name).touch()
    folder = tmp_path / "in"
    assert htr(folder) == 0
    assert capsys.readouterr().err == (
        f"htr: {folder}: passed over, no picture by its suffix: 1.txt, 2.txt, 3.txt and 1 more\n"
        f"htr: {folder}: passed over, a folder, which --recursive reads: deep/\n"
    )
    assert htr(folder, "--recursive") == 0
    said = capsys.readouterr()
    assert said.out.count("40-1") == 2
    assert "deep/" not in said.err


def test_a_file_is_no_folder_for_results(htr: Run, tmp_path: Path, capsys: Any) -> None:
    page = draw(tmp_path / "a.png")
    assert htr(page, "--output", page) == 2
    assert "is a file; name a folder" in capsys.readouterr().err


def test_several_formats_are_written_at_once(htr: Run, tmp_path: Path, capsys: Any) -> None:
    page = draw(tmp_path / "a.png")
    out = tmp_path / "out"
    assert htr(page, "--format", "pdf,alto,page,text", "--output", out) == 0
    names = sorted(path.name for path in out.iterdir())
    assert names == ["a.alto.xml", "a.page.xml", "a.pdf", "a.txt"]
    assert htr(page, "--format", "pdf") == 2
    assert "--output" in capsys.readouterr().err


def test_pages_of_a_file_go_to_a_file_each_where_the_format_holds_one(
    htr: Run, tmp_path: Path
) -> None:
    pages = [Image.new("L", (30, height)) for height in (40, 50)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    out = tmp_path / "out"
    assert htr(tmp_path / "a.tif", "--format", "page,pdf", "--output", out) == 0
    names = sorted(path.name for path in out.iterdir())
    assert names == ["a-1.page.xml", "a-2.page.xml", "a.pdf"]
    assert htr(tmp_path / "a.tif", "--format", "page", "--output", out) == 2


def test_results_that_are_there_are_kept_unless_the_command_says_otherwise(
    htr: Run, tmp_path: Path, capsys: Any
) -> None:
    pages = [draw(tmp_path / name) for name in ("a.png", "b.png")]
    out = tmp_path / "out"
    assert htr(pages[0], "--output", out) == 0
    (out / "a.txt").write_text("corrected")
    assert htr(*pages, "--output", out) == 2
    assert "--skip-existing" in capsys.readouterr().err
    assert not (out / "b.txt").exists()
    assert htr(*pages, "--output", out, "--skip-existing") == 0
    assert (out / "a.txt").read_text() == "corrected"
    assert (out / "b.txt").exists()
    assert htr(*pages, "--output", out, "--overwrite") == 0
    assert (out / "a.txt").read_text() != "corrected"


def test_an_interrupted_run_ends_with_the_files_of_an_unbroken_one(
    htr: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    source = tmp_path / "in"
    for name in ("a.png", "c.png"):
        draw(source / name)
    pages = [Image.new("L", (30, height)) for height in (40, 50, 60)]
    pages[0].save(source / "b.tif", save_all=True, append_images=pages[1:])
    command = (source, "--format", "pdf,alto,text", "--jobs", "1", "--output")

    def files(folder: Path) -> Dict[str, bytes]:
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    assert htr(*command, tmp_path / "whole") == 0
    wanted = files(tmp_path / "whole")
    assert len(wanted) == 11
    write = result_files.write_whole
    for last in range(len(wanted)):
        out = tmp_path / str(last)

        def cut(path: Path, content: Any, out: Path = out, last: int = last) -> None:
            if len(list(out.iterdir())) == last:
                path.with_name(f".{path.name}.part").write_bytes(b"half")
                raise BrokenPipeError  # after which a program says nothing, as one that is killed
            write(path, content)

        with monkeypatch.context() as patched:
            patched.setattr(result_files, "write_whole", cut)
            htr(*command, out)
        assert len(files(out)) == last + 1  # with what was half done
        assert htr(*command, out, "--skip-existing") == 0
        assert files(out) == wanted


def test_a_resumed_run_keeps_files_that_are_there(htr: Run, tmp_path: Path) -> None:
    picture, out = draw(tmp_path / "a.png"), tmp_path / "out"
    assert htr(picture, "--output", out) == 0
    (out / "a.txt").write_text("corrected")
    assert htr(picture, "--format", "text,alto", "--output", out, "--skip-existing") == 0
    assert (out / "a.txt").read_text() == "corrected"
    assert (out / "a.alto.xml").exists()


def test_pages_that_begin_later_are_complete_too(htr: Run, tmp_path: Path) -> None:
    pages = [Image.new("L", (30, height)) for height in (40, 50, 60)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    command = (tmp_path / "a.tif", "--format", "alto", "--pages", "2-3", "--output", tmp_path / "o")
    assert htr(*command) == 0
    (tmp_path / "o" / "a-3.alto.xml").unlink()
    assert htr(*command, "--skip-existing") == 0
    assert not (tmp_path / "o" / "a-3.alto.xml").exists()  # the file of page 2 says it was written


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
    assert "--jobs 0" in capsys.readouterr().err


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
