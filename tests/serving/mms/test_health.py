"""How answers and probe pages determine ping."""

from __future__ import annotations

from typing import List, Tuple

import pytest

from htrlib.serving.mms import health
from htrlib.serving.mms.health import Health, Progress, Watched


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(health, "time", clock)
    return clock


def seen(clock: Clock, seconds: float, status: int, every: float) -> List[Tuple[float, bool]]:
    """When ping fails while requests get a status, and tiny pages are read as they are due."""
    looked = Health()
    start, asked, told = clock.now, clock.now, []
    while clock.now < start + seconds:
        if clock.now >= asked:
            looked.request_answered(status)
            asked += every
        if looked.probe_is_due(busy=True):
            looked.tiny_page_read()
        told.append((clock.now - start, looked.failing))
        clock.now += 0.25
    return told


def test_ping_fails_within_ten_seconds_of_requests_that_fail(clock: Clock) -> None:
    for every in (0.25, 1.0, 3.0):
        told = seen(clock, 60.0, 500, every)
        assert all(failing for since, failing in told if since > 10.0)


@pytest.mark.parametrize(
    ("status", "every"), [(500, 100.0), (504, 1.0), (507, 1.0), (502, 1.0), (400, 1.0), (200, 1.0)]
)
def test_ping_does_not_fail_over_pages_that_are_at_fault(
    clock: Clock, status: int, every: float
) -> None:
    assert not any(failing for _, failing in seen(clock, 60.0, status, every))


def test_refusals_do_not_hide_that_pages_are_not_read(clock: Clock) -> None:
    looked = Health()
    for _ in range(10):
        looked.request_answered(500)
        looked.request_answered(400)
        clock.now += 1.0
    assert looked.failing


@pytest.mark.parametrize("status", [400, 500, 502, 504, 507])
def test_no_error_of_a_worker_puts_off_the_tiny_page(clock: Clock, status: int) -> None:
    looked = Health()
    for _ in range(20):
        assert not looked.failing
        clock.now += 0.25
        looked.request_answered(status)
    assert looked.probe_is_due(busy=True)
    looked.tiny_page_failed()
    assert looked.failing


def test_a_busy_server_whose_pages_are_read_is_not_probed(clock: Clock) -> None:
    looked = Health()
    clock.now += 30.0
    assert looked.probe_is_due(busy=False)
    assert not looked.probe_is_due(busy=True)
    looked.request_answered(500)
    assert looked.probe_is_due(busy=True)
    looked.request_answered(200)
    assert not looked.failing
    assert not looked.probe_is_due(busy=False)


def test_requests_are_read_in_the_order_they_were_sent(clock: Clock) -> None:
    progress = Progress()
    first, second = progress.begin(3), progress.begin(4)
    assert (progress.ahead(first), progress.ahead(second)) == (0, 1)
    assert (progress.under_way, progress.bytes_under_way) == (2, 7)
    progress.end(first)
    assert progress.ahead(second) == 0
    assert (progress.under_way, progress.bytes_under_way) == (1, 4)


def test_a_probe_is_not_due_while_long_requests_have_all_workers(clock: Clock) -> None:
    watched = Watched()
    clock.now += 5.0
    watched.health.request_answered(400)
    first = watched.progress.begin(1)
    assert watched.probe_is_due(at_once=1)
    clock.now += 5.0
    assert not watched.probe_is_due(at_once=1)
    assert watched.probe_is_due(at_once=2)
    watched.progress.end(first)
    assert watched.probe_is_due(at_once=1)


def test_ping_does_not_fail_over_a_page_while_a_long_request_keeps_the_probe_out(
    clock: Clock,
) -> None:
    watched = Watched()
    for _ in range(2):  # it was sent again
        watched.health.request_answered(500)
        clock.now += 0.5
    job = watched.progress.begin(1)
    for _ in range(240):
        assert not watched.failing(at_once=1)
        clock.now += 0.25
    watched.progress.end(job)
    watched.health.request_answered(200)
    assert not watched.failing(at_once=1)


def test_ping_fails_while_requests_hang_one_after_the_other(clock: Clock) -> None:
    watched = Watched()
    for _ in range(2):
        hanging = watched.progress.begin(1)
        clock.now += 60.0
        watched.progress.end(hanging)
        watched.health.request_failed()
    watched.progress.begin(1)
    clock.now += 5.0
    assert watched.failing(at_once=1)


@pytest.mark.parametrize("since", [0.5, 7.0])
def test_a_probe_that_failed_counts_while_a_long_request_runs(clock: Clock, since: float) -> None:
    watched = Watched()
    watched.health.request_answered(500)
    clock.now += since
    watched.health.tiny_page_failed()
    watched.progress.begin(1)
    clock.now += 5.0
    assert watched.failing(at_once=1)
