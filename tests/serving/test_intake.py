"""What is taken in, and what is refused, before any worker sees it."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any, AsyncIterator, List

import pytest

pytest.importorskip("aiohttp")

from htrlib.serving import intake
from htrlib.serving.config import ServingConfig
from htrlib.serving.intake import Intake
from htrlib.serving.protocol import RefusedError


def slow_request(release: asyncio.Event) -> Any:
    """A request whose body ends when it is told to."""

    async def chunks() -> AsyncIterator[bytes]:
        yield b"a"
        await release.wait()

    return SimpleNamespace(
        headers={"Content-Type": "image/png"},
        content_length=None,
        content=SimpleNamespace(iter_any=chunks),
    )


def test_bodies_that_arrive_have_a_limit_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "_MOST_SENDING", 3)

    async def receive() -> List[Any]:
        taken, release = Intake(ServingConfig(queue_length=1), SimpleNamespace()), asyncio.Event()
        arriving = [
            asyncio.ensure_future(taken._receive(slow_request(release), intake._Hold(taken)))
            for _ in range(4)
        ]
        await asyncio.sleep(0.01)
        release.set()
        return await asyncio.gather(*arriving, return_exceptions=True)

    *bodies, refused = asyncio.run(receive())
    assert bodies == [b"a"] * 3
    assert isinstance(refused, RefusedError)
    assert refused.status == HTTPStatus.SERVICE_UNAVAILABLE
