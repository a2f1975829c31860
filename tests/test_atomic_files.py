"""Files are replaced as a whole, or not at all."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO, List

import pytest

from htrlib import atomic_files
from htrlib.atomic_files import replacing, write_whole


def names(folder: Path) -> List[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_has_its_old_content_until_the_new_one_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")

    def write(file: BinaryIO) -> None:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"

    write_whole(path, write)
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("there", [True, False])
def test_content_that_cannot_be_written_changes_nothing(tmp_path: Path, there: bool) -> None:
    path = tmp_path / "a.txt"
    if there:
        path.write_bytes(b"old")

    def write(file: BinaryIO) -> None:
        file.write(b"half")
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        write_whole(path, write)
    assert names(tmp_path) == (["a.txt"] if there else [])
    assert not there or path.read_bytes() == b"old"


def test_what_a_killed_program_left_is_written_over(tmp_path: Path) -> None:
    (tmp_path / ".a.txt.part").write_bytes(b"a longer half")
    write_whole(tmp_path / "a.txt", lambda file: file.write(b"new"))
    assert names(tmp_path) == ["a.txt"]
    assert (tmp_path / "a.txt").read_bytes() == b"new"


def test_a_link_is_replaced_and_not_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "there")
    write_whole(tmp_path / "link", lambda file: file.write(b"new"))
    assert not (tmp_path / "link").is_symlink()
    assert (tmp_path / "there").read_bytes() == b"old"


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_file_gets_the_permissions_asked_for(tmp_path: Path, mode: int) -> None:
    write_whole(tmp_path / "a.txt", lambda file: file.write(b"new"), mode=mode)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == mode


def test_a_durable_file_is_on_disk_before_it_replaces_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    synced = []

    def sync(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_size)
        assert path.read_bytes() == b"old"

    monkeypatch.setattr(atomic_files.os, "fsync", sync)
    write_whole(path, lambda file: file.write(b"newer"), durable=True)
    assert synced == [5]
    write_whole(path, lambda file: file.write(b"newest"))
    assert synced == [5]


def test_the_temporary_file_may_have_another_name(tmp_path: Path) -> None:
    with replacing(tmp_path / "a.txt", tmp_path / "scratch") as scratch:
        scratch.write_bytes(b"new")
        assert names(tmp_path) == ["scratch"]
    assert names(tmp_path) == ["a.txt"]


def test_a_link_in_the_place_of_the_temporary_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"old")
    (tmp_path / ".a.txt.part").symlink_to(tmp_path / "precious")
    write_whole(tmp_path / "a.txt", lambda file: file.write(b"new"))
    assert (tmp_path / "precious").read_bytes() == b"old"
    assert not (tmp_path / "a.txt").is_symlink()
    assert names(tmp_path) == ["a.txt", "precious"]


@pytest.mark.parametrize("name", ["a" * 255, "é" * 127])
def test_names_may_be_as_long_as_the_file_system_takes(tmp_path: Path, name: str) -> None:
    write_whole(tmp_path / name, lambda file: file.write(b"new"))
    assert names(tmp_path) == [name]


def test_errors_name_the_file_that_they_are_about(tmp_path: Path) -> None:
    def read_another(file: BinaryIO) -> None:
        file.write((tmp_path / "source").read_bytes())

    def fill(file: BinaryIO) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "file").touch()
    for path, write, named in (
        (tmp_path / "a.txt", read_another, "source"),
        (tmp_path / "a.txt", fill, "a.txt"),
        (tmp_path / "none" / "a.txt", fill, "none/a.txt"),
        (tmp_path / "file" / "a.txt", fill, "file/a.txt"),
    ):
        with pytest.raises(OSError) as raised:
            write_whole(path, write)
        assert raised.value.filename == str(tmp_path / named)
