"""Read pages and lines in other processes, so that the server stays responsive.

Only these processes import the pipeline, so the server starts quickly.
"""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Callable, Optional, Sequence, Tuple, TypeVar

from htrlib.bundle import load_bundle
from htrlib.data.corrected_pages import CorrectedLine
from htrlib.document.results import PageResult, TextLine
from htrlib.errors import HtrError

_NICENESS = 5  # answers to the browser come first

Value = TypeVar("Value")


@dataclass(frozen=True)
class PagePicture:
    """A page's file, and its number in it."""

    path: Path
    number: int


class Readers:
    """Processes that read, started on first use.

    Args:
        bundle: name or path of the bundle.
        jobs: number of pages read at once.
    Raises:
        BundleError: see `load_bundle`.
    """

    def __init__(self, bundle: str, jobs: int) -> None:
        self.bundle = bundle
        self.jobs = jobs
        self.label = load_bundle(bundle).label
        self._lock = threading.Lock()
        self._pool: Optional[ProcessPoolExecutor] = None
        self._closed = False

    def page(self, picture: PagePicture) -> Future[PageResult]:
        """Read a page. Raises like `read_page`, or BrokenProcessPool if the process died."""
        return self._submitted(_read_page, self.bundle, picture)

    def lines(
        self, picture: PagePicture, places: Sequence[TextLine]
    ) -> Future[Tuple[CorrectedLine, ...]]:
        """Read lines of a page. Raises like `read_lines` and `page`."""
        return self._submitted(_read_lines, self.bundle, picture, tuple(places))

    def close(self) -> None:
        """End the processes after their current pages."""
        with self._lock:
            self._closed = True
            if self._pool is not None:
                self._pool.shutdown(wait=False, cancel_futures=True)
                self._pool = None

    def _submitted(self, work: Callable[..., Value], *arguments: object) -> Future[Value]:
        with self._lock:
            if self._closed:
                raise HtrError("these readers have ended; ask again")
            if self._pool is None:
                self._pool = self._new_pool()
            try:
                return self._pool.submit(work, *arguments)
            except BrokenProcessPool:  # a process has died
                self._pool = self._new_pool()
                return self._pool.submit(work, *arguments)

    def _new_pool(self) -> ProcessPoolExecutor:
        # Not forked, because threads of the server may hold locks.
        return ProcessPoolExecutor(self.jobs, get_context("spawn"), _prepare)


def _read_page(bundle: str, picture: PagePicture) -> PageResult:
    from htrlib.review.page_reading import read_page

    return read_page(bundle, picture.path, picture.number)


def _read_lines(
    bundle: str, picture: PagePicture, places: Tuple[TextLine, ...]
) -> Tuple[CorrectedLine, ...]:
    from htrlib.review.page_reading import read_lines

    return read_lines(bundle, picture.path, picture.number, places)


def _prepare() -> None:
    """Initialize a new process."""
    from htrlib.engines.memory import return_memory
    from htrlib.reading.parallel import end_with_parent

    # Control-C reaches all processes of a terminal, but the server ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    return_memory()
    threading.Thread(target=end_with_parent, daemon=True).start()
