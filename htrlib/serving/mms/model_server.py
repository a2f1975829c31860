"""Run Multi Model Server: its configuration, its processes, and requests to it.

It listens on Unix sockets in a private directory, where nobody else can reach it. It has its own
process group, so that all of its processes, and no others, can be killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional

import aiohttp

from htrlib.errors import BundleError, HtrError
from htrlib.serving.config import ServingConfig
from htrlib.serving.mms.launching import (
    choose_sockets,
    command,
    environment,
    response_seconds,
    write_configuration,
)
from htrlib.serving.mms.stub import Stub, WorkerSettings
from htrlib.serving.protocol import ANSWERED

HANDLER = "htrlib.serving.mms.handler"
START_SECONDS = 120.0
REASON_SECONDS = 2.0
RESPONSE_SECONDS = 2.0
BATCH_DELAY_MS = 2
_POLL_SECONDS = 0.02


class ModelServerError(HtrError):
    """The model server is broken, or a call to it failed."""


@dataclass(frozen=True)
class Model:
    """A model to serve.

    Attributes:
        name: name by which it is invoked.
        bundle: name or directory.
    """

    name: str
    bundle: str


@dataclass(frozen=True)
class Response:
    """The answer to a request.

    Attributes:
        status: HTTP status.
        content_type: content type of the body.
        body: unchanged body.
        answered: True if a worker answered, False if the model server reported a failure.
    """

    status: int
    content_type: str
    body: bytes
    answered: bool


class ModelServer:
    """A run of Multi Model Server, from `start` to `stop`.

    Args:
        config: configuration of the whole server.
        directory: directory for configuration and sockets; written to only by `start` and `load`.
    """

    def __init__(self, config: ServingConfig, directory: Path) -> None:
        self.config = config
        self.directory = directory
        self._process: Optional[asyncio.subprocess.Process] = None
        self._inference: Optional[aiohttp.ClientSession] = None
        self._management: Optional[aiohttp.ClientSession] = None
        self._sockets = choose_sockets(directory)

    @property
    def alive(self) -> bool:
        """True while the Java process runs."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        """Id of the Java process and of its process group."""
        if self._process is None:
            raise RuntimeError("the model server was not started")
        return self._process.pid

    def stub(self, name: str) -> Stub:
        """Return the stub directory of a model."""
        return Stub(self.directory / "models" / name)

    async def start(self) -> None:
        """Start Java and wait until it answers.

        Raises:
            ModelServerError: Java ended, or did not answer in time.
        """
        self._remove_leftovers()
        write_configuration(self.config, self.directory, self._sockets)
        self._process = await asyncio.create_subprocess_exec(
            *command(self.config, self.directory),
            env=environment(self.config, self.directory),
            cwd=self.directory,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        self._inference = _session(self._sockets[0])
        self._management = _session(self._sockets[1])
        try:
            await asyncio.wait_for(self._until_up(), START_SECONDS)
        except asyncio.TimeoutError:
            raise ModelServerError(f"Java did not answer within {START_SECONDS:.0f} s") from None

    async def stop(self) -> None:
        """Kill all of its processes. They hold no state that must be saved."""
        for session in (self._inference, self._management):
            if session is not None:
                await session.close()
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        with contextlib.suppress(ProcessLookupError):  # processes forked in the meantime
            os.killpg(self._process.pid, signal.SIGKILL)
        await asyncio.get_running_loop().run_in_executor(None, _reap, self._process.pid)

    async def load(self, name: str, bundle: str, workers: int) -> None:
        """Load a model and start its workers; return when they can answer.

        Raises:
            BundleError: the model cannot be loaded.
            ModelServerError: the model server failed.
        """
        stub = self.stub(name)
        stub.write(self._worker_settings(bundle))
        wanted = {
            "model_name": name,
            "url": name,
            "handler": HANDLER,
            "initial_workers": workers,
            "synchronous": True,
            "batch_size": self.config.batch_size,
            "max_batch_delay": BATCH_DELAY_MS,
            "response_timeout": response_seconds(self.config),
            "preload_model": "false" if _has_gpu() else "true",  # CUDA does not survive a fork
        }
        registering = asyncio.ensure_future(self._manage("POST", "/models", json=wanted))
        watching = asyncio.ensure_future(self._until_loaded(stub))
        try:
            done, _ = await asyncio.wait(
                (registering, watching), timeout=START_SECONDS, return_when=asyncio.FIRST_EXCEPTION
            )
            if watching not in done:  # the worker reports its reason a moment after the failure
                done |= (await asyncio.wait((watching,), timeout=REASON_SECONDS))[0]
            if len(done) < 2 and not any(task.exception() for task in done):
                raise ModelServerError(f"model {name} was not loaded within {START_SECONDS:.0f} s")
            for task in sorted(done, key=lambda task: task is registering):
                task.result()  # the worker's reason is more informative than the model server's
        finally:
            for task in (registering, watching):
                task.cancel()
            await asyncio.gather(registering, watching, return_exceptions=True)

    def _worker_settings(self, bundle: str) -> WorkerSettings:
        config = self.config
        return WorkerSettings(
            bundle=bundle,
            max_pixels=config.max_pixels,
            max_request_bytes=config.max_request_bytes,
            max_answer_bytes=config.max_answer_bytes,
            default_accept=config.default_accept,
            allow_code=config.allow_code,
            allow_s3=config.allow_s3,
            recognizer=config.recognizer,
            engine=config.engine,
        )

    async def unload(self, name: str) -> None:
        """Unload a model and end its workers.

        Raises:
            ModelServerError: the model server failed.
        """
        await self._manage("DELETE", f"/models/{name}")
        shutil.rmtree(self.stub(name).directory, ignore_errors=True)

    async def invoke(
        self, name: str, body: bytes, headers: Mapping[str, str], seconds: float
    ) -> Response:
        """Send a request to a model.

        Raises:
            aiohttp.ClientError, OSError: the connection broke.
            asyncio.TimeoutError: the model did not answer in time.
        """
        if self._inference is None or self._inference.closed:
            raise OSError("the model server is not running")
        async with self._inference.post(
            f"http://localhost/predictions/{name}",
            data=body,
            headers=dict(headers),
            timeout=aiohttp.ClientTimeout(total=max(seconds, 0.001)),
        ) as response:
            return Response(
                response.status,
                response.headers.get("Content-Type", ""),
                await response.read(),
                ANSWERED in response.headers,
            )

    def listener_lives(self, name: str) -> bool:
        """Return whether the process that forks a model's workers is alive.

        The model server never starts another one.
        """
        listener = self.stub(name).listener
        return listener is None or Path(f"/proc/{listener}").exists()

    def work_done(self, name: str) -> int:
        """Return the CPU time used by a model's processes, in clock ticks."""
        listener = self.stub(name).listener
        if listener is None:
            return 0
        children: Dict[int, List[int]] = {}
        ticks: Dict[int, int] = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = path.read_bytes().rpartition(b")")[2].split()  # names may be truncated
                process = int(path.parent.name)
                children.setdefault(int(fields[1]), []).append(process)
                ticks[process] = int(fields[11]) + int(fields[12])
        family = [listener]
        for process in family:  # as it grows
            family += children.get(process, ())
        return sum(ticks.get(process, 0) for process in family)

    async def responds(self) -> bool:
        """Return whether Java answers immediately."""
        try:
            await asyncio.wait_for(self._manage("GET", "/models"), RESPONSE_SECONDS)
        except (ModelServerError, asyncio.TimeoutError):
            return False
        return True

    async def _until_up(self) -> None:
        while self.alive:
            with contextlib.suppress(ModelServerError):
                await self._manage("GET", "/models")
                return
            await asyncio.sleep(_POLL_SECONDS)
        raise ModelServerError("Java ended before it answered")

    async def _until_loaded(self, stub: Stub) -> None:
        while stub.listener is None:
            if stub.error is not None:
                raise BundleError(stub.error)
            if not self.alive:
                raise ModelServerError("Java ended while a model was loaded")
            await asyncio.sleep(_POLL_SECONDS)

    async def _manage(self, method: str, path: str, **arguments: Any) -> None:
        if self._management is None:
            raise ModelServerError("the model server is not running")
        url = f"http://localhost{path}"
        timeout = aiohttp.ClientTimeout(total=START_SECONDS)
        try:
            async with self._management.request(
                method, url, timeout=timeout, **arguments
            ) as response:
                text = await response.text()
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
            raise ModelServerError(f"{method} {path}: {error!r}") from error
        if response.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise ModelServerError(f"{method} {path}: {response.status} {' '.join(text.split())}")

    def _remove_leftovers(self) -> None:
        """Remove the sockets and pipes of an earlier run."""
        for path in self.directory.iterdir():
            if path.is_socket() or path.is_fifo():
                path.unlink()


def _session(path: Path) -> aiohttp.ClientSession:
    # One connection per request, so that a broken connection affects only its own request.
    connector = aiohttp.UnixConnector(str(path), limit=0, force_close=True)
    return aiohttp.ClientSession(connector=connector, auto_decompress=False)


def _has_gpu() -> bool:
    return Path("/dev/nvidiactl").exists()


def _reap(group: int) -> None:
    """Reap processes of a group that this process adopted when their parent died."""
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-group, 0)
