"""Asynchronous requests, from 202 to the answer."""

from __future__ import annotations

import asyncio
import errno
import json
import signal
import time
from functools import partial
from http import HTTPStatus
from pathlib import Path
from types import SimpleNamespace
from typing import Any, AsyncIterator, Awaitable, Callable, Dict

import pytest

pytest.importorskip("aiohttp")

from htrlib.errors import ConfigError
from htrlib.serving.config import ServingConfig
from htrlib.serving.intake import Intake
from htrlib.serving.job_folder import JobFolder
from htrlib.serving.jobs import Jobs
from htrlib.serving.protocol import RefusedError
from htrlib.serving.replies import Reply, unavailable
from tests.serving.running import serving, until


class Content:
    def __init__(self, body: bytes) -> None:
        self._body = body

    async def iter_any(self) -> AsyncIterator[bytes]:
        yield self._body


def request(body: bytes = b"page") -> Any:
    return SimpleNamespace(
        query={},
        headers=_Headers({"Content-Type": "image/png"}),
        content_length=len(body),
        content=Content(body),
    )


class _Headers(Dict[str, str]):
    def getall(self, name: str, default: Any) -> Any:
        return default


class Reader:
    """A supervisor that answers with the body when released."""

    def __init__(self) -> None:
        self.release = asyncio.Event()
        self.replies = [Reply(200, b"", "text/plain")]
        self.begun = 0

    async def invoke(self, name: str, body: bytes, headers: Any, deadline: float) -> Any:
        self.begun += 1
        await self.release.wait()
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if reply.status == HTTPStatus.SERVICE_UNAVAILABLE:
            raise unavailable("the server is recovering")
        return SimpleNamespace(status=reply.status, body=body, content_type="text/plain")


Work = Callable[[Jobs, Reader], Awaitable[None]]


def run(folder: Path, work: Work, **limits: Any) -> None:
    """Do something with jobs that are read, and close them."""

    async def begin() -> None:
        reader = Reader()
        config = ServingConfig(jobs=folder, **limits)
        intake = Intake(config, reader)  # type: ignore[arg-type]
        jobs = Jobs(config, intake, JobFolder(folder), "model")
        jobs.start()
        try:
            await work(jobs, reader)
        finally:
            await jobs.close()

    asyncio.run(begin())


def status_of(jobs: Jobs, id: str) -> str:
    return str(json.loads(jobs.state(id).body)["status"])


async def settled(jobs: Jobs, id: str, status: str) -> None:
    while status_of(jobs, id) != status:
        await asyncio.sleep(0.01)


def test_a_request_is_accepted_read_and_answered(tmp_path: Path) -> None:
    async def work(jobs: Jobs, reader: Reader) -> None:
        accepted = await jobs.add(request(b"first"))
        id = json.loads(accepted.body)["id"]
        assert accepted.status == HTTPStatus.ACCEPTED
        assert accepted.headers["Location"] == f"/jobs/{id}"
        await settled(jobs, id, "reading")
        with pytest.raises(RefusedError, match="no answer yet: it is reading"):
            await jobs.answer(id)
        reader.release.set()
        await settled(jobs, id, "done")
        assert json.loads(jobs.state(id).body)["answer"] == f"/jobs/{id}/answer"
        assert (await jobs.answer(id)).body == b"first"
        await jobs.delete(id)
        with pytest.raises(RefusedError, match="no such job"):
            jobs.state(id)

    run(tmp_path, work)


def test_what_waits_or_is_under_way_is_read_by_the_next_server(tmp_path: Path) -> None:
    ids = []

    async def accept(jobs: Jobs, reader: Reader) -> None:
        for body in (b"a", b"b"):
            ids.append(json.loads((await jobs.add(request(body))).body)["id"])
        await settled(jobs, ids[0], "reading")
        assert status_of(jobs, ids[1]) == "waiting"

    async def read(jobs: Jobs, reader: Reader) -> None:
        reader.release.set()
        for id, body in zip(ids, (b"a", b"b")):
            await settled(jobs, id, "done")
            assert (await jobs.answer(id)).body == body

    for _ in range(4):  # an orderly end is no failed attempt
        run(tmp_path, accept if not ids else (lambda jobs, reader: asyncio.sleep(0.05)))
    run(tmp_path, read)


def test_the_troubles_of_the_server_are_waited_out_and_those_of_the_page_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("htrlib.serving.jobs.RETRY_SECONDS", 0)

    async def work(jobs: Jobs, reader: Reader) -> None:
        reader.release.set()
        reader.replies = [Reply(503, b""), Reply(503, b""), Reply(400, b"")]
        id = json.loads((await jobs.add(request())).body)["id"]
        await settled(jobs, id, "failed")
        assert reader.begun == 3
        assert (await jobs.answer(id)).status == HTTPStatus.BAD_REQUEST

    run(tmp_path, work)


def test_jobs_wait_while_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("htrlib.serving.jobs.RETRY_SECONDS", 0.01)
    refused = []

    def full(*arguments: Any) -> Any:
        refused.append(arguments)
        raise OSError(errno.ENOSPC, "No space left on device")

    async def work(jobs: Jobs, reader: Reader) -> None:
        reader.release.set()
        monkeypatch.setattr(jobs.folder, "begin", full)
        id = json.loads((await jobs.add(request())).body)["id"]
        while len(refused) < 3:
            await asyncio.sleep(0.01)
        monkeypatch.setattr(jobs.folder, "finish", full)
        monkeypatch.setattr(jobs.folder, "begin", partial(JobFolder.begin, jobs.folder))
        while refused[-1][0] != id or len(refused[-1]) < 2:
            await asyncio.sleep(0.01)
        assert status_of(jobs, id) == "reading"
        monkeypatch.setattr(jobs.folder, "finish", partial(JobFolder.finish, jobs.folder))
        await settled(jobs, id, "done")
        assert reader.begun == 1

    run(tmp_path, work)


def test_a_job_that_cannot_be_read_fails_and_blocks_no_other(tmp_path: Path) -> None:
    async def work(jobs: Jobs, reader: Reader) -> None:
        reader.release.set()
        ids = [jobs.folder.add(b"page", {}) for _ in range(3)]
        (tmp_path / ids[0] / "attempts").mkdir()  # an error that stays
        (tmp_path / ids[1] / "answer").mkdir()  # so that nothing can be written there
        for id in ids:
            jobs._enqueue(id)
        await settled(jobs, ids[2], "done")
        for id, message in zip(ids, ("cannot be read", "cannot be kept")):
            assert status_of(jobs, id) == "failed"
            reply = await jobs.answer(id)
            assert reply.status == HTTPStatus.INTERNAL_SERVER_ERROR
            assert message in json.loads(reply.body)["message"]
            await jobs.delete(id)
            with pytest.raises(RefusedError, match="no such job"):
                jobs.state(id)

    run(tmp_path, work)


def test_a_server_ends_though_a_job_cannot_be_put_back(tmp_path: Path) -> None:
    async def work(jobs: Jobs, reader: Reader) -> None:
        id = json.loads((await jobs.add(request())).body)["id"]
        await settled(jobs, id, "reading")
        while not reader.begun:
            await asyncio.sleep(0.01)
        (tmp_path / id / "attempts").unlink()
        (tmp_path / id / "attempts").mkdir()
        await asyncio.wait_for(jobs.close(), 10.0)

    run(tmp_path, work)


def test_a_job_that_was_deleted_does_not_wait(tmp_path: Path) -> None:
    async def work(jobs: Jobs, reader: Reader) -> None:
        ids = [json.loads((await jobs.add(request())).body)["id"] for _ in range(3)]
        await settled(jobs, ids[0], "reading")
        assert jobs.counts == {"waiting": 2, "reading": 1}
        await jobs.delete(ids[1])
        assert jobs.counts == {"waiting": 1, "reading": 1}
        reader.release.set()
        await settled(jobs, ids[2], "done")
        assert jobs.counts["waiting"] == 0

    run(tmp_path, work)


def test_a_job_that_cannot_be_removed_is_not_said_to_be_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(id: str) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    async def work(jobs: Jobs, reader: Reader) -> None:
        id = json.loads((await jobs.add(request())).body)["id"]
        monkeypatch.setattr(jobs.folder, "delete", refuse)
        with pytest.raises(RefusedError, match="cannot be removed: Permission denied") as refused:
            await jobs.delete(id)
        assert refused.value.status == HTTPStatus.INTERNAL_SERVER_ERROR

    run(tmp_path, work)


@pytest.mark.parametrize("limits", [{"most_jobs": 1}, {"job_folder_bytes": 9}])
def test_a_full_folder_takes_no_more(tmp_path: Path, limits: Dict[str, int]) -> None:
    async def work(jobs: Jobs, reader: Reader) -> None:
        await jobs.add(request(b"a"))
        with pytest.raises(RefusedError) as refused:
            await jobs.add(request(b"0123456789"))
        assert refused.value.status == HTTPStatus.SERVICE_UNAVAILABLE

    run(tmp_path, work, **limits)


def test_no_request_waits_in_the_model_server_for_a_job_that_has_the_only_worker(
    tmp_path: Path,
) -> None:
    async def work(jobs: Jobs, reader: Reader) -> None:
        id = json.loads((await jobs.add(request())).body)["id"]
        await settled(jobs, id, "reading")
        while not reader.begun:
            await asyncio.sleep(0.01)
        with pytest.raises(RefusedError, match="no worker became free in time"):
            await jobs.intake.answer(request(), "model", time.monotonic())
        assert reader.begun == 1

    run(tmp_path, work, request_seconds=0.1)


def test_several_models_have_no_jobs(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="single model"):
        ServingConfig(jobs=tmp_path, models=tmp_path)


@pytest.mark.slow
def test_a_killed_server_reads_its_jobs_when_it_is_back(obedient: Path, tmp_path: Path) -> None:
    arguments = ["--bundle", str(obedient), "--workers", "1", "--jobs", str(tmp_path / "jobs")]
    allowed = {"HTRLIB_ALLOW_CODE": "1"}
    with serving(arguments, allowed) as first:
        accepted = first.ask("POST", "/jobs", b"hold", {"Content-Type": "text/plain"})
        assert accepted.status == HTTPStatus.ACCEPTED
        place = accepted.headers["Location"]
        until(lambda: first.ask(path=place).json["status"] == "reading", "it is read")
        first.end(signal.SIGKILL)
    (obedient / "code" / "release").touch()
    try:
        with serving(arguments, allowed) as second:
            until(lambda: second.ask(path=place).json["status"] == "done", "it is done")
            assert second.ask(path=f"{place}/answer").body.isdigit()
            assert second.ask("DELETE", place).status == HTTPStatus.OK
            assert second.ask(path=place).status == HTTPStatus.NOT_FOUND
    finally:
        (obedient / "code" / "release").unlink()
