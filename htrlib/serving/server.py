"""The whole server, from the checks before its start to the end of its last process."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import importlib.metadata
import importlib.util
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, Coroutine

from htrlib.bundle import load_bundle
from htrlib.ending_signals import heeded_signals
from htrlib.errors import BundleError, ConfigError
from htrlib.serving.config import ServingConfig
from htrlib.serving.logs import configure_logs, log

_FILES = 8192  # open files, enough for a thousand connections and their requests to workers
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER


def serve(config: ServingConfig) -> int:
    """Serve until SIGTERM, SIGINT or SIGHUP, and return 0.

    Raises:
        ConfigError: Java, a package or the port is not available.
        BundleError: the model cannot be loaded.
        HtrError: the model server cannot be kept alive.
    """
    if importlib.util.find_spec("aiohttp") is None:
        raise ConfigError(
            "serving needs the package aiohttp; install what it needs: pip install 'htrlib[serve]'"
        )
    from htrlib.serving.mms.launching import find_java, model_server_home

    find_java(os.environ)
    model_server_home()
    with contextlib.closing(_bind(config)) as bound:
        if config.models is None:
            config = replace(config, bundle=_prepare_bundle(config))
        elif not config.models.is_dir():
            raise ConfigError(f"{config.models} is not a directory; models are loaded from there")
        configure_logs()
        _allow_many_files()
        # Workers whose parent died become children of this process, which can reap them.
        ctypes.CDLL(None).prctl(_SUBREAPER, 1)
        scratch = tempfile.mkdtemp(prefix="htr-serve-")
        try:
            asyncio.run(_serve(config, bound, Path(scratch)))
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return 0


def _allow_many_files() -> None:
    """Raise the limit on open files: each connection takes one or two."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _serve(config: ServingConfig, bound: socket.socket, scratch: Path) -> None:
    from htrlib.serving.gateway import SINGLE, Gateway
    from htrlib.serving.mms.model_server import Model
    from htrlib.serving.mms.supervisor import Supervisor

    asked_to_end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in heeded_signals():
        loop.add_signal_handler(number, asked_to_end.set)
    supervisor = Supervisor(config, scratch)
    gateway = Gateway(config, supervisor)
    models = [] if config.models is not None else [Model(SINGLE, config.bundle)]
    ending = asyncio.ensure_future(asked_to_end.wait())
    try:
        if not await _unless(ending, supervisor.start(models)):
            return
        await gateway.listen(bound)
        host, port = bound.getsockname()[:2]
        log("listening", host=host, port=port, workers=config.workers, threads=config.threads)
        watching = asyncio.ensure_future(supervisor.run())
        await asyncio.wait((ending, watching), return_when=asyncio.FIRST_COMPLETED)
        if watching.done():
            watching.result()  # raises the reason why the model server cannot be kept alive
        log("draining")
        lost = await gateway.drain()
        log("stopping", lost=lost)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    finally:
        ending.cancel()
        await supervisor.stop()
        await gateway.close()


async def _unless(ending: asyncio.Future[Any], work: Coroutine[Any, Any, None]) -> bool:
    """Do some work unless the server is asked to stop; return whether it was completed."""
    task = asyncio.ensure_future(work)
    await asyncio.wait((ending, task), return_when=asyncio.FIRST_COMPLETED)
    if not task.done():
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return False
    task.result()
    return True


def _bind(config: ServingConfig) -> socket.socket:
    """Bind the port without listening: clients cannot connect before the model is ready."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((config.host, config.port))
    except OSError as error:
        bound.close()
        raise ConfigError(
            f"{config.host}:{config.port} cannot be opened: {error.strerror or error}; choose "
            "another --port, or 0 for a free one"
        ) from error
    return bound


def _prepare_bundle(config: ServingConfig) -> str:
    """Verify the model's files, and install the requirements of its code if allowed.

    Returns:
        The whole path of its directory, since workers run in another folder than this process.
    Raises:
        BundleError: the model is broken, or the requirements of its code cannot be installed.
    """
    bundle = load_bundle(config.bundle)
    wanted = bundle.directory / "code" / "requirements.txt"
    if not (config.allow_code and wanted.is_file()):
        return str(bundle.directory)
    try:
        importlib.metadata.distribution("pip")
    except importlib.metadata.PackageNotFoundError:
        raise BundleError(
            f"{wanted} lists packages, but pip is not available to install them; serve from an "
            "image that contains them, and remove the file from the model"
        ) from None
    arguments = [sys.executable, "-m", "pip", "install", "-r", str(wanted)]
    if subprocess.run(arguments, check=False, stdout=sys.stderr).returncode:
        raise BundleError(f"the packages in {wanted} cannot be installed; see pip's output above")
    return str(bundle.directory)
