"""Run the server of `htr review`."""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import signal
import socket
import webbrowser
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Callable, Optional
from urllib.parse import quote

from aiohttp import web

from htrlib.bundle import load_bundle
from htrlib.ending_signals import heeded_signals
from htrlib.errors import BundleError, ConfigError
from htrlib.review.access import Access, is_loopback
from htrlib.review.folder import ReviewFolder
from htrlib.review.readers import Readers
from htrlib.review.routes import application
from htrlib.review.service import ReviewService
from htrlib.review.trainings import chosen_bundle

_EVERYWHERE = ("0.0.0.0", "::")  # addresses that mean all network interfaces
_LAST_PORT = 65535
_THREADS = 8  # number of requests processed at once
_MOST_JOBS = 4  # default maximum of pages read at once
_SHUTDOWN_SECONDS = 5.0  # seconds for pending requests when the server ends


@dataclass(frozen=True)
class ReviewConfig:
    """Configuration of the server.

    Attributes:
        folder: folder of pictures and PDFs.
        output: folder of the XML files; None puts them next to the pictures.
        host: address to listen at.
        port: port; 0 takes a free one.
        base_path: path prefix behind a proxy.
        token: access token; None creates one if other computers can reach the server.
        bundle: name or path; None means the bundle trained on the folder and chosen in the browser,
            or else the default one.
        jobs: number of pages read at once; None means one per core, minus one for the server, at
            most 4.
        browser: whether to open the address in a browser.
    """

    folder: Path
    output: Optional[Path] = None
    host: str = "127.0.0.1"
    port: int = 8080
    base_path: str = "/"
    token: Optional[str] = None
    bundle: Optional[str] = None
    jobs: Optional[int] = None
    browser: bool = True


def serve(config: ReviewConfig, tell: Callable[[str], None]) -> None:
    """Serve until SIGTERM, SIGHUP or Control-C.

    Args:
        tell: called with the address.
    Raises:
        ConfigError: the folder does not exist, the output cannot be written, the token is empty, or
            the server cannot listen at the address.
        BundleError: the bundle does not exist.
    """
    base_path = f"/{config.base_path.strip('/')}/".replace("//", "/")
    people = not is_loopback(config.host)
    token = config.token
    if token is not None and not token.strip():
        raise ConfigError("--token is empty; give one, or leave the option out to have one made")
    if token is None and (people or base_path != "/"):
        token = secrets.token_urlsafe(24)
    folder = ReviewFolder(config.folder, config.output)
    bundle = _bundle(config, folder, tell)
    listening = _listening(config.host, config.port)
    new_readers = partial(Readers, jobs=config.jobs or _usual_jobs())
    service = ReviewService(
        folder, new_readers(bundle), new_readers, people=people, token=token is not None
    )
    app = application(service, Access(token), ThreadPoolExecutor(_THREADS), base_path)
    address = _address(config.host, listening.getsockname()[1], base_path, token)

    async def started(_: web.Application) -> None:
        _end_after_hangup()
        service.start()
        tell(f"{len(service.index.names())} pages: {address}")
        if config.host in _EVERYWHERE:
            tell(f"from other computers, {socket.gethostname()} takes the place of localhost")
        if config.browser:
            webbrowser.open(address)

    async def ending(_: web.Application) -> None:
        service.end()

    app.on_startup.append(started)
    app.on_shutdown.append(ending)
    web.run_app(
        app, sock=listening, print=None, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS
    )


def _bundle(config: ReviewConfig, folder: ReviewFolder, tell: Callable[[str], None]) -> str:
    """Return the directory of the bundle to read with. Raises like `serve`."""
    try:
        chosen = None if config.bundle else chosen_bundle(folder)
    except BundleError as error:
        chosen = None
        tell(f"the bundle chosen for this folder is not used, but the default one: {error}")
    return chosen or str(load_bundle(config.bundle).directory)


def _end_after_hangup() -> None:
    """End as after SIGTERM when the terminal is closed, unless started by nohup."""
    hangup = getattr(signal, "SIGHUP", None)  # Windows has none
    if hangup in heeded_signals():
        end = partial(signal.raise_signal, signal.SIGTERM)
        asyncio.get_running_loop().add_signal_handler(hangup, end)


def _listening(host: str, port: int) -> socket.socket:
    if not 0 <= port <= _LAST_PORT:
        raise ConfigError(f"--port must be from 0 to {_LAST_PORT}, found {port}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        advice = "name another with --host"
        if error.errno == errno.EADDRINUSE:
            advice = "another program has the port; name another with --port"
        raise ConfigError(f"cannot listen at {host}, port {port} ({error}); {advice}") from error


def _address(host: str, port: int, base_path: str, token: Optional[str]) -> str:
    """Return the address to open in a browser on this computer."""
    shown = "localhost" if host in _EVERYWHERE else host
    shown = f"[{shown}]" if ":" in shown else shown
    query = "" if token is None else f"?token={quote(token, safe='')}"
    return f"http://{shown}:{port}{base_path}{query}"


def _usual_jobs() -> int:
    return max(1, min((os.cpu_count() or 1) - 1, _MOST_JOBS))
