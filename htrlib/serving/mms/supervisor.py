"""Keeps Multi Model Server alive and knows whether it really answers.

What the model server says of itself is not believed: its ping is 200 always. Counted are pages
that are read: those of real requests, and a tiny one that is sent where there are none, or where
requests fail. Whatever is broken, a worker's listener, Java, a worker that hangs or fails, the cure
is the same: end all of it and start it anew. A worker that dies alone is replaced by the model
server itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Coroutine, Dict, List, Mapping, Optional

import aiohttp
import numpy as np
from PIL import Image

from htrlib.errors import BundleError, HtrError
from htrlib.serving.config import ServingConfig
from htrlib.serving.logs import log, log_exception
from htrlib.serving.mms.health import Health, Progress
from htrlib.serving.mms.model_server import ModelServer, ModelServerError, Response
from htrlib.serving.protocol import DEADLINE, THOROUGH, RefusedError
from htrlib.serving.replies import unavailable

TICK_SECONDS = 0.25
PROBE_SECONDS = 5.0
FIRST_PAGE_SECONDS = 60.0  # of a model that was loaded just now
STALLED_SECONDS = 5.0  # requests under way, no answer and no work done
# The slowest way of bodies through Java, which holds and copies each several times, to a worker: a
# fifth of what was measured on two cores shared by ten processes.
TRANSIT_BYTES_PER_SECOND = 2e6
MOST_START_ATTEMPTS = 3
MOST_RESTARTS, RESTART_WINDOW_SECONDS = 5, 120.0

STARTING, READY, RECOVERING, STOPPED = "starting", "ready", "recovering", "stopped"


@dataclass(frozen=True)
class Model:
    """A model that is loaded, or shall be.

    Attributes:
        name: under which it is invoked.
        bundle: name or directory.
    """

    name: str
    bundle: str


@dataclass
class _Watched:
    """The current state of a model.

    Attributes:
        health: what its answers tell.
        progress: whether its requests get on.
        load_seconds: that it took to load.
    """

    health: Health = field(default_factory=Health)
    progress: Progress = field(default_factory=Progress)
    load_seconds: float = 0.0

    @property
    def probe_is_due(self) -> bool:
        """Whether to send a probe page."""
        return self.health.probe_is_due(busy=bool(self.progress.under_way))


class Supervisor:
    """One model server at a time, and the requests that go to it.

    Attributes:
        state: "starting", "ready", "recovering" or "stopped".
        models: those that are loaded, by name.
    """

    def __init__(self, config: ServingConfig, directory: Path) -> None:
        self.config = config
        self.state = STARTING
        self.models: Dict[str, Model] = {}
        self._server = ModelServer(config, directory)
        self._generation = 0
        self._ready = asyncio.Event()
        self._wake = asyncio.Event()
        self._lock = asyncio.Lock()  # of what changes the models or the model server
        self._trouble: Optional[str] = None
        self._watched: Dict[str, _Watched] = {}
        self._probe: Optional[asyncio.Task[Optional[str]]] = None
        self._change: Optional[asyncio.Future[None]] = None  # of a model, under way
        self._restarts: List[float] = []
        self._start_seconds = 0.0
        self._tiny_page = _tiny_page()

    @property
    def healthy(self) -> bool:
        """Whether requests are answered, as far as known."""
        failing = any(self._watch(name).health.failing for name in self.models)
        return self.state == READY and not failing

    async def start(self, models: List[Model]) -> None:
        """Start the model server, load models, and read a page with each.

        Raises:
            BundleError: a model cannot be loaded.
            ModelServerError: the model server does not start.
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
        """End the model server; requests that wait for it are refused."""
        self.state = STOPPED
        self._ready.set()
        self._end_probe()
        await self._server.stop()

    async def load(self, model: Model) -> None:
        """Load one more model.

        Raises:
            BundleError: it cannot be loaded.
            ModelServerError: the model server failed.
        """
        while model.name not in self.models:
            await self._ready.wait()
            if self.state == STOPPED:
                raise ModelServerError("the server is shutting down")
            async with self._lock:
                if self.state == READY:  # else it has to be mended first, which wants the lock
                    await self._add(model)

    async def _add(self, model: Model) -> None:
        self._watched.pop(model.name, None)  # of an earlier one of that name
        try:
            if not await self._unless_broken(self._load(model)):
                raise ModelServerError("the model server broke while it loaded a model")
        except (HtrError, OSError):
            with contextlib.suppress(ModelServerError):
                await self._unless_broken(self._server.unload(model.name))
            raise
        self.models[model.name] = model

    async def unload(self, name: str) -> None:
        """Forget a model.

        Raises:
            ModelServerError: the model server failed.
        """
        async with self._lock:
            del self.models[name]
            self._watched.pop(name, None)  # what failed is gone, and is not probed
            await self._unless_broken(self._server.unload(name))

    async def _unless_broken(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do something with the model server, unless that is broken, or breaks meanwhile."""
        if self.state != READY:  # whoever waited for the lock must not keep it from being mended
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

    def _watch(self, name: str) -> _Watched:
        return self._watched.setdefault(name, _Watched())

    async def invoke(
        self, name: str, body: bytes, headers: Mapping[str, str], deadline: float
    ) -> Response:
        """Have a model read a request; once more where its worker or the model server died.

        Args:
            deadline: in seconds of `time.monotonic()`.
        Raises:
            RefusedError: 5xx: there was no answer in time, or its worker died twice.
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
        """An answer, of a worker or of the model server, or None: the connection broke."""
        watched, generation = self._watch(name), self._generation
        left = deadline - time.monotonic()
        watched.progress.begin(len(body))
        try:
            timed = {**headers, DEADLINE: f"{time.time() + left:.3f}"}
            response = await self._server.invoke(name, body, timed, left)
        except asyncio.TimeoutError:
            self._failed(name)
            # Its worker is ended by its own clock; whether one is left shows the next request.
            raise RefusedError(
                HTTPStatus.GATEWAY_TIMEOUT,
                f"reading took longer than {self.config.request_seconds:.0f} s",
            ) from None
        except (aiohttp.ClientError, OSError) as error:
            self._suspect(generation, f"a request failed: {type(error).__name__}")
            return None
        finally:
            watched.progress.end(len(body))
        if response.answered:
            watched.health.request_answered(response.status)
        else:
            log("unanswered", status=response.status, model=name)
        return response

    def _suspect(self, generation: int, trouble: str) -> None:
        """Take a broken connection for the end of the model server that it led to."""
        if generation == self._generation and self.state == READY:
            self.state = RECOVERING
            self._ready.clear()
            self._trouble = trouble
            self._wake.set()

    def _failed(self, name: str) -> None:
        self._watch(name).health.request_failed()
        self._wake.set()

    async def _until_ready(self, name: str, deadline: float) -> None:
        while not self._ready.is_set():  # it may break again before this task goes on
            try:
                await asyncio.wait_for(self._ready.wait(), max(deadline - time.monotonic(), 0.001))
            except asyncio.TimeoutError:
                self._failed(name)
                raise unavailable("the server is recovering; try again") from None
        if self.state == STOPPED:
            raise unavailable("the server is shutting down")

    async def _look(self) -> Optional[str]:
        """Return what is broken."""
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
        # A model's own code, and S3, may be waited for; a worker that hangs ends at its deadline.
        waits = self.config.allow_code or self.config.allow_s3
        return not (waits and await self._server.responds())

    def _begin_probe(self) -> None:
        """Have a model read a tiny page where no page has been read for a while."""
        due = [name for name in sorted(self.models) if self._watch(name).probe_is_due]
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
        # A worker that died a moment ago is being replaced: the second page waits for the new one.
        for _ in range(2):
            try:
                problem = await self._read_tiny(name, PROBE_SECONDS)
            except asyncio.TimeoutError:
                if watched.progress.under_way:  # it waits behind them; `_stalled` tells of those
                    return None
                problem = _too_late(name, PROBE_SECONDS)
            if problem is None or self._watched.get(name) is not watched:  # it was unloaded
                return None
            watched.health.tiny_page_failed()
        return problem

    async def _read_tiny(self, name: str, seconds: float) -> Optional[str]:
        """Return what is wrong, or None. Raises asyncio.TimeoutError."""
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
        if not response.answered or response.status != HTTPStatus.OK:
            return f"{name} did not read a tiny page: {response.status}"
        health.tiny_page_read()
        return None

    async def _mend(self, trouble: str) -> None:
        """Start the model server anew, whatever is done with it meanwhile."""
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


def _tiny_page() -> bytes:
    """A white page as PNG."""
    file = io.BytesIO()
    Image.fromarray(np.full((32, 48), 255, dtype=np.uint8)).save(file, "PNG")
    return file.getvalue()
