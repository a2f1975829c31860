"""The public port, in front of the model server, which clients never reach directly."""

from __future__ import annotations

import asyncio
import socket
import time
from http import HTTPStatus
from typing import Any, Coroutine, Dict, Optional, Sequence, Set

from aiohttp import web

from htrlib.serving.config import ServingConfig
from htrlib.serving.connections import BoundedServer
from htrlib.serving.intake import Intake
from htrlib.serving.job_folder import JobFolder
from htrlib.serving.jobs import Jobs
from htrlib.serving.logs import log, log_exception, milliseconds_since
from htrlib.serving.mms.supervisor import READY, Supervisor
from htrlib.serving.models import Models
from htrlib.serving.protocol import RefusedError
from htrlib.serving.replies import Reply, json_reply, refusal, unavailable
from htrlib.serving.service_pages import Metrics, index, openapi

SINGLE = "model"  # the model's name if there is only one
_MODEL_BODY_BYTES = 64 * 1024
_CLOSE_SECONDS = 1.0  # time for refusals in transit when the port closes; at most twice that


class Gateway:
    """Answers HTTP requests.

    Args:
        config: configuration of the server.
        supervisor: supervisor of the model server.
    """

    def __init__(self, config: ServingConfig, supervisor: Supervisor) -> None:
        self.config = config
        self.supervisor = supervisor
        self.intake = Intake(config, supervisor)
        self.models = Models(config, supervisor)
        self.metrics = Metrics()
        self.jobs: Optional[Jobs] = None
        if config.jobs is not None:
            self.jobs = Jobs(config, self.intake, JobFolder(config.jobs), SINGLE)
        self.draining = False
        self._open: Set[object] = set()
        self._tasks: Set[asyncio.Future[Dict[str, str]]] = set()
        self._runner: Optional[web.ServerRunner] = None

    async def listen(self, bound: socket.socket) -> None:
        """Open the public port, and go on with the jobs that wait."""
        self._runner = web.ServerRunner(
            BoundedServer(self._handle), handle_signals=False, shutdown_timeout=_CLOSE_SECONDS
        )
        await self._runner.setup()
        await web.SockSite(self._runner, bound, backlog=256).start()
        if self.jobs is not None:
            self.jobs.start()

    async def drain(self) -> int:
        """Refuse new requests, and wait until pending ones are answered, up to a limit.

        Returns:
            The number of requests still unanswered.
        """
        self.draining = True
        if self.jobs is not None:
            self.jobs.stop_taking()
        end = time.monotonic() + self.config.drain_seconds
        while (self._open or self._jobs_under_way()) and time.monotonic() < end:
            await asyncio.sleep(0.02)
        return len(self._open)

    async def close(self) -> None:
        """Close the public port and all connections; jobs under way wait for the next server."""
        if self.jobs is not None:
            await self.jobs.close()
        if self._runner is not None:
            # All answers have been sent by now; clients that are still sending are dropped.
            await self._runner.cleanup()

    def _jobs_under_way(self) -> bool:
        return self.jobs is not None and bool(self.jobs.under_way)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        start, ticket = time.monotonic(), object()
        self._open.add(ticket)
        try:
            reply = await self._reply_or_refuse(request, start)
            _log_request(request, start, reply.status, len(reply.body))
            self.metrics.add(request.path, reply.status, time.monotonic() - start)
            response = web.Response(
                status=reply.status,
                body=reply.body,
                headers={"Content-Type": reply.content_type, "Server": "htrlib", **reply.headers},
            )
            if self.draining or not request.content.at_eof():
                response.force_close()  # the rest of a refused body is not read
            # Written here, so that draining waits for it.
            await response.prepare(request)
            await response.write_eof()
            return response
        except asyncio.CancelledError:  # the client disconnected
            _log_request(request, start, 499, 0)
            raise
        finally:
            self._open.discard(ticket)

    async def _reply_or_refuse(self, request: web.BaseRequest, start: float) -> Reply:
        try:
            return await self._reply(request, start)
        except RefusedError as error:
            return refusal(error)
        except Exception:
            log_exception("the gateway failed")
            return refusal(RefusedError(HTTPStatus.INTERNAL_SERVER_ERROR, "the server failed"))

    async def _reply(self, request: web.BaseRequest, start: float) -> Reply:
        """Answer a request according to its path and method."""
        path = request.path
        if path == "/ping":
            _allow(request, "GET", "HEAD")
            return self._ping()
        if path == "/metrics":
            _allow(request, "GET", "HEAD")
            healthy = self.supervisor.healthy and not self.draining
            counts = {} if self.jobs is None else self.jobs.counts
            return self.metrics.reply(
                healthy=healthy, under_way=len(self._open) - 1, config=self.config, jobs=counts
            )
        if path in ("/", "/openapi.json"):
            _allow(request, "GET", "HEAD")
            return index(self.config) if path == "/" else openapi(self.config)
        if self.draining:
            raise unavailable("the server is shutting down")
        if path == "/execution-parameters":
            _allow(request, "GET", "HEAD")
            return self._execution_parameters()
        if path == "/invocations" and self.config.models is None:
            _allow(request, "POST")
            return await self.intake.answer(request, SINGLE, start)
        parts = path.split("/")[1:]
        if parts[:1] == ["jobs"] and self.jobs is not None:
            return await _job_reply(self.jobs, request, parts[1:])
        if parts[:1] == ["models"] and self.config.models is not None:
            return await self._models(request, parts[1:], start)
        reading = "/invocations" if self.config.models is None else "/models"
        *others, last = ["/ping", "/execution-parameters", reading]
        if self.jobs is not None:
            others, last = [*others, last], "/jobs"
        advice = ""
        if self.jobs is None and parts[:1] == ["jobs"]:
            advice = "; start the server with --jobs DIR for requests that are answered later"
        here = f"here are {', '.join(others)} and {last}{advice}"
        raise RefusedError(HTTPStatus.NOT_FOUND, here)

    def _ping(self) -> Reply:
        if self.draining:
            state = "draining"
        elif self.supervisor.healthy:
            return json_reply({"status": "healthy"})
        else:
            state = self.supervisor.state
        state = "failing" if state == READY else state
        return json_reply({"status": state}, HTTPStatus.SERVICE_UNAVAILABLE)

    def _execution_parameters(self) -> Reply:
        at_once, payload = self.config.transform_limits
        return json_reply(
            {
                "MaxConcurrentTransforms": at_once,
                "BatchStrategy": "SINGLE_RECORD",
                "MaxPayloadInMB": payload,
            }
        )

    async def _models(self, request: web.BaseRequest, parts: Sequence[str], start: float) -> Reply:
        """Answer the calls that SageMaker makes to a multi-model container."""
        if not parts:
            if _allow(request, "GET", "POST") == "GET":
                return json_reply(self.models.list(request.query))
            body = await self.intake.read(request, _MODEL_BODY_BYTES)
            return json_reply(await self._to_its_end(self.models.load(body)))
        name = parts[0]
        if len(parts) == 1:
            if _allow(request, "GET", "DELETE") == "GET":
                return json_reply(self.models.describe(name))
            unloading = self.models.unload(name, self.intake.until_unused)
            return json_reply(await self._to_its_end(unloading))
        if list(parts[1:]) == ["invoke"]:
            _allow(request, "POST")
            self.models.check_loaded(name)
            return await self.intake.answer(request, name, start)
        raise RefusedError(HTTPStatus.NOT_FOUND, "there is /models/NAME and /models/NAME/invoke")

    async def _to_its_end(self, work: Coroutine[Any, Any, Dict[str, str]]) -> Dict[str, str]:
        """Complete an operation even if the client disconnects."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Future[Dict[str, str]]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # not awaited if the client disconnected


async def _job_reply(jobs: Jobs, request: web.BaseRequest, parts: Sequence[str]) -> Reply:
    if not parts:
        _allow(request, "POST")
        return await jobs.add(request)
    if len(parts) == 1:
        if _allow(request, "GET", "DELETE") == "GET":
            return jobs.state(parts[0])
        return await jobs.delete(parts[0])
    if list(parts[1:]) == ["answer"]:
        _allow(request, "GET")
        return await jobs.answer(parts[0])
    raise RefusedError(HTTPStatus.NOT_FOUND, "there is /jobs, /jobs/ID and /jobs/ID/answer")


def _allow(request: web.BaseRequest, *methods: str) -> str:
    if request.method not in methods:
        raise RefusedError(
            HTTPStatus.METHOD_NOT_ALLOWED,
            f"this path takes {' and '.join(methods)}",
            {"Allow": ", ".join(methods)},
        )
    return request.method


def _log_request(request: web.BaseRequest, start: float, status: int, sent: int) -> None:
    if (request.path, status) == ("/ping", HTTPStatus.OK):  # the platform pings all the time
        return
    log(
        "request",
        method=request.method[:16],
        path=request.path[:200],
        status=status,
        ms=milliseconds_since(start),
        bytes_in=request.content.total_bytes,
        bytes_out=sent,
    )
