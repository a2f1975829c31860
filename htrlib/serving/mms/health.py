"""The health of a model, judged by real requests and probe pages.

Only a page that was read proves that the model works. An answer of 500 raises doubts. Other
refusals by a worker (not a picture, too late, too little memory for this page, S3 unreachable)
prove neither, so a tiny probe page decides.
"""

from __future__ import annotations

import io
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Callable, Dict, Optional, Tuple

import numpy as np
from PIL import Image

FAILING_SECONDS = 8.0  # seconds of failing requests before ping fails
QUIET_SECONDS = 4.0  # seconds after the last failure until a probe clears it
PROBE_AFTER_SECONDS = 2.0  # seconds without a page read, after which a probe is due
_LOOK_SECONDS = 1.0  # seconds between two checks of the workers' CPU time


class Health:
    """The health of a model.

    Attributes:
        answered: time of a worker's last answer of any kind, in seconds of `time.monotonic()`.
    """

    def __init__(self) -> None:
        self.answered = self._read = time.monotonic()
        self._failed = float("-inf")
        self._failing_since: Optional[float] = None

    @property
    def failing(self) -> bool:
        """True if requests have failed for so long that ping must fail."""
        since = self._failing_since
        return since is not None and time.monotonic() - since >= FAILING_SECONDS

    @property
    def in_doubt_for_a_moment(self) -> bool:
        """True if all failures came at once, as those of one page do that is sent repeatedly."""
        since = self._failing_since
        return since is not None and self._failed - since < QUIET_SECONDS

    @property
    def doubtful(self) -> bool:
        """True unless the last real request with a known outcome read its page."""
        return self._failing_since is not None or self.answered > self._read

    def probe_is_due(self, busy: bool) -> bool:
        """Return whether to send a probe page; while requests are pending, only if in doubt."""
        idle = time.monotonic() - self._read
        return idle >= PROBE_AFTER_SECONDS and (self.doubtful or not busy)

    def request_answered(self, status: int) -> None:
        """Record that a worker answered a real request."""
        self.answered = time.monotonic()
        if status == HTTPStatus.OK:
            self._read = self.answered
            self._failing_since = None
        elif status == HTTPStatus.INTERNAL_SERVER_ERROR:
            self.request_failed()

    def request_failed(self) -> None:
        """Record that a real request got no answer, or a server error."""
        self._failed = time.monotonic()
        if self._failing_since is None:
            self._failing_since = self._failed

    def tiny_page_read(self) -> None:
        """Record that a probe page was read: healthy unless real requests fail at the same time."""
        self.answered = self._read = time.monotonic()
        if self._read - self._failed >= QUIET_SECONDS:
            self._failing_since = None

    def tiny_page_failed(self) -> None:
        """Record that a probe page was not read: ping fails at once."""
        self._failing_since = float("-inf")  # no matter since when


class Progress:
    """Tracks whether a model makes progress: workers must be busy while requests are pending.

    Attributes:
        probed: time of the last probe page, in seconds of `time.monotonic()`.
    """

    def __init__(self) -> None:
        self._pending: Dict[object, Tuple[int, float]] = {}  # size and start, the oldest first
        self.probed = float("-inf")
        self._work = -1
        self._looked = self._since = time.monotonic()

    @property
    def under_way(self) -> int:
        """Number of requests in the model server."""
        return len(self._pending)

    @property
    def bytes_under_way(self) -> int:
        """Total size of their bodies."""
        return sum(size for size, _ in self._pending.values())

    def begin(self, size: int) -> object:
        """Count a pending request with a body of `size` bytes, and return its ticket."""
        ticket = object()
        self._pending[ticket] = size, time.monotonic()
        return ticket

    def end(self, ticket: object) -> None:
        """Count a request as finished."""
        del self._pending[ticket]

    def ahead(self, ticket: object) -> int:
        """Return how many pending requests were sent before this one, and so are read before."""
        return list(self._pending).index(ticket)

    def long_under_way(self) -> int:
        """Return how many requests have been pending for so long that a probe would be due."""
        end = time.monotonic() - PROBE_AFTER_SECONDS
        return sum(start < end for _, start in self._pending.values())

    def begin_anew(self) -> None:
        """Reset after a restart of the model server."""
        self._since = time.monotonic()

    def idle(self, work_done: Callable[[], int]) -> float:
        """Return for how many seconds requests were pending and no worker was busy.

        Args:
            work_done: CPU time used by the model's workers so far, in clock ticks.
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


@dataclass
class Watched:
    """The state of a model that the supervisor watches.

    Attributes:
        health: health, judged by its answers.
        progress: progress of its requests.
        load_seconds: time it took to load.
    """

    health: Health = field(default_factory=Health)
    progress: Progress = field(default_factory=Progress)
    load_seconds: float = 0.0

    def failing(self, at_once: int) -> bool:
        """Return whether ping must fail.

        Args:
            at_once: requests that the workers process at once. While they do, no probe page can
                tell whether a failure was that of its page, so time does not make it worse.
        """
        held = self.progress.long_under_way() >= at_once
        return self.health.failing and not (held and self.health.in_doubt_for_a_moment)

    def probe_is_due(self, at_once: int) -> bool:
        """Return whether to send a probe page.

        Args:
            at_once: requests that the workers process at once. While they do, a probe would only
                fill the model server's queue.
        """
        if self.progress.long_under_way() >= at_once:
            return False
        return self.health.probe_is_due(busy=bool(self.progress.under_way))


def tiny_page() -> bytes:
    """Return a white page as PNG, which takes a model no time to read."""
    file = io.BytesIO()
    Image.fromarray(np.full((32, 48), 255, dtype=np.uint8)).save(file, "PNG")
    return file.getvalue()
