"""Keep a summary of each page in memory for the list, updated when its file changes."""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional, Tuple

from htrlib.data.page_places import PagePlace
from htrlib.errors import HtrError
from htrlib.formats.page_editing import READ
from htrlib.images.numbered_pages import count_pages
from htrlib.review.folder import ReviewFolder
from htrlib.review.store import NEW, PageStore, StoredPage
from htrlib.review.whole_files import read_json, write_json

PROBLEM = "problem"

_FORM = 2  # version of the index file


@dataclass(frozen=True)
class Summary:
    """One page of the list.

    Attributes:
        state: "new", "read", "in work", "done" or "problem".
        lines: number of lines.
        confirmed: number of lines that a person confirmed.
        confidence: mean confidence of the other lines, or None.
        problem: reason why it cannot be read or shown, or an empty string.
        texts: texts of its lines.
        changed_by: author of the last change.
        warnings: reasons to doubt its result.
        mark: size and time of its file, to detect changes; with a problem, also of its picture.
        looked: True once its file was parsed; until then, the rest is a guess.
    """

    state: str
    lines: int = 0
    confirmed: int = 0
    confidence: Optional[float] = None
    problem: str = ""
    texts: Tuple[str, ...] = ()
    changed_by: str = ""
    warnings: Tuple[str, ...] = ()
    mark: str = ""
    looked: bool = True


class PageIndex:
    """The summaries of a folder's pages, sorted by name. Thread-safe."""

    def __init__(self, folder: ReviewFolder, store: PageStore) -> None:
        self._folder, self._store = folder, store
        self._file = folder.work / "index.json"
        self._lock = threading.RLock()
        self._scanning = threading.Lock()
        # Higher than in an earlier start, so that a browser that is still open gets all changes.
        self._revision = time.time_ns() // 1_000_000
        self._saved_revision = self._revision
        self._changed: Dict[str, int] = {}
        self._summaries: Dict[str, Summary] = {}
        self._places: Dict[str, PagePlace] = {}
        self.refused: Tuple[str, ...] = ()
        self._known, self._counts = _stored(read_json(self._file, {}))
        self.scan()
        self._known = {}

    @property
    def revision(self) -> int:
        """Number that grows with each change of a summary."""
        return self._revision

    def names(self) -> List[str]:
        """Names of all pages, in order."""
        return list(self._places)

    def place(self, name: str) -> Optional[PagePlace]:
        """Return the location of a page, or None if there is no such page."""
        return self._places.get(name)

    def summaries(self) -> Dict[str, Summary]:
        """Return all summaries by name, in order."""
        with self._lock:
            return {name: self._summaries[name] for name in self._places}

    def summary(self, name: str) -> Optional[Summary]:
        """Return the summary of a page."""
        return self._summaries.get(name)

    def scan(self) -> None:
        """Find all pages; known summaries are kept until `refresh`."""
        with self._scanning:
            places, refused = self._folder.scan(self._pages_of)
            with self._lock:
                for name in set(self._places) - set(places):
                    self._summaries.pop(name, None)
                    self._touch(name)
                self.refused = tuple(refused)
                for name, place in places.items():
                    if name not in self._summaries:
                        self._set(name, self._guess(name, place))
                self._places = places

    def refresh(self) -> None:
        """Parse the files that have changed."""
        self.scan()
        for name, place in list(self._places.items()):
            summary = self._summaries.get(name)
            if summary is None or not summary.looked or summary.mark != _mark(place, summary.state):
                self.look(name)

    def look(self, name: str) -> None:
        """Parse a page's file."""
        place = self._places.get(name)
        if place is None:
            return
        mark = _mark(place)
        try:
            self._set(name, self._summary(name, self._store.read(place), mark))
        except (HtrError, OSError) as error:
            self.fail(name, str(error))

    def note(self, name: str, stored: StoredPage, warnings: Optional[Iterable[str]] = None) -> None:
        """Update the summary of a page that was just written.

        Args:
            warnings: reasons to doubt the result; None keeps the previous ones.
        """
        place = self._places.get(name)
        if place is not None:
            summary = self._summary(name, stored, _mark(place))
            if warnings is not None:
                summary = replace(summary, warnings=tuple(warnings))
            self._set(name, summary)

    def fail(self, name: str, problem: str) -> None:
        """Record why a page could not be read, until a file changes or the server restarts."""
        place = self._places.get(name)
        if place is not None:
            self._set(name, Summary(PROBLEM, problem=problem, mark=_mark(place, PROBLEM)))

    def since(self, revision: int) -> Tuple[int, Dict[str, Optional[Summary]]]:
        """Return the revision, and the pages changed since another one; None for removed ones."""
        with self._lock:
            names = [n for n, changed in self._changed.items() if changed > revision]
            return self._revision, {name: self._summaries.get(name) for name in names}

    def save(self) -> None:
        """Write the index file, which spares the next start from parsing all files."""
        with self._lock:
            if self._revision == self._saved_revision:
                return
            revision = self._revision
            sound = {n: s for n, s in self._summaries.items() if s.state != PROBLEM}
            pages = {n: asdict(s) for n, s in sound.items() if s.looked and s.mark}
            counts = dict(self._counts)
        write_json(self._file, {"form": _FORM, "pages": pages, "counts": counts})
        self._saved_revision = revision

    def _guess(self, name: str, place: PagePlace) -> Summary:
        """Return a preliminary summary of a page whose file was not parsed yet."""
        mark = _mark(place)
        known = self._known.get(name)
        if known is not None and known.mark == mark:
            return known
        return Summary(READ, mark=mark, looked=False) if mark else Summary(NEW)

    def _summary(self, name: str, stored: StoredPage, mark: str) -> Summary:
        lines = stored.page.lines
        read = [x.confidence for x in lines if x.confidence is not None and not x.confirmed]
        before = self._summaries.get(name)
        return Summary(
            stored.state,
            len(lines),
            sum(line.confirmed for line in lines),
            sum(read) / len(read) if read else None,
            "",
            tuple(line.text for line in lines),
            stored.changed_by,
            () if before is None else before.warnings,
            mark,
        )

    def _pages_of(self, path: Path) -> int:
        """Return the number of pages of a file, cached until it changes."""
        try:
            status = path.stat()
        except OSError:
            return count_pages(path)
        key = f"{path} {status.st_size} {status.st_mtime_ns}"
        if key not in self._counts:
            self._counts[key] = count_pages(path)
        return self._counts[key]

    def _set(self, name: str, summary: Summary) -> None:
        with self._lock:
            if self._summaries.get(name) != summary:
                self._summaries[name] = summary
                self._touch(name)

    def _touch(self, name: str) -> None:
        self._revision += 1
        self._changed[name] = self._revision


def _mark(place: PagePlace, state: str = "") -> str:
    mark = _mark_of(place.xml)
    return f"{mark} {_mark_of(place.picture)}" if state == PROBLEM else mark


def _mark_of(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return ""
    return f"{status.st_size} {status.st_mtime_ns}"


def _stored(value: Any) -> Tuple[Dict[str, Summary], Dict[str, int]]:
    """Read an index file; an invalid one is ignored."""
    try:
        if value["form"] != _FORM:
            return {}, {}
        pages = {
            name: Summary(
                **{**page, "texts": tuple(page["texts"]), "warnings": tuple(page["warnings"])}
            )
            for name, page in value["pages"].items()
        }
        return pages, {str(key): int(count) for key, count in value["counts"].items()}
    except (KeyError, TypeError, AttributeError, ValueError):
        return {}, {}
