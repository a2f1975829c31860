"""`htr transcribe` writes each result whole, keeps existing ones and resumes."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest
from PIL import Image

from htrlib.atomic_files import write_whole
from htrlib.cli import inputs, result_files
from htrlib.cli.inputs import Input
from htrlib.cli.result_files import NumberedFiles, ResultFiles
from htrlib.errors import ImageError
from htrlib.reading.pipeline import Pipeline
from tests.cli.staged_pages import Run, draw


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


def test_a_result_is_written_while_a_file_before_it_is_still_read(
    htr: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, read = tmp_path / "out", Pipeline.transcribe
    written = []

    def wait(pipeline: Any, path: Path, *arguments: Any, **options: Any) -> Any:
        for _ in range(500 if path.name == "a.png" else 0):
            if (out / "b.txt").exists():
                written.append("b")
                break
            time.sleep(0.01)
        return read(pipeline, path, *arguments, **options)

    monkeypatch.setattr(Pipeline, "transcribe", wait)
    pages = [draw(tmp_path / name) for name in ("a.png", "b.png")]
    assert htr(*pages, "--jobs", "2", "--engine", "onnx", "--output", out) == 0
    assert written == ["b"]
    assert (out / "a.txt").exists()


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


def test_results_of_linked_files_have_the_names_of_the_links(htr: Run, tmp_path: Path) -> None:
    for folder, name in (("x", "8f3a"), ("y", "77bc")):
        stored = draw(tmp_path / "store" / f"{name}.png")
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.png").symlink_to(stored)
    pages = [tmp_path / folder / "a.png" for folder in ("x", "y")]
    out = tmp_path / "out"
    assert htr(*pages, "--output", out) == 0
    names = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.txt"))
    assert names == ["x/a.txt", "y/a.txt"]


def test_names_that_clash_are_told_apart_without_comparing_all_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: List[Path] = []
    key = inputs._key
    monkeypatch.setattr(inputs, "_key", lambda stem: compared.append(stem) or key(stem))
    paths = [Path(folder, f"{page}.png") for folder in ("x", "y") for page in range(100)]
    found = inputs.find_inputs(paths)
    assert [entry.stem for entry in found] == [path.with_suffix("") for path in paths]
    assert len(compared) < 20 * len(paths)


def test_inputs_that_differ_in_case_only_write_different_files(htr: Run, tmp_path: Path) -> None:
    names = ("A.png", "a.png", "a.PNG", "b.png")
    for name in names:
        draw(tmp_path / "in" / name)
    if len(list((tmp_path / "in").iterdir())) < len(names):
        pytest.skip("this file system ignores case")
    assert htr(tmp_path / "in", "--output", tmp_path / "out") == 0
    written = [path.name.lower() for path in (tmp_path / "out").iterdir()]
    assert len(set(written)) == len(names)


def test_pages_of_a_file_do_not_replace_the_results_of_another(htr: Run, tmp_path: Path) -> None:
    pages = [Image.new("L", (30, height)) for height in (40, 50)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    inputs = (tmp_path / "a.tif", draw(tmp_path / "a-1.png", 60))
    out = tmp_path / "out"
    assert htr(*inputs, "--format", "page", "--output", out) == 0
    assert sorted(path.name for path in out.iterdir()) == [
        "a-1.page.xml",
        "a.tif-1.page.xml",
        "a.tif-2.page.xml",
    ]
    assert htr(*inputs, "--output", out) == 0
    assert sorted(path.name for path in out.glob("*.txt")) == ["a-1.txt", "a.txt"]


def test_a_result_whose_name_is_too_long_leaves_the_others(
    htr: Run, tmp_path: Path, capsys: Any
) -> None:
    long = draw(tmp_path / f"{'a' * 250}.png")
    out = tmp_path / "out"
    assert htr(long, draw(tmp_path / "b.png"), "--format", "page", "--output", out) == 1
    assert [path.name for path in out.iterdir()] == ["b.page.xml"]
    rows = capsys.readouterr().err.splitlines()
    assert rows[0].startswith(f"htr: {out}") and "File name too long" in rows[0]
    assert rows[-1] == "htr: 2 files: 1 read, 0 without handwriting, 1 failed"


def test_a_full_disk_is_named(
    htr: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def full(self: Any, entry: Any, result: Any) -> None:
        write_whole(tmp_path / "x.txt", fail)

    def fail(file: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(result_files.ResultFiles, "write", full)
    assert htr(draw(tmp_path / "a.png"), "--output", tmp_path / "out") == 2
    assert capsys.readouterr().err == f"htr: {tmp_path / 'x.txt'}: No space left on device\n"


def test_linked_folders_are_named_instead_of_followed(
    htr: Run, tmp_path: Path, capsys: Any
) -> None:
    draw(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    assert htr(tmp_path / "in", "--recursive") == 0
    told = f"htr: {tmp_path / 'in'}: passed over, a link to a folder, which may be named itself"
    assert capsys.readouterr().err == f"{told}: loop/\n"


def test_a_folder_that_cannot_be_listed_is_named_and_leaves_the_others(
    htr: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    shut = draw(tmp_path / "in" / "shut" / "a.png").parent
    draw(tmp_path / "in" / "b.png")
    listed, scanned = Path.iterdir, os.scandir

    def refuse(real: Any) -> Any:
        def look(path: Any = ".") -> Any:
            if str(path) == str(shut):
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return real(path)

        return look

    monkeypatch.setattr(Path, "iterdir", refuse(listed))
    monkeypatch.setattr(os, "scandir", refuse(scanned))
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) != str(shut))
    assert htr(tmp_path / "in", "--recursive") == 1
    said = capsys.readouterr()
    assert said.out.count("40-1") == 1
    assert f"htr: '{shut}': the directory cannot be read: Permission denied\n" in said.err


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


def test_a_result_named_like_a_page_of_a_picture_is_not_taken_for_it(
    htr: Run, tmp_path: Path
) -> None:
    scans, out = tmp_path / "in", tmp_path / "out"
    command = ("--format", "page", "--output", out)
    assert htr(draw(scans / "scan-1.png"), *command) == 0
    draw(scans / "scan.png")
    assert htr(scans, *command, "--skip-existing") == 0
    assert sorted(path.name for path in out.iterdir()) == ["scan-1.page.xml", "scan.page.xml"]
    (out / "scan.page.xml").unlink()
    assert htr(scans / "scan.png", *command) == 0


def test_pages_that_begin_later_are_complete_too(htr: Run, tmp_path: Path) -> None:
    pages = [Image.new("L", (30, height)) for height in (40, 50, 60)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    command = (tmp_path / "a.tif", "--format", "alto", "--pages", "2-3", "--output", tmp_path / "o")
    assert htr(*command) == 0
    (tmp_path / "o" / "a-3.alto.xml").unlink()
    assert htr(*command, "--skip-existing") == 0
    assert not (tmp_path / "o" / "a-3.alto.xml").exists()  # the file of page 2 says it was written


@pytest.mark.parametrize("output", ["in", "in/deeper"])
def test_pdfs_are_not_written_where_the_next_run_would_read_them(
    htr: Run, tmp_path: Path, capsys: Any, output: str
) -> None:
    draw(tmp_path / "in" / "a.png")
    command = (tmp_path / "in", "--recursive", "--format", "pdf", "--output", tmp_path / output)
    assert htr(*command) == 2
    assert "name another folder" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["a.png"]


def test_an_input_is_not_replaced_by_its_result(htr: Run, tmp_path: Path, capsys: Any) -> None:
    assert htr(draw(tmp_path / "a.png"), "--format", "pdf", "--output", tmp_path / "out") == 0
    source = tmp_path / "out" / "a.pdf"
    before = source.read_bytes()
    capsys.readouterr()
    command = ("--format", "pdf,text", "--output", tmp_path / "out", "--overwrite")
    assert htr(source, *command) == 2
    assert "is an input" in capsys.readouterr().err
    assert source.read_bytes() == before


def test_the_first_page_of_several_is_numbered_and_the_others_are_read_later(
    htr: Run, tmp_path: Path
) -> None:
    pages = [Image.new("L", (30, height)) for height in (40, 50, 60)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    draw(tmp_path / "b.png")
    command = (tmp_path / "a.tif", tmp_path / "b.png", "--format", "page", "--output")
    assert htr(*command, tmp_path / "out", "--pages", "1") == 0
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["a-1.page.xml", "b.page.xml"]


def test_a_result_that_cannot_be_written_leaves_the_others(
    htr: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    write = result_files.ResultFiles.write

    def refuse(files: Any, entry: Any, result: Any) -> None:
        if entry.path.name == "a.png":
            raise ImageError("a.png: the PDF is damaged")
        write(files, entry, result)

    monkeypatch.setattr(result_files.ResultFiles, "write", refuse)
    pages = [draw(tmp_path / name) for name in ("a.png", "b.png")]
    assert htr(*pages, "--format", "pdf", "--output", tmp_path / "out") == 1
    assert "a.png: the PDF is damaged" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b.pdf"]


def test_a_folder_of_results_is_listed_once_for_all_inputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed: List[Path] = []
    iterdir = Path.iterdir

    def counted(folder: Path) -> Iterator[Path]:
        listed.append(folder)
        return iter(iterdir(folder))

    monkeypatch.setattr(Path, "iterdir", counted)
    for name in ("a-2.page.xml", "a-10.page.xml", "a-x.page.xml", "a-3.txt", "b-4.page.xml"):
        (tmp_path / name).touch()
    files = ResultFiles(tmp_path, ("page",), 300)
    numbered = NumberedFiles()
    inputs = [Input(tmp_path / f"{name}.pdf", Path(name)) for name in "abc"]
    found = {entry.stem.name: sorted(files.pages(entry, numbered)) for entry in inputs}
    assert found == {
        "a": [(2, tmp_path / "a-2.page.xml"), (10, tmp_path / "a-10.page.xml")],
        "b": [(4, tmp_path / "b-4.page.xml")],
        "c": [],
    }
    assert listed == [tmp_path]
