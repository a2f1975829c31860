"""What the list of pages shows of each, kept in memory and looked up again when a file changes."""

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

_FORM = 2  # of the index file


@dataclass(frozen=True)
class Summary:
    """One page of the list.

    Attributes:
        state: "new", "read", "in work", "done" or "problem".
        lines: how many it has.
        confirmed: how many of them a person confirmed.
        confidence: mean of its lines that were read and not confirmed, or None.
        problem: why it cannot be read or shown, where it cannot.
        texts: of its lines.
        changed_by: who changed it last.
        warnings: what makes its reading doubtful.
        mark: size and time of its file, by which a change is noticed.
        looked: whether its file was looked at; until then, the rest is a guess.
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
    """The summaries of a folder's pages, in the order of their names. Threads may share it."""

    def __init__(self, folder: ReviewFolder, store: PageStore) -> None:
        self._folder, self._store = folder, store
        self._file = folder.work / "index.json"
        self._lock = threading.RLock()
        self._scanning = threading.Lock()
        # Later than those of an earlier start, so that a page that is open still learns of all.
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
        """Grows with each change of a summary."""
        return self._revision

    def names(self) -> List[str]:
        """Of all pages, in order."""
        return list(self._places)

    def place(self, name: str) -> Optional[PagePlace]:
        """Where a page lies; None where there is no such page."""
        return self._places.get(name)

    def summaries(self) -> Dict[str, Summary]:
        """All of them by name, in order."""
        with self._lock:
            return {name: self._summaries[name] for name in self._places}

    def summary(self, name: str) -> Optional[Summary]:
        """Of one page."""
        return self._summaries.get(name)

    def scan(self) -> None:
        """Look which pages there are; what is known of one counts until `refresh`."""
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
        """Look at the files that changed since they were looked at last."""
        self.scan()
        for name, place in list(self._places.items()):
            summary = self._summaries.get(name)
            if summary is None or not summary.looked or summary.mark != _mark(place):
                self.look(name)

    def look(self, name: str) -> None:
        """Look at a page's file."""
        place = self._places.get(name)
        if place is None:
            return
        mark = _mark(place)
        try:
            self._set(name, self._summary(name, self._store.read(place), mark))
        except (HtrError, OSError) as error:
            self._set(name, Summary(PROBLEM, problem=str(error), mark=mark))

    def note(self, name: str, stored: StoredPage, warnings: Optional[Iterable[str]] = None) -> None:
        """Take what was just written.

        Args:
            warnings: what makes the reading doubtful; None leaves those that there were.
        """
        place = self._places.get(name)
        if place is not None:
            summary = self._summary(name, stored, _mark(place))
            if warnings is not None:
                summary = replace(summary, warnings=tuple(warnings))
            self._set(name, summary)

    def fail(self, name: str, problem: str) -> None:
        """Say why a page could not be read; it counts until its file changes, or a new start."""
        place = self._places.get(name)
        if place is not None:
            self._set(name, Summary(PROBLEM, problem=problem, mark=_mark(place)))

    def since(self, revision: int) -> Tuple[int, Dict[str, Optional[Summary]]]:
        """The revision now, and the pages that changed after another; None for those that went."""
        with self._lock:
            names = [n for n, changed in self._changed.items() if changed > revision]
            return self._revision, {name: self._summaries.get(name) for name in names}

    def save(self) -> None:
        """Write the index file, which spares the next start from looking at all files."""
        with self._lock:
            if self._revision == self._saved_revision:
                return
            revision = self._revision
            pages = {n: asdict(s) for n, s in self._summaries.items() if s.looked and s.mark}
            counts = dict(self._counts)
        write_json(self._file, {"form": _FORM, "pages": pages, "counts": counts})
        self._saved_revision = revision

    def _guess(self, name: str, place: PagePlace) -> Summary:
        """Of a page whose file was not looked at since the start."""
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
        """The pages of a file, counted once until it changes."""
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


def _mark(place: PagePlace) -> str:
    try:
        status = place.xml.stat()
    except OSError:
        return ""
    return f"{status.st_size} {status.st_mtime_ns}"


def _stored(value: Any) -> Tuple[Dict[str, Summary], Dict[str, int]]:
    """What an index file says; nothing where it is of another form."""
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
