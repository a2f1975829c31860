"""What the supervisor does without a model server; with one: test_faults."""

from __future__ import annotations

import asyncio
import tempfile
import time
from http import HTTPStatus
from pathlib import Path
from typing import Awaitable, Callable

import pytest

pytest.importorskip("aiohttp")

from htrlib.serving.config import ServingConfig
from htrlib.serving.model_server import ModelServer
from htrlib.serving.protocol import RefusedError
from htrlib.serving.supervisor import READY, RECOVERING, Model, Supervisor


def supervised(test: Callable[[Supervisor], Awaitable[None]]) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as scratch:  # pytest's own is too long for sockets
            await test(Supervisor(ServingConfig(), Path(scratch)))

    asyncio.run(run())


def test_requests_that_wait_are_refused_at_once_when_the_server_stops() -> None:
    async def test(supervisor: Supervisor) -> None:
        supervisor.state = RECOVERING
        waits = asyncio.ensure_future(supervisor.invoke("model", b"", {}, time.monotonic() + 60.0))
        await asyncio.sleep(0.01)
        await supervisor.stop()
        with pytest.raises(RefusedError) as error:
            await asyncio.wait_for(waits, 5.0)
        assert error.value.status == HTTPStatus.SERVICE_UNAVAILABLE

    supervised(test)


def test_a_model_that_is_gone_keeps_ping_from_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unload(server: ModelServer, name: str) -> None:
        pass

    async def test(supervisor: Supervisor) -> None:
        supervisor.state = READY
        supervisor.models = {"ida": Model("ida", "/models/ida")}
        supervisor._health.tiny_page_failed()
        assert not supervisor.healthy
        await supervisor.unload("ida")
        assert supervisor.healthy

    monkeypatch.setattr(ModelServer, "unload", unload)
    supervised(test)
