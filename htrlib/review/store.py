"""Store pages on disk: one PAGE XML file per page, replaced atomically, with earlier versions.

A version is the hash of a file's bytes. Every change names the version it was made to; if the file
has changed since then, nothing is written.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path
from typing import List, Optional, Sequence, Tuple
from urllib.parse import quote, unquote

from htrlib.data.corrected_pages import CorrectedPage
from htrlib.data.corrections import Edit, Splice, correct
from htrlib.data.page_places import PagePlace
from htrlib.document.geometry import Size
from htrlib.errors import CorrectionError, HtrError
from htrlib.formats.page_editing import DONE, IN_WORK, Stamp, read_page_file, write_page_file
from htrlib.images.numbered_pages import page_size
from htrlib.review.folder import ReviewFolder
from htrlib.review.whole_files import FolderLock, replace_file

NEW = "new"
NO_FILE = ""
"""The version of a page that has no file yet."""

VERSIONS_KEPT = 200  # per page; each takes a few kilobytes

_PAGES_PARSED = 8  # kept in memory, for those who work on them
# Of a version; other programs leave files of other names, such as ._000001-....xml.gz.
_KEPT_NAME = re.compile(r"[0-9]{6,}-[0-9]{8}T[0-9]{6}Z-.*\.xml\.gz")
_TIME = "%Y%m%dT%H%M%SZ"
_LONGEST_NAME = 48  # maximum bytes of a person's name in the history


@dataclass(frozen=True)
class StoredPage:
    """A page as stored on disk.

    Attributes:
        version: hash of the file, or `NO_FILE` without a file.
        state: "new", "read", "in work" or "done".
        changed_by: author of the last change.
    """

    page: CorrectedPage
    version: str
    state: str
    changed_by: str


@dataclass(frozen=True)
class KeptVersion:
    """An earlier version of a page.

    Attributes:
        number: number of the version, from 1.
        at: time it was written, such as 2026-01-31T12:00:00Z.
        by: its author.
    """

    number: int
    at: str
    by: str


class ConflictError(HtrError):
    """The page was changed in the meantime; `current` is the stored page."""

    def __init__(self, current: StoredPage) -> None:
        self.current = current
        who = current.changed_by or "Somebody else"
        super().__init__(
            f"{who} changed this page meanwhile, and your change was not saved; look at the page "
            "as it is now and make your change again"
        )


class OutsideFolderError(HtrError):
    """A file has become a link out of the folder since the folder was scanned."""


class PageStore:
    """Reads and writes the pages of a folder, safely for threads and processes."""

    def __init__(self, folder: ReviewFolder) -> None:
        self.folder = folder
        self._history = folder.work / "history"
        self._lock = FolderLock(folder.work / "lock")
        # A large page takes most of a save's time to parse, and it is the one parsed last.
        self._read_page_file = lru_cache(_PAGES_PARSED)(read_page_file)

    def read(self, place: PagePlace) -> StoredPage:
        """Read a page.

        Raises:
            AnnotationError: its file is not PAGE XML, or its picture had another size.
            ImageError: the picture cannot be read.
            OutsideFolderError: the file or the picture is a link out of the folder.
            OSError: the file cannot be read.
        """
        return self._parsed(place, self._content(place.xml))

    def change(
        self,
        place: PagePlace,
        version: str,
        edits: Sequence[Edit],
        by: str,
        state: Optional[str] = None,
    ) -> Tuple[StoredPage, Tuple[Splice, ...]]:
        """Make edits to a page, all or none.

        Args:
            version: version of the page to which the edits are made.
            by: author of the edits.
            state: new state of the page; None chooses "in work" or "done" by the page's mark.
        Returns:
            The new page, and the edits that undo these, in the order to make them.
        Raises:
            ConflictError: the page has another version now.
            CorrectionError: an edit does not apply to the page.
            OSError: the disk is full, or the file cannot be written.
        """
        with self._lock.held():
            content, stored = self._expected(place, version)
            page, undos = stored.page, []
            for edit in edits:
                page, undo = correct(page, edit)
                undos.append(undo)
            stamp = Stamp(by, state or (DONE if page.done else IN_WORK))
            written = self._write(place, content, stored, page, stamp)
            return written, tuple(reversed(undos))

    def put(self, place: PagePlace, version: str, page: CorrectedPage, stamp: Stamp) -> StoredPage:
        """Write a whole page, such as a new reading. Raises like `change`."""
        with self._lock.held():
            content, stored = self._expected(place, version)
            return self._write(place, content, stored, page, stamp)

    def history(self, place: PagePlace) -> List[KeptVersion]:
        """The versions before, the oldest first."""
        return [_kept_version(path) for path in self._kept(place)]

    def restore(self, place: PagePlace, version: str, number: int, by: str) -> StoredPage:
        """Restore a version; the current one is kept, so that this can be undone.

        Raises:
            CorrectionError: the version does not exist.
            ConflictError, OSError: see `change`.
        """
        with self._lock.held():
            content, stored = self._expected(place, version)
            found = [path for path in self._kept(place) if _kept_version(path).number == number]
            if not found:
                raise CorrectionError(f"the page has no version {number}; load its history again")
            old = gzip.decompress(found[0].read_bytes())
            file = read_page_file(old, place.xml, stored.page.size)
            written = write_page_file(
                old, file.page, place.picture.name, Stamp(by, file.state), place.xml
            )
            self._replace(place, content, stored, written)
            return self._parsed(place, written)

    def size(self, place: PagePlace) -> Size:
        """Return the size of a page's picture.

        Raises:
            ImageError: the picture cannot be read.
            OutsideFolderError: it is a link out of the folder.
        """
        self.check(place.picture)
        return page_size(place.picture, place.number)

    def check(self, path: Path) -> None:
        """Check that a page's files have not become links out of the folder.

        Raises:
            OutsideFolderError: one of them has.
        """
        if not self.folder.holds(path):
            raise OutsideFolderError(
                f"{path.name} is a link out of the folder and is not opened; copy the file"
            )

    def _expected(self, place: PagePlace, version: str) -> Tuple[Optional[bytes], StoredPage]:
        """Read the stored page, and check its version."""
        content = self._content(place.xml)
        stored = self._parsed(place, content)
        if stored.version != version:
            raise ConflictError(stored)
        return content, stored

    def _parsed(self, place: PagePlace, content: Optional[bytes]) -> StoredPage:
        size = self.size(place)
        if content is None:
            return StoredPage(CorrectedPage(size), NO_FILE, NEW, "")
        file = self._read_page_file(content, place.xml, size)
        return StoredPage(file.page, _version(content), file.state, file.changed_by)

    def _content(self, path: Path) -> Optional[bytes]:
        self.check(path)
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None

    def _write(
        self,
        place: PagePlace,
        before: Optional[bytes],
        stored: StoredPage,
        page: CorrectedPage,
        stamp: Stamp,
    ) -> StoredPage:
        content = write_page_file(before, page, place.picture.name, stamp, place.xml)
        written = self._parsed(place, content)  # verify that it can be read back before writing
        self._replace(place, before, stored, content)
        return written

    def _replace(
        self, place: PagePlace, before: Optional[bytes], stored: StoredPage, content: bytes
    ) -> None:
        if before is not None:
            self._keep(place, before, stored.changed_by)
        replace_file(place.xml, content)

    def _keep(self, place: PagePlace, content: bytes, by: str) -> None:
        """Keep a version, with its author and time."""
        folder, kept = self._history_of(place), self._kept(place)
        number = _kept_version(kept[-1]).number + 1 if kept else 1
        when = datetime.fromtimestamp(place.xml.stat().st_mtime, timezone.utc).strftime(_TIME)
        who = by.encode("utf-8", "ignore")[:_LONGEST_NAME].decode("utf-8", "ignore")
        name = f"{number:06d}-{when}-{quote(who, safe='')}.xml.gz"
        replace_file(folder / name, gzip.compress(content, 6, mtime=0))
        # The first version is always kept: it is the page before any correction.
        for old in kept[1 : max(1, len(kept) + 1 - VERSIONS_KEPT)]:
            old.unlink(missing_ok=True)

    def _kept(self, place: PagePlace) -> List[Path]:
        files = self._history_of(place).glob("*.xml.gz")
        return sorted(path for path in files if _KEPT_NAME.fullmatch(path.name))

    def _history_of(self, place: PagePlace) -> Path:
        return self._history / place.name


def _kept_version(path: Path) -> KeptVersion:
    number, when, who = path.name[: -len(".xml.gz")].split("-", 2)
    at = datetime.strptime(when, _TIME).strftime("%Y-%m-%dT%H:%M:%SZ")
    return KeptVersion(int(number), at, unquote(who))


def _version(content: Optional[bytes]) -> str:
    return NO_FILE if content is None else hashlib.sha256(content).hexdigest()
