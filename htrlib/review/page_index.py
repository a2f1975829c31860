"""What the list of pages shows of each, kept in memory and looked up again when a file changes."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass
from typing import Any, Dict, List, Optional, Tuple

from htrlib.errors import HtrError
from htrlib.review.folder import PagePlace, ReviewFolder
from htrlib.review.store import NEW, PageStore, StoredPage, read_json, write_json

_FORM = 1  # of the index file


@dataclass(frozen=True)
class Summary:
    """One page of the list.

    Attributes:
        state: "new", "read", "in work" or "done"; "unknown" until its file was looked at.
        lines: how many it has.
        confirmed: how many of them a person confirmed.
        confidence: mean of its lines that were read and not confirmed, or None.
        problem: why it cannot be shown, where it cannot.
        texts: of its lines.
        mark: size and time of its file, by which a change is noticed.
    """

    state: str
    lines: int = 0
    confirmed: int = 0
    confidence: Optional[float] = None
    problem: str = ""
    texts: Tuple[str, ...] = ()
    mark: str = ""


class PageIndex:
    """The summaries of a folder's pages. Threads may share it."""

    def __init__(self, folder: ReviewFolder, store: PageStore) -> None:
        self._folder, self._store = folder, store
        self._file = folder.work / "index.json"
        self._lock = threading.Lock()
        self._revision = 0
        self._changed: Dict[str, int] = {}
        self.summaries: Dict[str, Summary] = {}
        self.places: Dict[str, PagePlace] = {}
        self.refused: List[str] = []
        self._failures: Dict[str, str] = {}
        self._known = _stored(read_json(self._file, {}))
        self.scan()

    def scan(self) -> None:
        """Look which pictures there are; what is known of a page counts until `refresh`."""
        places, refused = self._folder.scan()
        with self._lock:
            for name in set(self.places) - set(places):
                self.summaries.pop(name, None)
                self._touch(name)
            self.places, self.refused = places, refused
        for name, place in places.items():
            if name not in self.summaries:
                known = self._known.get(name)
                mark = _mark(place)
                if known is None or known.mark != mark:
                    known = Summary("unknown" if mark else NEW)
                self._set(name, known)

    def refresh(self) -> None:
        """Look at the files that changed since they were looked at last."""
        self.scan()
        for name, place in list(self.places.items()):
            summary = self.summaries.get(name)
            if summary is None or summary.state == "unknown" or summary.mark != _mark(place):
                self.look(name)

    def look(self, name: str) -> None:
        """Look at a page's file."""
        place = self.places[name]
        mark = _mark(place)
        try:
            self._set(name, self._summary(name, self._store.read(place), mark))
        except (HtrError, OSError) as error:
            self._set(name, Summary("unknown", problem=str(error), mark=mark))

    def note(self, name: str, stored: StoredPage) -> None:
        """Take what was just written."""
        self._failures.pop(name, None)
        self._set(name, self._summary(name, stored, _mark(self.places[name])))

    def fail(self, name: str, problem: str) -> None:
        """Remember why a page could not be read."""
        self._failures[name] = problem
        self._set(name, Summary(NEW, problem=problem, mark=_mark(self.places[name])))

    def since(self, revision: int) -> Tuple[int, Dict[str, Optional[Summary]]]:
        """The revision now, and the pages that changed after another; None for those that went."""
        with self._lock:
            names = [n for n, changed in self._changed.items() if changed > revision]
            return self._revision, {name: self.summaries.get(name) for name in names}

    def search(self, text: str, most: int = 200) -> Dict[str, str]:
        """Pages that hold a text, upper and lower case alike, each with the first line of it."""
        wanted = text.casefold()
        found: Dict[str, str] = {}
        for name in self.places:
            summary = self.summaries.get(name)
            lines = () if summary is None else summary.texts
            line = next((line for line in lines if wanted in line.casefold()), None)
            if line is None and wanted in name.casefold():
                line = ""
            if line is not None:
                found[name] = line
                if len(found) == most:
                    break
        return found

    def waiting(self) -> List[str]:
        """The pages that nobody has read yet, those that cannot be read left out."""
        states = self.summaries
        return [
            name
            for name in self.places
            if name in states and states[name].state == NEW and name not in self._failures
        ]

    def save(self) -> None:
        """Write the index file, which spares the next start from looking at all files."""
        pages = {name: asdict(summary) for name, summary in list(self.summaries.items())}
        write_json(self._file, {"form": _FORM, "pages": pages})

    def _summary(self, name: str, stored: StoredPage, mark: str) -> Summary:
        lines = stored.page.lines
        read = [x.confidence for x in lines if x.confidence is not None and not x.confirmed]
        return Summary(
            stored.state,
            len(lines),
            sum(line.confirmed for line in lines),
            sum(read) / len(read) if read else None,
            self._failures.get(name, ""),
            tuple(line.text for line in lines),
            mark,
        )

    def _set(self, name: str, summary: Summary) -> None:
        with self._lock:
            if self.summaries.get(name) != summary:
                self.summaries[name] = summary
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


def _stored(value: Any) -> Dict[str, Summary]:
    try:
        if value["form"] != _FORM:
            return {}
        return {
            name: Summary(**{**page, "texts": tuple(page["texts"])})
            for name, page in value["pages"].items()
        }
    except (KeyError, TypeError, AttributeError):
        return {}
