"""Keep Multi Model Server alive, and know whether it really answers.

The model server's own ping always returns 200, so health is judged only by pages actually read:
those of real requests, or a tiny probe page when there are no requests or they fail. Whatever is
broken (a listener, Java, a worker that hangs or fails), the cure is the same: kill all processes
and start again. A worker that merely dies is replaced by the model server itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any, Coroutine, Dict, List, Mapping, Optional

import aiohttp

from htrlib.errors import BundleError, HtrError
from htrlib.serving.config import ServingConfig
from htrlib.serving.logs import log, log_exception
from htrlib.serving.mms.health import Watched, tiny_page
from htrlib.serving.mms.model_server import Model, ModelServer, ModelServerError, Response
from htrlib.serving.protocol import DEADLINE, THOROUGH, RefusedError
from htrlib.serving.replies import unavailable

TICK_SECONDS = 0.25
PROBE_SECONDS = 5.0
FIRST_PAGE_SECONDS = 60.0  # grace period of a model that was just loaded
FAIR_SECONDS = 1.0  # time limit, of a request, below which a timeout says nothing about a model
STALLED_SECONDS = 5.0  # seconds with pending requests, no answer and no CPU time used
# Minimum rate at which a body passes through Java, which buffers it several times, to a worker: a
# fifth of the rate measured on two cores shared by ten processes.
TRANSIT_BYTES_PER_SECOND = 2e6
MOST_START_ATTEMPTS = 3
MOST_RESTARTS, RESTART_WINDOW_SECONDS = 5, 120.0

STARTING, READY, RECOVERING, STOPPED = "starting", "ready", "recovering", "stopped"


class Supervisor:
    """Runs one model server at a time, and passes requests to it.

    Attributes:
        state: "starting", "ready", "recovering" or "stopped".
        models: loaded models by name.
    """

    def __init__(self, config: ServingConfig, directory: Path) -> None:
        self.config = config
        self.state = STARTING
        self.models: Dict[str, Model] = {}
        self._server = ModelServer(config, directory)
        self._generation = 0
        self._ready = asyncio.Event()
        self._wake = asyncio.Event()
        self._lock = asyncio.Lock()  # held while the models or the model server change
        self._trouble: Optional[str] = None
        self._watched: Dict[str, Watched] = {}
        self._probe: Optional[asyncio.Task[Optional[str]]] = None
        self._change: Optional[asyncio.Future[None]] = None  # loads and unloads in progress
        self._restarts: List[float] = []
        self._start_seconds = 0.0
        self._tiny_page = tiny_page()

    @property
    def healthy(self) -> bool:
        """True if requests are answered, as far as known."""
        failing = any(self._watch(name).failing(self.config.at_once) for name in self.models)
        return self.state == READY and not failing

    async def start(self, models: List[Model]) -> None:
        """Start the model server, load models, and read a page with each.

        Raises:
            BundleError: a model cannot be loaded.
            ModelServerError: the model server cannot be started.
        """
        self.models = {model.name: model for model in models}
        async with self._lock:
            await self._bring_up()

    async def run(self) -> None:
        """Watch until cancelled.

        Raises:
            ModelServerError: the model server cannot be kept alive.
        """
        while True:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._wake.wait(), TICK_SECONDS)
            self._wake.clear()
            trouble = await self._look()
            if trouble is not None:
                await self._mend(trouble)
            elif self._probe is None:
                self._begin_probe()

    async def stop(self) -> None:
        """Stop the model server; waiting requests are refused."""
        self.state = STOPPED
        self._ready.set()
        self._end_probe()
        await self._server.stop()

    async def load(self, model: Model) -> None:
        """Load another model.

        Raises:
            BundleError: the model cannot be loaded.
            ModelServerError: the model server failed.
        """
        while model.name not in self.models:
            await self._ready.wait()
            if self.state == STOPPED:
                raise ModelServerError("the server is shutting down")
            async with self._lock:
                if self.state == READY:  # else a restart comes first, and needs the lock
                    await self._add(model)

    async def _add(self, model: Model) -> None:
        self._watched.pop(model.name, None)  # of an earlier model with that name
        try:
            if not await self._unless_broken(self._load(model)):
                raise ModelServerError("the model server broke while it loaded a model")
        except (HtrError, OSError):
            with contextlib.suppress(ModelServerError):
                await self._unless_broken(self._server.unload(model.name))
            raise
        self.models[model.name] = model

    async def unload(self, name: str) -> None:
        """Unload a model.

        Raises:
            ModelServerError: the model server failed.
        """
        async with self._lock:
            del self.models[name]
            self._watched.pop(name, None)  # even after a failure, so it is not probed
            await self._unless_broken(self._server.unload(name))

    async def _unless_broken(self, work: Coroutine[Any, Any, None]) -> bool:
        """Call the model server, unless it is broken or breaks during the call."""
        if self.state != READY:  # after waiting for the lock: a restart may be needed first
            work.close()
            return False
        change = self._change = asyncio.ensure_future(work)
        try:
            await change
        except asyncio.CancelledError:
            if self._change is change:
                raise
            return False
        finally:
            self._change = None
        return True

    def _watch(self, name: str) -> Watched:
        return self._watched.setdefault(name, Watched())

    async def invoke(
        self, name: str, body: bytes, headers: Mapping[str, str], deadline: float
    ) -> Response:
        """Send a request to a model, and once more if its worker or the model server dies.

        Args:
            deadline: deadline in seconds of `time.monotonic()`.
        Raises:
            RefusedError: 5xx if there was no answer in time, or its worker died twice.
        """
        deaths = restarts = 0
        while True:
            await self._until_ready(name, deadline)
            generation = self._generation
            response = await self._send(name, body, headers, deadline)
            if response is not None and response.answered:
                return response
            if generation == self._generation and response is not None:
                deaths += 1
            else:
                restarts += 1
            if deaths > 1 or restarts > 2:
                self._failed(name)
                raise RefusedError(
                    HTTPStatus.INTERNAL_SERVER_ERROR,
                    "the worker died on this request, and again when it was read once more",
                )

    async def _send(
        self, name: str, body: bytes, headers: Mapping[str, str], deadline: float
    ) -> Optional[Response]:
        """Return the answer of a worker or of the model server, or None if the connection broke."""
        watched, generation = self._watch(name), self._generation
        left = deadline - time.monotonic()
        ticket = watched.progress.begin(len(body))
        try:
            timed = {**headers, DEADLINE: f"{time.time() + left:.3f}"}
            response = await self._server.invoke(name, body, timed, left)
        except asyncio.TimeoutError:
            if watched.progress.ahead(ticket) >= self.config.at_once:  # no worker began it
                raise unavailable("no worker became free in time") from None
            if left >= FAIR_SECONDS:
                self._failed(name)
            # The worker ends itself by its timer; the next request finds another one, or not.
            raise RefusedError(
                HTTPStatus.GATEWAY_TIMEOUT,
                f"reading took longer than {self.config.request_seconds:.0f} s",
            ) from None
        except (aiohttp.ClientError, OSError) as error:
            self._suspect(generation, f"a request failed: {type(error).__name__}")
            return None
        finally:
            watched.progress.end(ticket)
        if response.answered:
            watched.health.request_answered(response.status)
        elif self._has_no_room(name, response):
            raise unavailable("too many requests wait for a worker already")
        else:
            log("unanswered", status=response.status, model=name)
        return response

    def _has_no_room(self, name: str, response: Response) -> bool:
        """Return whether the model server's queue is full, because all workers are busy."""
        busy = self._watch(name).progress.under_way >= self.config.at_once
        return busy and response.status == HTTPStatus.SERVICE_UNAVAILABLE and not response.answered

    def _suspect(self, generation: int, trouble: str) -> None:
        """Treat a broken connection as the end of the model server it belonged to."""
        if generation == self._generation and self.state == READY:
            self.state = RECOVERING
            self._ready.clear()
            self._trouble = trouble
            self._wake.set()

    def _failed(self, name: str) -> None:
        self._watch(name).health.request_failed()
        self._wake.set()

    async def _until_ready(self, name: str, deadline: float) -> None:
        while not self._ready.is_set():  # it may break again before this task continues
            try:
                await asyncio.wait_for(self._ready.wait(), max(deadline - time.monotonic(), 0.001))
            except asyncio.TimeoutError:
                self._failed(name)
                raise unavailable("the server is recovering; try again") from None
        if self.state == STOPPED:
            raise unavailable("the server is shutting down")

    async def _look(self) -> Optional[str]:
        """Return a description of what is broken, or None."""
        trouble, self._trouble = self._trouble, None
        if trouble is not None:
            return trouble
        if not self._server.alive:
            return "Java ended"
        for name in self.models:
            if not self._server.listener_lives(name):
                return f"the listener of {name} ended"
        for name in sorted(self.models):
            if await self._stalled(name):
                return f"requests to {name} stalled"
        if self._probe is not None and self._probe.done():
            probe, self._probe = self._probe, None
            return probe.result()
        return None

    async def _stalled(self, name: str) -> bool:
        """Return whether requests are pending, none is answered, and no worker is busy."""
        watched = self._watch(name)
        idle = watched.progress.idle(lambda: self._server.work_done(name))
        unanswered = time.monotonic() - watched.health.answered
        in_transit = watched.progress.bytes_under_way / TRANSIT_BYTES_PER_SECOND
        if min(idle, unanswered) <= STALLED_SECONDS + in_transit:
            return False
        # A model's own code and S3 may wait without using CPU time; a hanging worker still ends
        # at its deadline.
        waits = self.config.allow_code or self.config.allow_s3
        return not (waits and await self._server.responds())

    def _begin_probe(self) -> None:
        """Send a probe page to a model that has not read a page for a while."""
        at_once = self.config.at_once
        due = [name for name in sorted(self.models) if self._watch(name).probe_is_due(at_once)]
        if due:
            name = min(due, key=lambda name: self._watch(name).progress.probed)
            self._watch(name).progress.probed = time.monotonic()
            self._probe = asyncio.ensure_future(self._tell_by_tiny_page(name))
            self._probe.add_done_callback(lambda _: self._wake.set())

    def _end_probe(self) -> None:
        if self._probe is not None:
            self._probe.cancel()
            self._probe = None

    async def _tell_by_tiny_page(self, name: str) -> Optional[str]:
        watched, problem = self._watch(name), None
        # A worker that just died is being replaced: the second page waits for it.
        for _ in range(2):
            try:
                problem = await self._read_tiny(name, PROBE_SECONDS)
            except asyncio.TimeoutError:
                if (
                    watched.progress.under_way
                ):  # the probe waits behind real requests, which `_stalled` watches
                    return None
                problem = _too_late(name, PROBE_SECONDS)
            if problem is None or self._watched.get(name) is not watched:  # the model was unloaded
                return None
            watched.health.tiny_page_failed()
        return problem

    async def _read_tiny(self, name: str, seconds: float) -> Optional[str]:
        """Return a description of what is wrong, or None. Raises asyncio.TimeoutError."""
        headers = {"Content-Type": "image/png", "Accept": "application/json"}
        health = self._watch(name).health
        if health.doubtful:
            headers[THOROUGH] = "1"
        try:
            response = await self._server.invoke(name, self._tiny_page, headers, seconds)
        except asyncio.TimeoutError:
            raise
        except (aiohttp.ClientError, OSError) as error:
            return f"{name} did not read a tiny page: {type(error).__name__}"
        if self._has_no_room(name, response):
            raise asyncio.TimeoutError
        if not response.answered or response.status != HTTPStatus.OK:
            return f"{name} did not read a tiny page: {response.status}"
        health.tiny_page_read()
        return None

    async def _mend(self, trouble: str) -> None:
        """Restart the model server, regardless of what is in progress."""
        self.state = RECOVERING
        self._ready.clear()
        self._end_probe()
        change, self._change = self._change, None
        if change is not None:
            change.cancel()
        async with self._lock:
            await self._restart(trouble)

    async def _restart(self, trouble: str) -> None:
        log("restart", reason=trouble)
        start = time.monotonic()
        self._restarts = [at for at in self._restarts if start - at < RESTART_WINDOW_SECONDS]
        self._restarts.append(start)
        if len(self._restarts) > MOST_RESTARTS:
            raise ModelServerError(
                f"the model server broke {len(self._restarts)} times in "
                f"{RESTART_WINDOW_SECONDS:.0f} s, at last: {trouble}"
            )
        usual = self._start_seconds + sum(self._watch(name).load_seconds for name in self.models)
        limit = max(self.config.recovery_seconds, 2 * usual)
        try:
            await asyncio.wait_for(self._recover(), limit)
        except asyncio.TimeoutError:
            raise ModelServerError(
                f"the model server does not recover within {limit:.0f} s of: {trouble}"
            ) from None
        log("recovered", seconds=round(time.monotonic() - start, 2))

    async def _recover(self) -> None:
        for attempt in range(1, MOST_START_ATTEMPTS + 1):
            try:
                await self._server.stop()
                await self._bring_up()
                return
            except (HtrError, OSError) as error:
                log_exception("the model server does not start")
                if attempt == MOST_START_ATTEMPTS:
                    raise ModelServerError(f"the model server does not start: {error}") from error

    async def _bring_up(self) -> None:
        start = time.monotonic()
        await self._server.start()
        self._start_seconds = time.monotonic() - start
        for model in self.models.values():
            await self._load(model)
            self._watch(model.name).progress.begin_anew()
        self._generation += 1
        self._trouble = None
        self.state = READY
        self._ready.set()

    async def _load(self, model: Model) -> None:
        start = time.monotonic()
        await self._server.load(model.name, model.bundle, self.config.workers)
        try:
            problem = await self._read_tiny(model.name, FIRST_PAGE_SECONDS)
        except asyncio.TimeoutError:
            problem = _too_late(model.name, FIRST_PAGE_SECONDS)
        if problem is not None:
            raise BundleError(problem)
        self._watch(model.name).load_seconds = time.monotonic() - start


def _too_late(name: str, seconds: float) -> str:
    return f"{name} did not read a tiny page in {seconds:.0f} s"
