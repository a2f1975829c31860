"""A real server on a free port, and a client that returns complete answers."""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence

import pytest

from tests.replies import Reply

WAIT_SECONDS = 120.0  # for anything; it is never waited for so long unless something is broken


def needs() -> None:
    """Skip where Java or a package of the extra `serve` is missing."""
    for package in ("aiohttp", "mms", "sagemaker_inference", "psutil"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"the extra serve is not installed: no {package}")
    if shutil.which("java") is None:
        pytest.skip("Java is not installed")


class Served:
    """`htr serve` with arguments, from its start until its end."""

    def __init__(
        self,
        arguments: Sequence[str] = (),
        environment: Optional[Mapping[str, str]] = None,
        command: Sequence[str] = ("-m", "htrlib", "serve", "--port", "0"),
    ) -> None:
        variables = {name: value for name, value in os.environ.items() if "HTRLIB" not in name}
        variables.setdefault("OMP_NUM_THREADS", "1")
        variables["HTRLIB_RECOVERY_SECONDS"] = "110"  # on a busy machine a start may take a minute
        self.process = subprocess.Popen(
            [sys.executable, *command, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**variables, **(environment or {})},
            cwd=Path(__file__).parents[2],
        )
        self.log: List[Dict[str, Any]] = []
        self.errors: List[str] = []
        self._events: queue.Queue[Dict[str, Any]] = queue.Queue()
        self._readers = [
            threading.Thread(target=self._read_log, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _read_log(self) -> None:
        assert self.process.stdout is not None
        for row in self.process.stdout:
            event = json.loads(row)
            self.log.append(event)
            self._events.put(event)

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        self.errors.extend(self.process.stderr)

    def event(self, name: str) -> Dict[str, Any]:
        """Wait for an event of the log that was not waited for yet."""
        end = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < end:
            with contextlib.suppress(queue.Empty):
                event = self._events.get(timeout=0.1)
                if event["event"] == name:
                    return event
            if self.process.poll() is not None and self._events.empty():
                break
        raise AssertionError(f"no event {name}: {self.log[-5:]} {self.errors[-20:]}")

    def listening(self) -> Served:
        self.port = int(self.event("listening")["port"])
        return self

    def ask(
        self,
        method: str = "GET",
        path: str = "/ping",
        body: Optional[bytes] = None,
        headers: Optional[Mapping[str, str]] = None,
        **more: str,
    ) -> Reply:
        named = {name.replace("_", "-"): value for name, value in more.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_SECONDS)
        with contextlib.closing(connection):
            connection.request(method, path, body, {**(headers or {}), **named})
            answer = connection.getresponse()
            return Reply(answer.status, dict(answer.getheaders()), answer.read())

    def invoke(self, body: bytes, kind: str = "image/png", **headers: str) -> Reply:
        return self.ask("POST", "/invocations", body, {"Content-Type": kind}, **headers)

    def family(self) -> Dict[str, List[int]]:
        """The ids of Java, the listeners and the workers."""
        import psutil

        found: Dict[str, List[int]] = {"java": [], "listener": [], "worker": []}
        with contextlib.suppress(psutil.NoSuchProcess):
            for java in psutil.Process(self.process.pid).children():
                if "java" in java.name():
                    found["java"].append(java.pid)
                    for listener in java.children():
                        found["listener"].append(listener.pid)
                        found["worker"].extend(sorted(child.pid for child in listener.children()))
        return found

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and return the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        status = self.process.wait(WAIT_SECONDS)
        for reader in self._readers:
            reader.join(WAIT_SECONDS)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        return status


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < end, f"it never happened: {what}"
        time.sleep(0.02)


@contextlib.contextmanager
def serving(
    arguments: Sequence[str] = (), environment: Optional[Mapping[str, str]] = None
) -> Iterator[Served]:
    """A server that listens, and is ended afterwards."""
    needs()
    server = Served(arguments, environment)
    try:
        yield server.listening()
    finally:
        server.end()
