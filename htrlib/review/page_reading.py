"""Read pages and lines in processes of their own, so that the server answers meanwhile."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Callable, Dict, Optional, Sequence, Tuple, TypeVar

from htrlib.bundle import load_bundle
from htrlib.data.corrections import CorrectedLine
from htrlib.document.results import PageResult, TextLine
from htrlib.engines.memory import return_memory
from htrlib.errors import HtrError
from htrlib.images.loading import Page
from htrlib.images.numbered_pages import load_page
from htrlib.images.orientation import upright
from htrlib.reading.options import ReadingOptions
from htrlib.reading.outlines import outline_lines
from htrlib.reading.parallel import end_with_parent
from htrlib.reading.pipeline import Pipeline

OPTIONS = ReadingOptions(alternatives=4)

_NICENESS = 5  # answers to the browser come first

Value = TypeVar("Value")

_pipelines: Dict[str, Pipeline] = {}


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
    """

    def __init__(self, bundle: str, jobs: int) -> None:
        self.bundle = bundle
        self.jobs = jobs
        self._lock = threading.Lock()
        self._pool: Optional[ProcessPoolExecutor] = None
        self._closed = False

    @property
    def label(self) -> str:
        """Name and version of the bundle."""
        return load_bundle(self.bundle).label

    def page(self, picture: PagePicture) -> Future[PageResult]:
        """Read a page; raises as `read_page`, and `HtrError` where the process died."""
        return self._submitted(read_page, self.bundle, picture)

    def lines(
        self, picture: PagePicture, places: Sequence[TextLine]
    ) -> Future[Tuple[CorrectedLine, ...]]:
        """Read lines of a page; raises as `read_lines`, and `HtrError` where the process died."""
        return self._submitted(read_lines, self.bundle, picture, tuple(places))

    def close(self) -> None:
        """End the processes; what they are reading is given up."""
        with self._lock:
            self._closed = True
            if self._pool is not None:
                self._pool.shutdown(wait=False, cancel_futures=True)
                self._pool = None

    def _submitted(self, work: Callable[..., Value], *arguments: object) -> Future[Value]:
        with self._lock:
            if self._closed:
                raise HtrError("the server is ending")
            if self._pool is None:
                # Not forked: threads of the server may hold locks at this moment.
                self._pool = ProcessPoolExecutor(self.jobs, get_context("spawn"), _prepare)
            try:
                return self._pool.submit(work, *arguments)
            except BrokenProcessPool:  # one died; the next request starts others
                self._pool = ProcessPoolExecutor(self.jobs, get_context("spawn"), _prepare)
                return self._pool.submit(work, *arguments)


def read_page(bundle: str, picture: PagePicture) -> PageResult:
    """Read a whole page by the library's own road.

    Raises:
        ImageError: the page cannot be read.
        BundleError, DeviceError: as for `Bundle.engine`.
    """
    page = load_page(picture.path, picture.number)
    return _pipeline(bundle).transcribe_page(page)


def read_lines(
    bundle: str, picture: PagePicture, places: Tuple[TextLine, ...]
) -> Tuple[CorrectedLine, ...]:
    """Read lines of a page where people say that they lie; raises as `read_page`.

    Boxes alone are read as the writing that is found in them.
    """
    pipeline = _pipeline(bundle)
    page = _dark_on_light(load_page(picture.path, picture.number))
    outlined = outline_lines(page, places, bundle=pipeline.bundle)
    said = pipeline.recognize_lines(page, outlined)
    read = []
    for place, log_probs in zip(places, said):
        text = pipeline.decode_line(log_probs, OPTIONS)
        alternatives = tuple(other for other, _ in text.alternatives)
        read.append(
            CorrectedLine(place.id, text.text, place, text.words, alternatives, text.confidence)
        )
    return tuple(read)


def _dark_on_light(page: Page) -> Page:
    """The page with dark ink; it is not turned, for the lines are where people drew them."""
    _, transform = upright(page)
    return ~page if transform.inverted else page


def _pipeline(bundle: str) -> Pipeline:
    """The pipeline of a bundle, made once; that of another bundle before it is given up."""
    if bundle not in _pipelines:
        _pipelines.clear()
        _pipelines[bundle] = Pipeline(bundle=bundle, options=OPTIONS)
    return _pipelines[bundle]


def _prepare() -> None:
    """Set a new process up."""
    # Control-C reaches all processes of a terminal; the server ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    return_memory()
    threading.Thread(target=end_with_parent, daemon=True).start()
