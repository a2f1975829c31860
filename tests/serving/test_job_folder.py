from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any, Iterator

import pytest

from htrlib.errors import ConfigError
from htrlib.serving.job_folder import MOST_ATTEMPTS, JobFolder
from htrlib.serving.replies import Reply

HEADERS = {"Content-Type": "image/png"}
ANSWER = Reply(200, b"text", "text/plain")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[JobFolder]:
    folder = JobFolder(tmp_path / "jobs")
    yield folder
    folder.close()


def test_jobs_survive_the_server_and_are_read_in_their_order(folder: JobFolder) -> None:
    ids = [folder.add(b"%d" % number, HEADERS) for number in range(5)]
    folder.finish(ids[1], ANSWER)
    folder.close()
    again = JobFolder(folder.directory)
    assert again.waiting() == [ids[0], *ids[2:]]
    job = again.begin(ids[2])
    assert job is not None
    assert (job.body, job.headers) == (b"2", HEADERS)
    assert again.answer(ids[1]) == ANSWER
    assert again.answer(ids[2]) is None
    again.close()


def test_a_job_that_was_not_written_whole_is_none(tmp_path: Path) -> None:
    (tmp_path / ".new-0").mkdir()
    (tmp_path / ".new-0" / "body").write_bytes(b"a")
    (tmp_path / "lost+found").mkdir()
    folder = JobFolder(tmp_path)
    assert folder.ids() == []
    folder.close()
    assert not (tmp_path / ".new-0").exists()


def test_a_job_that_ends_its_server_each_time_is_given_up(folder: JobFolder) -> None:
    id = folder.add(b"a", HEADERS)
    for _ in range(MOST_ATTEMPTS):
        assert folder.begin(id) is not None
    with pytest.raises(RuntimeError, match="ended 3 times"):
        folder.begin(id)
    folder.put_back(id)
    assert folder.begin(id) is not None


def test_answers_are_removed_after_their_time_and_requests_never(folder: JobFolder) -> None:
    done, waits = folder.add(b"a", HEADERS), folder.add(b"b", HEADERS)
    folder.finish(done, ANSWER)
    assert folder.expire(3600.0) == 0
    assert folder.expire(0.0) == 1
    assert folder.ids() == [waits]
    assert folder.state(done) is None


def test_a_deleted_job_is_not_brought_back_by_its_answer(folder: JobFolder) -> None:
    id = folder.add(b"a", HEADERS)
    folder.delete(id)
    folder.finish(id, ANSWER)
    assert folder.begin(id) is None
    assert folder.ids() == []


def test_jobs_may_be_deleted_while_their_sizes_are_added(
    folder: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, deleted = folder.add(b"a" * 1000, HEADERS), folder.add(b"b" * 5000, HEADERS)
    (folder.directory / "lost+found").mkdir()
    look = Path.stat

    def stat(path: Path, **options: Any) -> os.stat_result:
        if deleted in path.parts:
            shutil.rmtree(folder.directory / deleted, ignore_errors=True)
        return look(path, **options)

    monkeypatch.setattr(Path, "stat", stat)
    assert 1000 < folder.total_bytes() < 2000
    assert folder.ids() == [kept]


@pytest.mark.parametrize("id", ["..", ".lock", "a", "0" * 32, "../" + "0" * 32])
def test_names_that_are_no_jobs_lead_nowhere(folder: JobFolder, id: str) -> None:
    assert folder.state(id) is None


def test_two_servers_do_not_share_a_folder(tmp_path: Path) -> None:
    first = JobFolder(tmp_path)
    with pytest.raises(ConfigError, match="another server keeps its jobs"):
        JobFolder(tmp_path)
    first.close()
    JobFolder(tmp_path).close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigError, match="file/jobs"):
        JobFolder(tmp_path / "file" / "jobs")


def test_a_job_whose_request_is_damaged_does_not_keep_the_others_from_being_read(
    folder: JobFolder,
) -> None:
    damaged, sound = folder.add(b"a", HEADERS), folder.add(b"b", HEADERS)
    (folder.directory / damaged / "request.json").write_bytes(b"")
    assert folder.waiting() == [sound]
    assert folder.state(damaged) is None
    for content in (b"[]", b'{"headers": {}}', b'{"created": []}'):
        (folder.directory / damaged / "request.json").write_bytes(content)
        assert folder.waiting() == [sound]


def test_what_a_killed_server_left_of_jobs_is_removed_by_the_next_one(folder: JobFolder) -> None:
    half, damaged, sound = (folder.add(b"a" * 1000, HEADERS) for _ in range(3))
    (folder.directory / half / "request.json").unlink()
    (folder.directory / damaged / "request.json").write_bytes(b"[]")
    (folder.directory / f".old-{'0' * 32}").mkdir()
    (folder.directory / "lost+found").mkdir()
    (folder.directory / ("1" * 32)).write_bytes(b"a file")
    folder.close()
    again = JobFolder(folder.directory)
    left = {".lock", "lost+found", "1" * 32, sound}
    assert {path.name for path in again.directory.iterdir()} == left
    assert again.ids() == [sound]
    again.close()


def test_a_job_that_cannot_be_looked_at_is_kept_and_hides_no_other(
    folder: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, sound = folder.add(b"a", HEADERS), folder.add(b"b", HEADERS)
    folder.close()
    read = Path.read_text

    def read_text(path: Path, **options: Any) -> str:
        if closed in path.parts:
            raise PermissionError(errno.EACCES, "Permission denied")
        return read(path, **options)

    monkeypatch.setattr(Path, "read_text", read_text)
    again = JobFolder(folder.directory)
    assert again.ids() == [sound]
    assert (again.directory / closed / "body").is_file()
    again.close()


def test_a_job_whose_files_stay_is_no_job_any_more(
    folder: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [folder.add(b"a", HEADERS) for _ in range(2)]
    for id in ids:
        folder.finish(id, ANSWER)

    def rmtree(path: Path, ignore_errors: bool = False) -> None:
        if path.name.endswith(ids[0]):
            raise OSError(errno.EIO, "Input/output error")
        path.rename(path.with_name("removed"))

    monkeypatch.setattr("htrlib.serving.job_folder.shutil.rmtree", rmtree)
    assert folder.expire(0.0) == 1
    assert folder.ids() == []
    assert (folder.directory / "removed").is_dir()
