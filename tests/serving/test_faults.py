"""The server recovers from failures, and loses no accepted request.

The workers run a model's own code here, so that a request takes as long as a test wants.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Iterator, List

import pytest

from tests.replies import Reply
from tests.serving.running import Served, needs, serving, until

pytestmark = pytest.mark.slow

SLEEP = b"sleep 1.5"


# On a busy machine a start may take a minute.
CODE = {
    "HTRLIB_ALLOW_CODE": "1",
    "HTRLIB_QUEUE_LENGTH": "4",
    "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS": "110",
}

ROOM = 7  # two requests are read, one waits before the workers, four in the queue


@pytest.fixture(scope="module")
def told(obedient: Path) -> Iterator[Served]:
    """A server whose two workers do what a request asks, shared by these tests."""
    with serving(["--bundle", str(obedient), "--workers", "2"], CODE) as server:
        yield server


@pytest.fixture
def own(obedient: Path, tmp_path: Path) -> Path:
    """The bundle that does as it is told, for one server alone."""
    return Path(shutil.copytree(obedient, tmp_path / "own"))


@pytest.fixture
def doomed(own: Path) -> Iterator[Served]:
    """One that a test may end, with a temporary directory that is removed for it."""
    with tempfile.TemporaryDirectory() as scratch:  # pytest's own is too long a path for sockets
        arguments = ["--bundle", str(own), "--workers", "2"]
        with serving(arguments, {**CODE, "TMPDIR": scratch}) as server:
            yield server


def statuses(replies: List[Reply]) -> List[int]:
    return [reply.status for reply in replies]


def all_processes(server: Served) -> List[int]:
    return [process for kind in server.family().values() for process in kind]


def living(processes: List[int]) -> List[int]:
    return [process for process in processes if Path(f"/proc/{process}").exists()]


@pytest.mark.parametrize("kind", ["worker", "listener", "java"])
def test_a_process_that_is_killed_costs_no_request(told: Served, kind: str) -> None:
    before = told.family()
    victim = before[kind][0]
    with ThreadPoolExecutor(4) as pool:
        replies = [pool.submit(told.invoke, SLEEP) for _ in range(4)]
        time.sleep(0.5)
        os.kill(victim, signal.SIGKILL)
        if kind != "worker":
            until(lambda: told.ask().status == 503, "ping tells")
        assert statuses([reply.result() for reply in replies]) == [200] * 4
    assert told.ask().status == 200
    until(
        lambda: len(told.family()["worker"]) == 2 and victim not in told.family()[kind],
        "all processes are there again",
    )
    after = told.family()
    if kind == "worker":
        assert (after["java"], after["listener"]) == (before["java"], before["listener"])


def test_a_java_process_that_hangs_is_replaced(told: Served) -> None:
    java = told.family()["java"]
    os.kill(java[0], signal.SIGSTOP)
    until(lambda: told.ask().status == 503, "nobody asks, and it is noticed")
    assert told.invoke(b"hello").status == 200
    assert told.family()["java"] != java


def test_a_request_that_kills_workers_is_read_twice_and_hurts_nobody_else(told: Served) -> None:
    with ThreadPoolExecutor(3) as pool:
        good = [pool.submit(told.invoke, SLEEP) for _ in range(2)]
        time.sleep(0.3)
        bad = told.invoke(b"die")
        assert statuses([reply.result() for reply in good]) == [200, 200]
    assert bad.status == 500
    assert set(bad.json) == {"code", "type", "message"}
    assert told.invoke(b"hello").status == 200
    assert told.ask().status == 200


def test_workers_that_fail_every_request_are_replaced_and_ping_tells(
    doomed: Served, own: Path
) -> None:
    loading = own / "code" / "loading"
    loading.touch()  # or new workers might read their first page before the fault is removed
    assert doomed.invoke(b"break").status == 500
    assert doomed.invoke(b"hello").status == 500
    # No request from here on: it would wait until the restart is over, and that for the fault.
    start = time.monotonic()
    while doomed.ask().status == 200:
        assert time.monotonic() - start < 10
    restart = doomed.event("restart")
    (own / "code" / "broken").unlink()
    loading.unlink()
    assert "tiny page" in restart["reason"]
    assert doomed.invoke(b"hello").status == 200
    until(lambda: doomed.ask().status == 200, "ping is 200 again")


def test_ping_tells_of_requests_that_fail_where_tiny_pages_are_read(told: Served) -> None:
    java = told.family()["java"]
    until(
        lambda: told.invoke(b"fail").status == 500 and told.ask().status == 503,
        "ping tells of what fails all the time",
    )
    until(lambda: told.ask().status == 200, "nobody asks for what fails any more")
    assert told.family()["java"] == java
    assert told.invoke(b"fail").status == 500
    assert told.invoke(b"hello").status == 200
    assert told.ask().status == 200


def test_a_request_that_takes_too_long_ends_with_its_worker(obedient: Path) -> None:
    environment = {"HTRLIB_ALLOW_CODE": "1", "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS": "2"}
    with serving(["--bundle", str(obedient), "--workers", "1"], environment) as server:
        worker = server.family()["worker"][0]
        assert server.invoke(b"sleep 600").status == 504

        def replaced() -> bool:
            # On a busy machine it may get a request when it is too late already, and live.
            server.invoke(b"sleep 600")
            return server.family()["worker"] not in ([], [worker])

        until(replaced, "the worker is replaced")
        until(lambda: server.invoke(b"hello").status == 200, "the new one reads")


def hold_all(server: Served, pool: ThreadPoolExecutor) -> List[Future[Reply]]:
    """Requests that occupy all workers and the queue until released."""
    held = [pool.submit(server.invoke, b"hold") for _ in range(ROOM + 1)]
    done, rest = wait(held, return_when=FIRST_COMPLETED)
    (refused,) = (reply.result() for reply in done)
    assert (refused.status, int(refused.headers["Retry-After"]) > 0) == (503, True)
    return list(rest)


@pytest.mark.usefixtures("heeded_hangups")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_finishes_what_was_accepted_and_takes_nothing_new(
    doomed: Served, own: Path, number: int
) -> None:
    with ThreadPoolExecutor(ROOM + 1) as pool:
        held = hold_all(doomed, pool)
        processes = all_processes(doomed)
        doomed.process.send_signal(number)
        doomed.event("draining")
        assert doomed.ask().status == 503
        assert doomed.invoke(b"new").status == 503
        (own / "code" / "release").touch()
        assert statuses([reply.result() for reply in held]) == [200] * ROOM
    assert doomed.wait() == 0
    assert doomed.log[-1] == {**doomed.log[-1], "event": "stopping", "lost": 0}
    assert living(processes) == []


def test_sigterm_waits_no_longer_than_the_platform_does(doomed: Served, own: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        silent = socket.create_connection(("127.0.0.1", doomed.port))
        silent.sendall(head(1000) + b"part")
        reply = pool.submit(doomed.invoke, b"work 100")
        until((own / "code" / "working").exists, "both are being served")
        start = time.monotonic()
        assert doomed.end() == 0
        assert time.monotonic() - start < 30
        assert reply.result().status == 503
    silent.close()


def test_the_death_of_the_server_takes_its_processes_with_it(doomed: Served) -> None:
    processes = all_processes(doomed)
    assert len(processes) == 4
    doomed.end(signal.SIGKILL)
    until(lambda: living(processes) == [], "the orphans end")


def test_a_full_queue_refuses_at_once(told: Served, obedient: Path) -> None:
    release = obedient / "code" / "release"
    with ThreadPoolExecutor(ROOM + 1) as pool:
        held = hold_all(told, pool)
        assert told.ask().status == 200
        try:
            release.touch()
            assert statuses([reply.result() for reply in held]) == [200] * ROOM
        finally:
            release.unlink()


def head(length: int) -> bytes:
    return (
        f"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()


def test_clients_that_go_or_drip_cost_nothing(told: Served) -> None:
    gone = []
    for start in (b"", b"POST /inv", head(1000), head(1000) + b"part", head(9) + SLEEP):
        client = socket.create_connection(("127.0.0.1", told.port))
        client.sendall(start)
        gone.append(client)
    time.sleep(0.3)
    for client in gone:
        client.close()
    stop = threading.Event()

    def drip() -> None:
        with socket.create_connection(("127.0.0.1", told.port)) as client:
            for byte in head(10_000):
                client.sendall(bytes([byte]))
                if stop.wait(0.01):
                    return

    drippers = [threading.Thread(target=drip) for _ in range(8)]
    for dripper in drippers:
        dripper.start()
    assert statuses([told.invoke(b"hello") for _ in range(5)]) == [200] * 5
    stop.set()
    for dripper in drippers:
        dripper.join()


def test_bodies_that_drip_keep_nobody_out(told: Served) -> None:
    stop = threading.Event()
    clients = [socket.create_connection(("127.0.0.1", told.port)) for _ in range(70)]

    def drip() -> None:
        for client in clients:
            client.sendall(head(10_000))
        while not stop.wait(0.2):
            for client in clients:
                client.sendall(b"x")

    with ThreadPoolExecutor(1) as pool:
        dripping = pool.submit(drip)
        time.sleep(1)
        start = time.monotonic()
        while time.monotonic() - start < 4:
            assert told.invoke(b"hello").status == 200
        stop.set()
        dripping.result()
    for client in clients:
        client.close()


def test_an_answer_that_is_too_large_is_an_error_and_kills_no_worker(told: Served) -> None:
    workers = told.family()["worker"]
    assert len(told.invoke(b"large %d" % (24 << 20)).body) == 24 << 20
    reply = told.invoke(b"large %d" % (60 << 20))
    assert reply.status == 413
    assert "text/plain" in reply.json["message"]
    assert told.family()["worker"] == workers


def test_a_full_disk_stops_nothing_and_a_server_that_cannot_be_mended_ends(
    obedient: Path, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        arguments = ["--bundle", str(obedient), "--workers", "1"]
        with serving(arguments, {**CODE, "TMPDIR": str(disk)}) as server:
            rest = os.open(disk / "rest", os.O_CREAT | os.O_WRONLY)
            with pytest.raises(OSError, match="No space"):
                while True:
                    os.write(rest, bytes(4096))
            os.close(rest)
            assert server.invoke(b"hello").status == 200
            os.kill(server.family()["java"][0], signal.SIGKILL)
            assert server.invoke(b"hello").status == 200
            (scratch,) = disk.glob("htr-serve-*")
            shutil.rmtree(scratch)
            os.kill(server.family()["java"][0], signal.SIGKILL)
            assert server.wait() != 0
            assert "htr: " in server.errors[-1]
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.mark.parametrize("stage", ["checksum", "network"])
def test_a_broken_bundle_is_one_line_and_no_open_port(
    stage: str, broken_bundle: Path, tiny_bundle: Path
) -> None:
    needs()
    bundle = broken_bundle if stage == "checksum" else tiny_bundle  # it has no paragraph network
    server = Served(["--bundle", str(bundle)])
    assert server.wait() != 0
    own = [line for line in server.errors if line.startswith("htr: ")]
    assert len(own) == 1
    assert str(bundle) in own[0]
    assert server.errors[-1] == own[0]
    assert stage == "network" or len(server.errors) == 1
    assert not [event for event in server.log if event["event"] == "listening"]


def test_a_server_that_is_ended_while_it_starts_leaves_nothing(own: Path) -> None:
    needs()
    (own / "code" / "loading").touch()
    server = Served(["--bundle", str(own)], CODE)
    until(lambda: bool(server.family()["listener"]), "the model is being loaded")
    processes = all_processes(server)
    assert server.end() == 0
    assert living(processes) == []
    assert not [event for event in server.log if event["event"] == "listening"]
