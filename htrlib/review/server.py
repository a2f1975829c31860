"""Run the server of `htr review`."""

from __future__ import annotations

import errno
import os
import secrets
import socket
import webbrowser
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Callable, Optional

from aiohttp import web

from htrlib.bundle import load_bundle
from htrlib.errors import ConfigError
from htrlib.review.access import Access, is_loopback
from htrlib.review.folder import ReviewFolder
from htrlib.review.readers import Readers
from htrlib.review.routes import application
from htrlib.review.service import ReviewService
from htrlib.review.trainings import chosen_bundle

_EVERYWHERE = ("0.0.0.0", "::")  # the addresses of all networks that the computer is in
_LAST_PORT = 65535
_THREADS = 8  # requests that are worked on at once
_MOST_JOBS = 4  # pages that are read at once, where no number is asked for
_SHUTDOWN_SECONDS = 5.0  # for requests that are being answered when the server ends


@dataclass(frozen=True)
class ReviewConfig:
    """What is reviewed, and where the server listens.

    Attributes:
        folder: of pictures and PDFs.
        output: folder of the XML files; None puts them beside the pictures.
        host: address to listen at.
        port: 0 takes a free one.
        base_path: of the address, behind a proxy.
        token: that requests bring; None makes one up where the server can be reached by others.
        bundle: name or path; None is the one that people trained on the folder and chose to use,
            or the default one.
        jobs: pages that are read at once; None is one a core, less one for the server.
        browser: open the address in a browser.
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
    """Serve until SIGTERM or Control-C.

    Args:
        tell: is given the address.
    Raises:
        ConfigError: there is no such folder, the output cannot be written, or the address cannot
            be listened at.
        BundleError: there is no such bundle.
    """
    base_path = f"/{config.base_path.strip('/')}/".replace("//", "/")
    people = not is_loopback(config.host)
    token = config.token
    if token is None and (people or base_path != "/"):
        token = secrets.token_urlsafe(24)
    folder = ReviewFolder(config.folder, config.output)
    chosen = None if config.bundle else chosen_bundle(folder)
    bundle = chosen or str(load_bundle(config.bundle).directory)
    listening = _listening(config.host, config.port)
    new_readers = partial(Readers, jobs=config.jobs or _usual_jobs())
    service = ReviewService(
        folder, new_readers(bundle), new_readers, people=people, token=token is not None
    )
    app = application(service, Access(token), ThreadPoolExecutor(_THREADS), base_path)
    address = _address(config.host, listening.getsockname()[1], base_path, token)

    async def started(_: web.Application) -> None:
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


def _listening(host: str, port: int) -> socket.socket:
    if not 0 <= port <= _LAST_PORT:
        raise ConfigError(f"a port is 0 to {_LAST_PORT}, found {port}; name another with --port")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        advice = "name another with --host"
        if error.errno == errno.EADDRINUSE:
            advice = "another program has the port; name another with --port"
        raise ConfigError(f"cannot listen at {host}, port {port} ({error}); {advice}") from error


def _address(host: str, port: int, base_path: str, token: Optional[str]) -> str:
    """What to open in a browser on this computer."""
    shown = "localhost" if host in _EVERYWHERE else host
    shown = f"[{shown}]" if ":" in shown else shown
    query = "" if token is None else f"?token={token}"
    return f"http://{shown}:{port}{base_path}{query}"


def _usual_jobs() -> int:
    return max(1, min((os.cpu_count() or 1) - 1, _MOST_JOBS))
