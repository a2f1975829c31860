"""The health of a model, judged by real requests and probe pages.

Only a page that was read shows that pages are read. An answer of 500 shows that they may not be.
Other refusals of a worker (no picture, too late, too little memory for this page, S3 is away) show
neither, so a tiny page has to tell.
"""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Callable, Optional

FAILING_SECONDS = 8.0  # of requests that fail, before ping says so
QUIET_SECONDS = 4.0  # after the last one that failed: then it was the page, if a tiny one is read
PROBE_AFTER_SECONDS = 2.0  # without a page that was read
_LOOK_SECONDS = 1.0  # between two looks at what the workers have done


class Health:
    """The current state.

    Attributes:
        answered: when a worker answered last, whatever it said, in seconds of `time.monotonic()`.
    """

    def __init__(self) -> None:
        self.answered = self._read = time.monotonic()
        self._failed = float("-inf")
        self._failing_since: Optional[float] = None

    @property
    def failing(self) -> bool:
        """Whether requests have failed for so long that ping must fail."""
        since = self._failing_since
        return since is not None and time.monotonic() - since >= FAILING_SECONDS

    @property
    def doubtful(self) -> bool:
        """Whether the last known outcome of real requests is not a page that was read."""
        return self._failing_since is not None or self.answered > self._read

    def probe_is_due(self, busy: bool) -> bool:
        """Whether to send a probe page; while requests are pending, only in case of doubt."""
        idle = time.monotonic() - self._read
        return idle >= PROBE_AFTER_SECONDS and (self.doubtful or not busy)

    def request_answered(self, status: int) -> None:
        """A worker answered a real request."""
        self.answered = time.monotonic()
        if status == HTTPStatus.OK:
            self._read = self.answered
            self._failing_since = None
        elif status == HTTPStatus.INTERNAL_SERVER_ERROR:
            self.request_failed()

    def request_failed(self) -> None:
        """A real request got no answer, or one that is the server's fault."""
        self._failed = time.monotonic()
        if self._failing_since is None:
            self._failing_since = self._failed

    def tiny_page_read(self) -> None:
        """A tiny page was read: all is well unless real requests fail at the same time."""
        self.answered = self._read = time.monotonic()
        if self._read - self._failed >= QUIET_SECONDS:
            self._failing_since = None

    def tiny_page_failed(self) -> None:
        """A tiny page was not read: ping tells at once."""
        self._failing_since = time.monotonic() - FAILING_SECONDS


class Progress:
    """Return whether a model makes progress: workers are busy while requests are pending.

    Attributes:
        under_way: requests that the model server has.
        bytes_under_way: of their bodies.
        probed: when a tiny page was sent last, in seconds of `time.monotonic()`.
    """

    def __init__(self) -> None:
        self.under_way = self.bytes_under_way = 0
        self.probed = float("-inf")
        self._work = -1
        self._looked = self._since = time.monotonic()

    def begin(self, size: int) -> None:
        """Count a request with a body of `size` bytes as under way."""
        self.under_way += 1
        self.bytes_under_way += size

    def end(self, size: int) -> None:
        """Count it as under way no longer."""
        self.under_way -= 1
        self.bytes_under_way -= size

    def begin_anew(self) -> None:
        """The model server was started anew."""
        self._since = time.monotonic()

    def idle(self, work_done: Callable[[], int]) -> float:
        """Seconds with pending requests and no busy worker.

        Args:
            work_done: the CPU time that the model's workers have taken.
        """
        now = time.monotonic()
        if not self.under_way:
            self._since = now
        elif now - self._looked > _LOOK_SECONDS:
            self._looked, before = now, self._work
            self._work = work_done()
            if self._work != before:
                self._since = now
        return now - self._since
