"""Processes that read pages and lines, so that the server answers meanwhile.

What reads is imported in these processes alone: the server starts without it.
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
    """Processes that read, started when the first is needed.

    Args:
        bundle: name or path.
        jobs: how many pages are read at once.
    Raises:
        BundleError: as for `load_bundle`.
    """

    def __init__(self, bundle: str, jobs: int) -> None:
        self.bundle = bundle
        self.jobs = jobs
        self.label = load_bundle(bundle).label
        self._lock = threading.Lock()
        self._pool: Optional[ProcessPoolExecutor] = None
        self._closed = False

    def page(self, picture: PagePicture) -> Future[PageResult]:
        """Read a page; raises as `read_page`, and BrokenProcessPool where the process died."""
        return self._submitted(_read_page, self.bundle, picture)

    def lines(
        self, picture: PagePicture, places: Sequence[TextLine]
    ) -> Future[Tuple[CorrectedLine, ...]]:
        """Read lines of a page; raises as `read_lines`, and as `page`."""
        return self._submitted(_read_lines, self.bundle, picture, tuple(places))

    def close(self) -> None:
        """End the processes when they have read what they are at."""
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
            except BrokenProcessPool:  # one died before
                self._pool = self._new_pool()
                return self._pool.submit(work, *arguments)

    def _new_pool(self) -> ProcessPoolExecutor:
        # Not forked: threads of the server may hold locks at this moment.
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
    """Set a new process up."""
    from htrlib.engines.memory import return_memory
    from htrlib.reading.parallel import end_with_parent

    # Control-C reaches all processes of a terminal; the server ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    return_memory()
    threading.Thread(target=end_with_parent, daemon=True).start()
