"""The supervisor with a simulated model server; test_faults uses a real one."""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any, Awaitable, Callable, List, Mapping, Set

import pytest

pytest.importorskip("aiohttp")

from htrlib.serving.config import ServingConfig
from htrlib.serving.mms import health
from htrlib.serving.mms import supervisor as supervising
from htrlib.serving.mms.model_server import Model, ModelServer, ModelServerError, Response
from htrlib.serving.mms.supervisor import READY, RECOVERING, Supervisor
from htrlib.serving.protocol import RefusedError

PATIENT = ServingConfig(recovery_seconds=60.0)


def supervised(
    test: Callable[[Supervisor], Awaitable[None]], config: ServingConfig = PATIENT
) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as scratch:  # pytest's own is too long for sockets
            await test(Supervisor(config, Path(scratch)))

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
        supervisor._watch("ida").health.tiny_page_failed()
        assert not supervisor.healthy
        await supervisor.unload("ida")
        assert supervisor.healthy

    monkeypatch.setattr(ModelServer, "unload", unload)
    supervised(test)


class Fake:
    """A simulated model server, controlled by the test."""

    alive = True

    def __init__(self) -> None:
        self.hanging: Set[str] = set()  # models that answer nothing
        self.full: Set[str] = set()  # models that take no further request
        self.refused = 0
        self.work = 0
        self.loads: List[str] = []

    async def start(self) -> None:
        self.hanging.clear()

    async def stop(self) -> None:
        pass

    async def load(self, name: str, bundle: str, workers: int) -> None:
        self.loads.append(name)
        while name in self.hanging:
            await asyncio.sleep(0.01)

    async def unload(self, name: str) -> None:
        pass

    async def invoke(
        self, name: str, body: bytes, headers: Mapping[str, str], seconds: float
    ) -> Response:
        if name in self.full:
            self.refused += 1
            return Response(503, "application/json", b"", False)
        end = time.monotonic() + seconds
        while name in self.hanging:
            await asyncio.sleep(0.01)
            if time.monotonic() > end:
                raise asyncio.TimeoutError
        return Response(200, "text/plain", body, True)

    def listener_lives(self, name: str) -> bool:
        return True

    def work_done(self, name: str) -> int:
        if name not in self.hanging:
            self.work += 1
        return self.work

    async def responds(self) -> bool:
        return not self.hanging


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten all waits to a hundredth."""
    for module in (supervising, health):
        for name in dir(module):
            value = getattr(module, name)
            if name.endswith("_SECONDS") and isinstance(value, float):
                monkeypatch.setattr(module, name, value / 100)


def watched(
    test: Callable[[Supervisor, Fake], Awaitable[None]], config: ServingConfig = PATIENT
) -> None:
    """Run a test while the supervisor of models "one" and "two" watches."""

    async def run(supervisor: Supervisor) -> None:
        fake: Any = Fake()
        supervisor._server = fake
        await supervisor.start([Model("one", "/one"), Model("two", "/two")])
        watching = asyncio.ensure_future(supervisor.run())
        work = asyncio.ensure_future(test(supervisor, fake))
        await asyncio.wait((watching, work), return_when=asyncio.FIRST_COMPLETED, timeout=60)
        for task in (work, watching):
            if task.done():
                task.result()
            task.cancel()
        assert work.done()

    supervised(run, config)


async def busy(supervisor: Supervisor, fake: Fake) -> asyncio.Future[int]:
    """Let a long request have the only worker of the model "one"."""

    def work_done(name: str) -> int:
        fake.work += 1
        return fake.work

    fake.work_done = work_done  # type: ignore[method-assign]
    fake.hanging.add("one")
    reading = asyncio.ensure_future(ask(supervisor, "one"))
    while not supervisor._watch("one").progress.under_way:
        await asyncio.sleep(0.01)
    return reading


async def ask(supervisor: Supervisor, name: str) -> int:
    response = await supervisor.invoke(name, b"page", {}, time.monotonic() + 50.0)
    return response.status


@pytest.mark.usefixtures("quick")
def test_a_model_that_hangs_is_mended_while_another_one_reads() -> None:
    async def test(supervisor: Supervisor, fake: Fake) -> None:
        fake.hanging.add("one")
        waiting = asyncio.ensure_future(ask(supervisor, "one"))
        while not waiting.done():
            assert await ask(supervisor, "two") == 200
            await asyncio.sleep(0.01)
        assert waiting.result() == 200
        assert fake.loads == ["one", "two"] * 2

    watched(test)


@pytest.mark.usefixtures("quick")
def test_a_load_keeps_nobody_from_mending_what_breaks_meanwhile() -> None:
    async def test(supervisor: Supervisor, fake: Fake) -> None:
        fake.hanging |= {"one", "three"}
        loading = asyncio.ensure_future(supervisor.load(Model("three", "/three")))
        assert await ask(supervisor, "one") == 200
        with pytest.raises(ModelServerError, match="while it loaded"):
            await loading
        assert set(supervisor.models) == {"one", "two"}
        await supervisor.load(Model("three", "/three"))
        assert await ask(supervisor, "three") == 200

    watched(test)


@pytest.mark.usefixtures("quick")
def test_loads_that_wait_for_others_do_not_keep_the_server_broken() -> None:
    async def test(supervisor: Supervisor, fake: Fake) -> None:
        fake.hanging |= {"one", "three", "four", "five"}
        loads = [
            asyncio.ensure_future(supervisor.load(Model(name, f"/{name}")))
            for name in ("three", "four", "five")
        ]
        assert await ask(supervisor, "one") == 200
        with pytest.raises(ModelServerError, match="while it loaded"):
            await loads[0]
        await asyncio.gather(*loads[1:])
        assert fake.loads == ["one", "two", "three", "one", "two", "four", "five"]

    watched(test)


@pytest.mark.usefixtures("quick")
def test_a_page_that_waits_for_another_service_is_no_hang() -> None:
    async def test(supervisor: Supervisor, fake: Fake) -> None:
        async def responds() -> bool:
            return True

        fake.responds = responds  # type: ignore[method-assign]
        fake.hanging.add("one")
        waiting = asyncio.ensure_future(ask(supervisor, "one"))
        await asyncio.sleep(20 * supervising.STALLED_SECONDS)
        fake.hanging.clear()
        assert await waiting == 200
        assert fake.loads == ["one", "two"]

    watched(test, replace(PATIENT, allow_code=True))


@pytest.mark.usefixtures("quick")
def test_a_large_body_on_its_way_to_a_worker_is_no_hang() -> None:
    async def test(supervisor: Supervisor, fake: Fake) -> None:
        fake.hanging.add("one")
        body = bytes(int(10 * supervising.TRANSIT_BYTES_PER_SECOND))
        waiting = asyncio.ensure_future(
            supervisor.invoke("one", body, {}, time.monotonic() + 50.0),
        )
        await asyncio.sleep(20 * supervising.STALLED_SECONDS)
        fake.hanging.clear()
        assert (await waiting).status == 200
        assert fake.loads == ["one", "two"]
        assert supervisor._watch("one").progress.bytes_under_way == 0

    watched(test)


@pytest.mark.usefixtures("quick")
def test_requests_behind_a_long_one_are_refused_and_do_not_end_it() -> None:
    async def test(supervisor: Supervisor, fake: Fake) -> None:
        reading = await busy(supervisor, fake)
        for full in ([], ["one"]):
            fake.full = set(full)
            with pytest.raises(RefusedError, match="worker") as refused:
                await supervisor.invoke("one", b"page", {}, time.monotonic() + 0.1)
            assert refused.value.status == HTTPStatus.SERVICE_UNAVAILABLE
            await asyncio.sleep(0.2)
            assert supervisor.healthy
        fake.hanging.clear()
        fake.full.clear()
        assert await reading == 200
        assert fake.loads == ["one", "two"]

    watched(test)


@pytest.mark.usefixtures("quick")
def test_a_model_in_doubt_is_not_probed_while_all_its_workers_are_busy() -> None:
    async def test(supervisor: Supervisor, fake: Fake) -> None:
        supervisor._watch("one").health.request_answered(HTTPStatus.BAD_REQUEST)
        reading = await busy(supervisor, fake)
        await asyncio.sleep(2 * health.PROBE_AFTER_SECONDS)
        supervisor._end_probe()  # one that was sent before
        fake.full = {"one"}
        await asyncio.sleep(40 * health.PROBE_AFTER_SECONDS)
        assert fake.refused == 0
        fake.hanging.clear()
        fake.full.clear()
        assert await reading == 200
        assert fake.loads == ["one", "two"]

    watched(test)


def test_a_probe_that_finds_the_queue_full_tells_nothing() -> None:
    async def test(supervisor: Supervisor, fake: Fake) -> None:
        fake.full = {"one"}
        ticket = supervisor._watch("one").progress.begin(1)
        assert await supervisor._tell_by_tiny_page("one") is None
        supervisor._watch("one").progress.end(ticket)
        assert "503" in str(await supervisor._tell_by_tiny_page("one"))

    watched(test)


def test_a_request_that_came_too_late_says_nothing_about_the_model() -> None:
    async def test(supervisor: Supervisor, fake: Fake) -> None:
        fake.hanging.add("one")
        for seconds, failing in ((0.05, False), (1.1, True)):
            with pytest.raises(RefusedError, match="took longer") as late:
                await supervisor.invoke("one", b"page", {}, time.monotonic() + seconds)
            assert late.value.status == HTTPStatus.GATEWAY_TIMEOUT
            known = supervisor._watch("one").health
            assert (known._failing_since is not None) == failing

    watched(test)


@pytest.mark.usefixtures("quick")
def test_a_model_server_that_does_not_recover_in_time_ends_the_server() -> None:
    async def test(supervisor: Supervisor, fake: Fake) -> None:
        async def start() -> None:
            await asyncio.sleep(60)

        fake.start = start  # type: ignore[method-assign]
        fake.hanging.add("one")
        await ask(supervisor, "one")

    with pytest.raises(ModelServerError, match="does not recover within 1 s"):
        watched(test, replace(PATIENT, recovery_seconds=1.0))
