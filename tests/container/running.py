"""Runs the image and asks what it serves: `container/test.sh` says which image, and run by what.

`HTRLIB_IMAGE` names it, `HTRLIB_CONTAINER_ENGINE` is the command that runs images.
"""

from __future__ import annotations

import itertools
import os
import shlex
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import List, Sequence, Tuple

IMAGE = os.environ.get("HTRLIB_IMAGE", "")
ENGINE = shlex.split(os.environ.get("HTRLIB_CONTAINER_ENGINE", "docker"))
OPTIONS = shlex.split(os.environ.get("HTRLIB_RUN_OPTIONS", ""))
TRAINS = bool(IMAGE) and not IMAGE.endswith(":serve")
NO_IMAGE = "HTRLIB_IMAGE names no image that can do this: container/test.sh"

# Nothing but a directory for temporary files can be written, and no right goes beyond a user's.
LOCKED = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL")


class Container:
    """A run of the image; its log goes to a file."""

    def __init__(self, arguments: Sequence[str], options: Sequence[str], log: Path) -> None:
        self.log = log
        self.begun = time.monotonic()
        command = [*ENGINE, "run", "--rm", *OPTIONS, *options, IMAGE, *arguments]
        with log.open("wb") as file:
            self.process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)

    def end(self) -> int:
        """Send SIGTERM, as `docker stop` does, and give the exit status."""
        self.process.terminate()
        return self.process.wait()

    def wait(self) -> Tuple[int, str]:
        """The exit status, and the log."""
        return self.process.wait(), self.log.read_text(errors="replace")


class Run:
    """Starts containers of a test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()
        self.containers: List[Container] = []

    def __call__(self, *arguments: str, options: Sequence[str] = ()) -> Container:
        container = Container(arguments, options, self._folder / f"{next(self._numbers)}.log")
        self.containers.append(container)
        return container

    def serve(self, *options: str) -> Tuple[Container, str]:
        """A server that answers, and its address."""
        port = free_port()
        own = ("--network", "host", "--env", f"SAGEMAKER_BIND_TO_PORT={port}")
        container = self("serve", options=(*own, *options))
        address = f"http://127.0.0.1:{port}"
        wait_for_answer(container, f"{address}/ping")
        return container, address

    def review(self, folder: Path, token: str, *options: str) -> Tuple[Container, str]:
        """Review a local folder; yields the address."""
        port = free_port()
        own = ("--network", "host", *mount(folder, "/scans"))
        arguments = ("review", "/scans", "--port", str(port), "--token", token)
        container = self(*arguments, options=(*own, *options))
        address = f"http://127.0.0.1:{port}"
        wait_for_answer(container, f"{address}/?token={token}")
        return container, address


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_answer(container: Container, url: str) -> None:
    while ask(url)[0] != 200:
        log = container.log.read_text(errors="replace")
        assert container.process.poll() is None, log
        assert time.monotonic() - container.begun < 240, f"not up in four minutes: {log}"
        time.sleep(0.05)


def mount(source: Path, target: str) -> Tuple[str, str]:
    return ("--volume", f"{source}:{target}")


def ask(url: str, body: bytes = b"", **headers: str) -> Tuple[int, str]:
    """Return the status, 0 if nothing listens, and the answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, data=body or None, headers=named)
    try:
        with urllib.request.urlopen(request, timeout=120) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""
