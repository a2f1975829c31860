"""Read the unread pages of a folder in the background.

The folder itself is the queue: a page without a file waits to be read. So a restart loses nothing,
and files that people write in the meantime are kept.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Deque, Dict, FrozenSet, List, Optional

from htrlib.data.corrected_pages import CorrectedPage
from htrlib.data.page_places import PagePlace
from htrlib.document.results import PageResult
from htrlib.errors import BundleError, DeviceError, HtrError
from htrlib.formats.page_editing import READ, Stamp
from htrlib.review.page_index import PageIndex
from htrlib.review.readers import PagePicture, Readers
from htrlib.review.store import NEW, NO_FILE, ConflictError, PageStore

_logger = logging.getLogger(__name__)

_IDLE = 0.5  # seconds between two checks of an empty queue
_RATE_PAGES = 20  # number of pages over which the speed is measured
DIED = "the reading process died, most likely for want of memory; free some, or shrink the page"

PROGRAM = "htrlib "
"""What the name of who changed a page starts with where the library read it."""


class BackgroundReading:
    """A thread that keeps the readers busy.

    Attributes:
        paused: True if no further page is started.
        problem: reason why reading stopped, or an empty string.
    """

    def __init__(self, index: PageIndex, store: PageStore, readers: Readers) -> None:
        self._index, self._store, self._readers = index, store, readers
        self.paused = False
        self.problem = ""
        self._superseded: FrozenSet[str] = frozenset()
        self._active: Dict[Future[PageResult], PagePlace] = {}
        self._versions: Dict[str, str] = {}
        self._died: Dict[str, int] = {}
        self._finished: Deque[float] = deque(maxlen=_RATE_PAGES)
        self._done = 0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="background reading", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def end(self) -> None:
        """Start no further page."""
        self._ending.set()

    def pause(self, paused: bool) -> None:
        """Pause or resume; resuming clears the problem that stopped reading."""
        self.paused = paused
        if not paused:
            self.problem = ""

    def use(self, readers: Readers, superseded: FrozenSet[str]) -> None:
        """Use other readers from the next page on.

        Args:
            superseded: labels of bundles whose results are read again unless people changed them.
        """
        self._readers, self._superseded = readers, superseded
        self._died.clear()
        self.problem = ""

    def waiting(self) -> List[str]:
        """Return the pages to read, in order."""
        by = {f"{PROGRAM}{label}" for label in self._superseded}
        return [
            name
            for name, summary in self._index.summaries().items()
            if summary.state == NEW
            or (summary.state == READ and summary.changed_by in by and not summary.confirmed)
        ]

    def status(self) -> Dict[str, Any]:
        """Return the progress as JSON values."""
        active = sorted(place.name for place in list(self._active.values()))
        waiting = [name for name in self.waiting() if name not in active]
        return {
            "waiting": len(waiting),
            "active": active,
            "done": self._done,
            "pages_per_second": self._rate() if active else 0.0,
            "paused": self.paused,
            "problem": self.problem,
        }

    def _rate(self) -> float:
        """Return the pages per second, over the last ones."""
        times = list(self._finished)
        if len(times) < 2 or times[-1] <= times[0]:
            return 0.0
        return (len(times) - 1) / (times[-1] - times[0])

    def _run(self) -> None:
        while not self._ending.is_set():
            if not self.paused and not self.problem:
                try:
                    self._begin()
                except Exception as error:  # keep the thread running, and show the problem
                    _logger.exception("reading stopped")
                    self.problem = f"reading stopped: {error}"
            if not self._active:
                self._finished.clear()
                self._ending.wait(_IDLE)
                continue
            done, _ = wait(list(self._active), _IDLE, FIRST_COMPLETED)
            for future in done:
                self._finish(future)

    def _begin(self) -> None:
        """Submit pages until each reader has one."""
        free = self._readers.jobs - len(self._active)
        if free <= 0:
            return
        active = {place.name for place in self._active.values()}
        names = [name for name in self.waiting() if name not in active]
        for name in names[:free]:
            place = self._index.place(name)
            if place is not None:
                self._begin_page(place)

    def _begin_page(self, place: PagePlace) -> None:
        try:
            stored = self._store.read(place)  # also checks the picture's header
            future = self._readers.page(PagePicture(place.picture, place.number))
        except BundleError as error:
            self.problem = str(error)
        except (HtrError, OSError) as error:
            self._index.fail(place.name, str(error))
        else:
            if stored.state == NEW or stored.state == READ:
                self._versions[place.name] = stored.version
                self._active[future] = place
            else:  # a person saved it before the index noticed
                future.cancel()
                self._index.note(place.name, stored)

    def _finish(self, future: Future[PageResult]) -> None:
        place = self._active.pop(future)
        version = self._versions.pop(place.name, NO_FILE)
        try:
            self._write(place, version, future.result())
        except CancelledError:  # read by other readers now
            pass
        except BrokenProcessPool:
            self._died[place.name] = self._died.get(place.name, 0) + 1
            if self._died[place.name] > 1:  # the first time, another page may have caused it
                self._index.fail(place.name, DIED)
        except ConflictError as conflict:  # a person saved it first
            self._index.note(place.name, conflict.current)
        except (BundleError, DeviceError) as error:
            self.problem = str(error)
        except OSError as error:
            if error.filename is not None and not isinstance(error, FileNotFoundError):
                self.problem = f"{error.filename}: {error.strerror}; reading stopped"
            else:
                self._index.fail(place.name, str(error))
        except Exception as error:  # whatever a page does to the reader, continue with the next one
            self._index.fail(place.name, str(error) or type(error).__name__)

    def _write(self, place: PagePlace, version: str, result: PageResult) -> None:
        stamp = Stamp(f"{PROGRAM}{result.bundle}", READ)
        page = CorrectedPage.of_result(result)
        stored = self._store.put(place, version, page, stamp)
        self._index.note(place.name, stored, result.warnings)
        self._done += 1
        self._finished.append(time.monotonic())


class Refreshing:
    """A thread that looks for changed files, and writes the index file.

    Args:
        index: index to refresh.
    """

    _PAUSE, _SHARE = 4.0, 20  # minimum seconds, and multiple of the duration of a refresh

    def __init__(self, index: PageIndex) -> None:
        self._index = index
        self._ending = threading.Event()
        self._thread: Optional[threading.Thread] = None

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="refreshing", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop and write the index file."""
        self._ending.set()
        with contextlib.suppress(OSError):
            self._index.save()

    def _run(self) -> None:
        while not self._ending.is_set():
            start = time.monotonic()
            try:
                self._index.refresh()
                self._index.save()
            except OSError:  # the folder is temporarily unavailable, or the disk is full
                pass
            except Exception:
                _logger.exception("the folder could not be looked through")
            self._ending.wait(max(self._PAUSE, self._SHARE * (time.monotonic() - start)))
