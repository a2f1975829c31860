"""One run of Multi Model Server: its configuration, its processes, and what is asked of it.

It listens at Unix sockets in a directory of its own, where nobody else reaches it. Linux runs it in
a process group of its own, so that all of it, and nothing else, can be ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import platform
import shutil
import signal
import socket
import sys
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Tuple

import aiohttp

import htrlib
from htrlib.errors import BundleError, ConfigError, HtrError
from htrlib.serving.config import MEGABYTE, ServingConfig
from htrlib.serving.protocol import ANSWERED
from htrlib.serving.stub import Stub, WorkerSettings

HANDLER = "htrlib.serving.handler"
START_SECONDS = 120.0
BATCH_DELAY_MS = 2
_POLL_SECONDS = 0.02
_SURPLUS = MEGABYTE  # of the model server's limits over ours: ours are always met first

# Ends Java if this process dies without a word. Set by the child itself: code between fork and exec
# is not safe in a process that has threads.
_LAUNCH = (
    "import ctypes, os, signal, sys\n"
    "ctypes.CDLL(None).prctl(1, signal.SIGKILL)\n"
    "os.execv(sys.argv[1], sys.argv[1:])\n"
)

_LOGGING = """<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="error">
  <Appenders>
    <Console name="own" target="SYSTEM_ERR"><PatternLayout pattern="model server: %m%n"/></Console>
    <Console name="workers" target="SYSTEM_ERR"><PatternLayout pattern="%m%n"/>
      <RegexFilter regex="(attach|terminate)IOStreams.*" onMatch="DENY" onMismatch="NEUTRAL"/>
    </Console>
  </Appenders>
  <Loggers>
    <Logger name="com.amazonaws.ml.mms.wlm.WorkerLifeCycle" level="warn" additivity="false">
      <AppenderRef ref="workers"/>
    </Logger>
    <Root level="error"><AppenderRef ref="own"/></Root>
  </Loggers>
</Configuration>
"""

# Where a system keeps native libraries for Java, and the one that Unix sockets need
_SYSTEM_LIBRARIES = Path("/usr/lib/jni")
_EPOLL = f"libnetty_transport_native_epoll_{platform.machine().replace('aarch64', 'aarch_64')}.so"

# Variables that the model server or Java would heed before its configuration
_NOT_PASSED_ON = ("MMS_", "MODEL_SERVER_HOME", "LOG_LOCATION", "METRICS_LOCATION", "TEMP")


class ModelServerError(HtrError):
    """The model server is broken, or cannot do what was asked of it."""


@dataclass(frozen=True)
class Response:
    """What came back for a request.

    Attributes:
        status: of HTTP.
        content_type: of the body.
        body: as it came.
        answered: a worker answered; otherwise the model server did, of a failure.
    """

    status: int
    content_type: str
    body: bytes
    answered: bool


def find_java(environment: Mapping[str, str]) -> str:
    """The `java` of JAVA_HOME or of the path.

    Raises:
        ConfigError: there is none.
    """
    home = environment.get("JAVA_HOME")
    found = shutil.which(str(Path(home, "bin", "java"))) if home else None
    found = found or shutil.which("java", path=environment.get("PATH"))
    if found is None:
        raise ConfigError(
            "serving needs Java, and there is no `java` on the path nor in JAVA_HOME; install it, "
            "on Debian with: apt-get install default-jre-headless"
        )
    return found


def model_server_home() -> Path:
    """The directory that holds the package of Multi Model Server.

    Raises:
        ConfigError: it is not installed, or sagemaker-inference is not.
    """
    for name in ("mms", "sagemaker_inference"):
        if importlib.util.find_spec(name) is None:
            raise ConfigError(
                f"serving needs the package {name}; install what it needs: pip install "
                "'htrlib[serve]'"
            )
    spec = importlib.util.find_spec("mms")
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]).parent


class ModelServer:
    """A run of Multi Model Server, from `start` to `stop`.

    Args:
        config: of the whole server.
        directory: for its configuration and sockets; written to at `start` and `load` alone.
    """

    def __init__(self, config: ServingConfig, directory: Path) -> None:
        self.config = config
        self.directory = directory
        self.java = find_java(os.environ)
        self.home = model_server_home()
        self._process: Optional[asyncio.subprocess.Process] = None
        self._inference: Optional[aiohttp.ClientSession] = None
        self._management: Optional[aiohttp.ClientSession] = None
        self._addresses = _addresses(directory)

    @property
    def alive(self) -> bool:
        """Whether the Java process runs."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        """The id of the Java process, and of its group."""
        if self._process is None:
            raise RuntimeError("the model server was not started")
        return self._process.pid

    def stub(self, name: str) -> Stub:
        """The stand-in of a model."""
        return Stub(self.directory / "models" / name)

    async def start(self) -> None:
        """Start Java and wait until it answers.

        Raises:
            ModelServerError: it ended, or did not answer in time.
        """
        self._remove_leftovers()
        self._write_configuration()
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-c", _LAUNCH, *self._command()),
            env=self._environment(),
            cwd=self.directory,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        self._inference = _session(self._addresses[0])
        self._management = _session(self._addresses[1])
        try:
            await asyncio.wait_for(self._until_up(), START_SECONDS)
        except asyncio.TimeoutError:
            raise ModelServerError(f"Java did not answer within {START_SECONDS:.0f} s") from None

    async def stop(self) -> None:
        """End all of its processes. They hold nothing that would have to be saved."""
        for session in (self._inference, self._management):
            if session is not None:
                await session.close()
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        with contextlib.suppress(ProcessLookupError):  # whoever was forked meanwhile
            os.killpg(self._process.pid, signal.SIGKILL)
        await asyncio.get_running_loop().run_in_executor(None, _reap, self._process.pid)

    async def load(self, name: str, bundle: str, workers: int) -> None:
        """Load a model and start its workers; return when they can answer.

        Raises:
            BundleError: it cannot be loaded.
            ModelServerError: the model server failed.
        """
        config = self.config
        stub = self.stub(name)
        stub.write(
            WorkerSettings(
                bundle=bundle,
                max_pixels=config.max_pixels,
                max_request_bytes=config.max_request_bytes,
                max_answer_bytes=config.max_answer_bytes,
                default_accept=config.default_accept,
                allow_code=config.allow_code,
                allow_s3=config.allow_s3,
            )
        )
        wanted = {
            "model_name": name,
            "url": name,
            "handler": HANDLER,
            "initial_workers": workers,
            "synchronous": True,
            "batch_size": config.batch_size,
            "max_batch_delay": BATCH_DELAY_MS,
            "response_timeout": self._response_seconds,
            "preload_model": "false" if _has_gpu() else "true",  # CUDA does not survive a fork
        }
        registering = asyncio.ensure_future(self._manage("POST", "/models", json=wanted))
        watching = asyncio.ensure_future(self._until_loaded(stub))
        try:
            done, _ = await asyncio.wait(
                (registering, watching), timeout=START_SECONDS, return_when=asyncio.FIRST_EXCEPTION
            )
            if len(done) < 2 and not any(task.exception() for task in done):
                raise ModelServerError(f"model {name} was not loaded within {START_SECONDS:.0f} s")
            for task in sorted(done, key=lambda task: task is registering):
                task.result()  # what the worker says tells more than what the model server does
        finally:
            for task in (registering, watching):
                task.cancel()
            await asyncio.gather(registering, watching, return_exceptions=True)

    async def unload(self, name: str) -> None:
        """End a model's workers and forget it.

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
            asyncio.TimeoutError: there was no answer in time.
        """
        if self._inference is None:
            raise OSError("the model server is not running")
        async with self._inference.post(
            f"{self._addresses[0].url}/predictions/{name}",
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
        """Whether the process that forks a model's workers is there; the model server never
        starts another one."""
        listener = self.stub(name).listener
        return listener is None or Path(f"/proc/{listener}").exists()

    def work_done(self) -> int:
        """CPU time that all processes but Java have taken, in clock ticks."""
        return sum(entry[1] for entry in self._processes() if entry[0] != self.pid)

    def _processes(self) -> List[Tuple[int, int]]:
        """The process id and CPU time of each process of the group."""
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = path.read_text().rpartition(")")[2].split()
                if int(fields[2]) == self.pid:
                    found.append((int(path.parent.name), int(fields[11]) + int(fields[12])))
        return found

    @property
    def _response_seconds(self) -> int:
        """So late that the gateway and the worker itself have always ended the request before."""
        return int(self.config.request_seconds) + 30

    async def _until_up(self) -> None:
        while self.alive:
            with contextlib.suppress(aiohttp.ClientError, OSError, ModelServerError):
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
            raise OSError("the model server is not running")
        url = f"{self._addresses[1].url}{path}"
        timeout = aiohttp.ClientTimeout(total=START_SECONDS)
        async with self._management.request(method, url, timeout=timeout, **arguments) as response:
            text = await response.text()
        if response.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise ModelServerError(f"{method} {path}: {response.status} {' '.join(text.split())}")

    def _command(self) -> List[str]:
        # A request is held a few times on its way: as it comes, whole, and as the worker gets it.
        slots = self.config.workers * self.config.batch_size + 1
        heap = 96 + 4 * slots * self.config.max_request_bytes // MEGABYTE
        return [
            self.java,
            f"-Xmx{heap}m",
            *("-Xms16m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"),
            *("-XX:MinHeapFreeRatio=10", "-XX:MaxHeapFreeRatio=30"),
            "-XX:+ExitOnOutOfMemoryError",  # what is left of it after that cannot be trusted
            "-Dio.netty.allocator.type=unpooled",
            "-Dio.netty.noPreferDirect=true",
            f"-Djava.io.tmpdir={self.directory}",
            f"-Dmodel_server_home={self.home}",
            f"-Dlog4j.configurationFile=file://{self.directory / 'log4j2.xml'}",
            *("-cp", str(self.home / "mms" / "frontend" / "*")),
            "com.amazonaws.ml.mms.ModelServer",
            *("--python", sys.executable),
            *("-f", str(self.directory / "config.properties")),
        ]

    def _environment(self) -> Dict[str, str]:
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(_NOT_PASSED_ON[0]) and name not in _NOT_PASSED_ON
        }
        environment["OMP_NUM_THREADS"] = str(self.config.threads)
        environment["LOG_LOCATION"] = environment["METRICS_LOCATION"] = str(self.directory)
        environment["TMPDIR"] = str(self.directory)
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        package = Path(htrlib.__file__).resolve().parent.parent
        if package.name not in ("site-packages", "dist-packages"):
            there = environment.get("PYTHONPATH")
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(package), there)))
        return environment

    def _write_configuration(self) -> None:
        config = self.config
        settings = {
            "inference_address": self._addresses[0].binding,
            "management_address": self._addresses[1].binding,
            "use_native_io": str(self._addresses[0].path is not None).lower(),
            "model_store": self.directory / "models",
            "decode_input_request": "false",
            "max_request_size": config.max_request_bytes + _SURPLUS,
            "max_response_size": config.max_answer_bytes + _SURPLUS,
            "default_response_timeout_seconds": self._response_seconds,
            "unregister_model_timeout": 10,
            "job_queue_size": 2 * config.workers * config.batch_size + 8,
            "number_of_netty_threads": 1,
            "netty_client_threads": 1,
            "metric_time_interval": 10**9,  # seconds: its metrics go to a log that nobody reads
        }
        (self.directory / "models").mkdir(exist_ok=True)
        rows = "".join(f"{name}={value}\n" for name, value in settings.items())
        _write_new(self.directory / "config.properties", rows)
        _write_new(self.directory / "log4j2.xml", _LOGGING)

    def _remove_leftovers(self) -> None:
        """What a run that was ended leaves behind: sockets and pipes."""
        for path in self.directory.iterdir():
            if path.is_socket() or path.is_fifo():
                path.unlink()


@dataclass(frozen=True)
class _Address:
    """Where the model server listens: a Unix socket, or else a port of the loopback device."""

    path: Optional[Path]
    port: int = 0

    @property
    def binding(self) -> str:
        return f"http://127.0.0.1:{self.port}" if self.path is None else f"unix:{self.path}"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}" if self.path is None else "http://localhost"


def _addresses(directory: Path) -> Tuple[_Address, _Address]:
    """For inference and for management.

    Raises:
        ConfigError: the directory's path is too long for sockets in it.
    """
    if not _can_use_sockets(directory):
        with socket.socket() as first, socket.socket() as second:
            for each in (first, second):
                each.bind(("127.0.0.1", 0))
            ports = first.getsockname()[1], second.getsockname()[1]
        return _Address(None, ports[0]), _Address(None, ports[1])
    paths = directory / "inference", directory / "management"
    if len(os.fsencode(paths[1])) > 100:
        raise ConfigError(
            f"{directory} is too long a path for Unix sockets; set TMPDIR to a shorter one"
        )
    return _Address(paths[0]), _Address(paths[1])


def _can_use_sockets(directory: Path) -> bool:
    """Whether Java can load the library for them: it unpacks it into the directory."""
    if (_SYSTEM_LIBRARIES / _EPOLL).is_file():
        return True
    return not os.statvfs(directory).f_flag & os.ST_NOEXEC


def _session(address: _Address) -> aiohttp.ClientSession:
    connector: aiohttp.BaseConnector
    if address.path is None:
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
    else:
        connector = aiohttp.UnixConnector(str(address.path), limit=0, force_close=True)
    return aiohttp.ClientSession(connector=connector, auto_decompress=False)


def _write_new(path: Path, content: str) -> None:
    """Write a file unless it says that already: a restart must not need space."""
    if not path.is_file() or path.read_text(encoding="utf-8") != content:
        path.write_text(content, encoding="utf-8")


def _has_gpu() -> bool:
    return Path("/dev/nvidiactl").exists()


def _reap(group: int) -> None:
    """Wait for those of a group that were handed to this process when their parent died."""
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-group, 0)
