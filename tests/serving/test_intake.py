"""Which requests are accepted or refused before a worker sees them."""

from __future__ import annotations

import asyncio
import time
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any, AsyncIterator, List

import pytest

pytest.importorskip("aiohttp")

from multidict import CIMultiDict

from htrlib.serving import intake
from htrlib.serving.config import ServingConfig
from htrlib.serving.intake import Intake
from htrlib.serving.protocol import RefusedError


class SlowContent:
    """A body whose end the test controls."""

    def __init__(self, start: bytes, release: asyncio.Event) -> None:
        self._start, self._release = start, release

    async def iter_any(self) -> AsyncIterator[bytes]:
        if self._start:
            yield self._start
        await self._release.wait()


def slow_request(release: asyncio.Event, start: bytes = b"a") -> Any:
    """A request whose end the test controls."""
    return SimpleNamespace(
        headers={"Content-Type": "image/png"},
        content_length=None,
        content=SlowContent(start, release),
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


def test_a_body_that_took_all_the_time_of_its_request_is_not_read() -> None:
    async def answer() -> None:
        taken, release = Intake(ServingConfig(), SimpleNamespace()), asyncio.Event()
        request = slow_request(release)
        request.headers = CIMultiDict(request.headers)
        request.query = {}
        release.set()
        await taken.answer(request, "model", time.monotonic() - 60.0)

    with pytest.raises(RefusedError, match="took all of the 60 s") as late:
        asyncio.run(answer())
    assert late.value.status == HTTPStatus.REQUEST_TIMEOUT


@pytest.mark.parametrize("slow", [False, True])
def test_bodies_that_take_long_to_arrive_make_room_for_others(
    monkeypatch: pytest.MonkeyPatch, slow: bool
) -> None:
    monkeypatch.setattr(intake, "_SLOW_SECONDS", 0.0 if slow else 60.0)
    config = ServingConfig(max_request_bytes=100)
    count = config.queue_bytes // config.max_request_bytes

    async def receive() -> List[Any]:
        taken = Intake(config, SimpleNamespace())
        releases = [asyncio.Event() for _ in range(count + 1)]
        arriving = [
            asyncio.ensure_future(
                taken._receive(slow_request(release, b"b" * 100), intake._Hold(taken))
            )
            for release in releases
        ]
        await asyncio.sleep(0.01)
        for release in releases:
            release.set()
        return await asyncio.gather(*arriving, return_exceptions=True)

    results = asyncio.run(receive())
    refused = results.pop(0 if slow else -1)
    assert results == [b"b" * 100] * count
    assert isinstance(refused, RefusedError)
    assert refused.status == HTTPStatus.SERVICE_UNAVAILABLE


def test_a_body_that_holds_nothing_need_not_give_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "_SLOW_SECONDS", 0.0)
    config = ServingConfig(max_request_bytes=100)

    async def receive() -> List[Any]:
        taken, release = Intake(config, SimpleNamespace()), asyncio.Event()
        waiting = intake._Hold(taken)
        waiting.take(config.queue_bytes - 1)  # of bodies that are there whole
        arriving = [
            asyncio.ensure_future(taken._receive(slow_request(release, start), intake._Hold(taken)))
            for start in (b"", b"a", b"bb")
        ]
        await asyncio.sleep(0.01)
        release.set()
        return await asyncio.gather(*arriving, return_exceptions=True)

    empty, small, refused = asyncio.run(receive())
    assert "empty" in empty.message
    assert small == b"a"
    assert refused.status == HTTPStatus.SERVICE_UNAVAILABLE
