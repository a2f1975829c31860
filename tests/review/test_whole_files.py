"""Files of a review are replaced as a whole, by one writer at a time."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from htrlib import atomic_files
from htrlib.review.whole_files import FolderLock, read_json, replace_file, write_json


def test_a_file_is_replaced_and_keeps_its_rights(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.xml"
    replace_file(path, b"first")
    path.chmod(0o640)
    replace_file(path, b"second")
    assert path.read_bytes() == b"second"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [file.name for file in path.parent.iterdir()] == ["a.xml"]


def test_a_disk_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.xml"
    replace_file(path, b"old")

    def fail(descriptor: int) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(atomic_files.os, "fsync", fail)
    with pytest.raises(OSError, match="full"):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.xml"]


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff"])
def test_json_that_is_missing_or_damaged_is_the_default(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    assert read_json(path, {"a": 1}) == {"a": 1}
    write_json(path, {"ä": [1, None]})
    assert read_json(path, {}) == {"ä": [1, None]}


def test_one_at_a_time_holds_the_lock(tmp_path: Path) -> None:
    locks = [FolderLock(tmp_path / "lock") for _ in range(2)]  # as of two servers
    number, most = 0, 0

    def work(lock: FolderLock) -> None:
        nonlocal number, most
        for _ in range(200):
            with lock.held():
                number += 1
                most = max(most, number)
                number -= 1

    threads = [threading.Thread(target=work, args=(locks[n % 2],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (number, most) == (0, 1)
