"""Asynchronous requests: POST /jobs returns 202 at once, GET /jobs/ID the answer later."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import time
from datetime import datetime, timezone
from http import HTTPStatus
from typing import Any, Callable, Dict, List, Set, TypeVar

from aiohttp import web

from htrlib.serving.config import ServingConfig
from htrlib.serving.intake import Intake
from htrlib.serving.job_folder import Job, JobFolder
from htrlib.serving.logs import log, log_exception
from htrlib.serving.protocol import RefusedError
from htrlib.serving.replies import RETRY_SECONDS, Reply, json_reply, refusal, unavailable

WAITING, READING, DONE, FAILED = "waiting", "reading", "done", "failed"
_CLEANING_SECONDS = 60.0
_PASSING = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # what is wrong with a disk that may get well

Value = TypeVar("Value")


class Jobs:
    """Accepts requests, reads them one after the other, and returns their answers.

    Args:
        config: configuration of the server.
        intake: receives bodies and passes requests to workers.
        folder: stores the jobs.
        name: name of the model.
    """

    def __init__(self, config: ServingConfig, intake: Intake, folder: JobFolder, name: str) -> None:
        self.config = config
        self.intake = intake
        self.folder = folder
        self.name = name
        self.under_way: Set[str] = set()
        self._unkept: Dict[str, Reply] = {}  # refusals that cannot be written to the folder
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._waiting: Set[str] = set()  # those in the queue that were not deleted meanwhile
        self._adding = asyncio.Lock()
        self._tasks: List[asyncio.Future[None]] = []

    @property
    def counts(self) -> Dict[str, int]:
        """Numbers of waiting jobs and of jobs being read."""
        return {WAITING: len(self._waiting), READING: len(self.under_way)}

    def start(self) -> None:
        """Start reading waiting jobs; one of several workers is reserved for other requests."""
        for id in self.folder.waiting():
            self._enqueue(id)
        readers = max(1, self.config.at_once - 1)
        self._tasks = [asyncio.ensure_future(self._read_jobs()) for _ in range(readers)]
        self._tasks.append(asyncio.ensure_future(self._clean_up()))

    def stop_taking(self) -> None:
        """Start no further job; waiting jobs are read by the next server."""
        while not self._queue.empty():
            self._queue.get_nowait()
        self._waiting.clear()

    async def close(self) -> None:
        """Put back unfinished jobs, and release the folder for another server."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.folder.close()

    async def add(self, request: web.BaseRequest) -> Reply:
        """Accept a request: reply 202 with the location of the job.

        Raises:
            RefusedError: see `Intake.take`; 503 where too many jobs are kept, 507 where the disk
                is full.
        """
        async with self.intake.taken(request) as (body, headers), self._adding:
            try:
                await self._check_room(len(body))
                id = await asyncio.to_thread(self.folder.add, body, headers)
            except OSError as error:
                raise RefusedError(
                    HTTPStatus.INSUFFICIENT_STORAGE, f"the request cannot be kept: {error.strerror}"
                ) from error
        self._enqueue(id)
        reply = json_reply(self._described(id), HTTPStatus.ACCEPTED)
        reply.headers = {"Location": f"/jobs/{id}", "Retry-After": str(RETRY_SECONDS)}
        return reply

    def state(self, id: str) -> Reply:
        """Return the state of a job.

        Raises:
            RefusedError: 404.
        """
        return json_reply(self._described(id))

    async def answer(self, id: str) -> Reply:
        """Return the answer, as /invocations would have sent it.

        Raises:
            RefusedError: 404: there is no such job, or it is not done.
        """
        status = self._described(id)["status"]
        reply = self._unkept.get(id) or await asyncio.to_thread(self.folder.answer, id)
        if reply is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, f"the job has no answer yet: it is {status}")
        return reply

    async def delete(self, id: str) -> Reply:
        """Delete a job; if it is being read, its answer is discarded.

        Raises:
            RefusedError: 404; 500 if it cannot be removed, or not all of its files.
        """
        self._described(id)
        try:
            await asyncio.to_thread(self.folder.delete, id)
        except OSError as error:
            raise RefusedError(
                HTTPStatus.INTERNAL_SERVER_ERROR, f"the job cannot be removed: {error.strerror}"
            ) from error
        self._waiting.discard(id)
        self._unkept.pop(id, None)
        return json_reply({"id": id, "status": "deleted"})

    def _described(self, id: str) -> Dict[str, Any]:
        state = self.folder.state(id)
        if state is None:
            raise RefusedError(
                HTTPStatus.NOT_FOUND,
                "there is no such job; answers are kept for "
                f"{self.config.job_hours:g} hours after they are done",
            )
        status = state.pop("status", None)
        if id in self._unkept:
            status = self._unkept[id].status
        if status is None:
            named = READING if id in self.under_way else WAITING
        else:
            named = DONE if status == HTTPStatus.OK else FAILED
        found: Dict[str, Any] = {"id": id, "status": named}
        found.update((key, _time(seconds)) for key, seconds in state.items())
        if status is not None:
            found["answer"] = f"/jobs/{id}/answer"
        return found

    async def _check_room(self, count: int) -> None:
        kept = await asyncio.to_thread(lambda: len(self.folder.ids()))
        if kept >= self.config.most_jobs:
            raise unavailable(f"{kept} jobs are kept already; fetch and delete some")
        used = await asyncio.to_thread(self.folder.total_bytes)
        if used + count > self.config.job_folder_bytes:
            raise unavailable("the jobs that are kept fill their space; fetch and delete some")

    def _enqueue(self, id: str) -> None:
        self._waiting.add(id)
        self._queue.put_nowait(id)

    async def _read_jobs(self) -> None:
        while True:
            id = await self._queue.get()
            self._waiting.discard(id)
            self.under_way.add(id)
            try:
                await self._read(id)
            except Exception:
                log_exception("a job failed")
            finally:
                self.under_way.discard(id)

    async def _read(self, id: str) -> None:
        try:
            job = await _when_possible(lambda: self.folder.begin(id))
        except RuntimeError as error:
            await self._finish(id, _failure(str(error)))
            return
        except (OSError, KeyError, ValueError):
            log_exception("a job cannot be begun")
            await self._finish(id, _failure("what is kept of this request cannot be read"))
            return
        if job is None:
            return
        start = time.monotonic()
        try:
            reply = await self._answered(job)
            log("job", status=reply.status, ms=round(1000 * (time.monotonic() - start)))
            await self._finish(id, reply)
        except asyncio.CancelledError:
            with contextlib.suppress(OSError, ValueError):  # the job counts one attempt more
                self.folder.put_back(id)
            raise

    async def _finish(self, id: str, reply: Reply) -> None:
        try:
            await _when_possible(lambda: self.folder.finish(id, reply))
        except OSError:
            log_exception("an answer cannot be kept")
            self._unkept[id] = _failure("the answer cannot be kept; the server's log says why")

    async def _answered(self, job: Job) -> Reply:
        """Return the answer of a job; after failures of the server itself it is tried again."""
        while True:
            reply = await self.intake.read_later(
                self.name, job.body, job.headers, self.config.job_seconds
            )
            if reply.status != HTTPStatus.SERVICE_UNAVAILABLE:
                break
            await asyncio.sleep(RETRY_SECONDS)
        if reply.status == HTTPStatus.GATEWAY_TIMEOUT:
            message = f"reading took longer than {self.config.job_seconds:.0f} s"
            reply = refusal(RefusedError(HTTPStatus.GATEWAY_TIMEOUT, message))
        return reply

    async def _clean_up(self) -> None:
        while True:
            with contextlib.suppress(OSError):
                removed = await asyncio.to_thread(
                    self.folder.expire, 3600.0 * self.config.job_hours
                )
                if removed:
                    log("jobs expired", count=removed)
            await asyncio.sleep(_CLEANING_SECONDS)


async def _when_possible(change: Callable[[], Value]) -> Value:
    """Make a change to the folder; while the disk is full, wait.

    Raises:
        OSError: it cannot be made for another reason.
    """
    while True:
        try:
            return await asyncio.to_thread(change)
        except OSError as error:
            if error.errno not in _PASSING:
                raise
            log("a job waits", error=str(error))
            await asyncio.sleep(RETRY_SECONDS)


def _failure(message: str) -> Reply:
    return refusal(RefusedError(HTTPStatus.INTERNAL_SERVER_ERROR, message))


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="seconds")
