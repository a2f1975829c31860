"""The truth on disk: one PAGE XML file a page, replaced whole, the version before it kept.

A version is the hash of a file's bytes. Who changes a page says which version the change was made
to; where the file is another one by then, nothing is written.
"""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import hashlib
import json
import os
import re
import tempfile
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Iterator, List, Optional, Sequence, Tuple

from htrlib.data.corrections import CorrectedPage, Edit, Splice, correct
from htrlib.document.geometry import Size
from htrlib.errors import HtrError
from htrlib.formats.page_editing import DONE, IN_WORK, Stamp, read_page_file, write_page_file
from htrlib.images.loading import image_size
from htrlib.review.folder import PagePlace, ReviewFolder

NEW = "new"
NO_FILE = ""  # the version of a page that has no file yet

VERSIONS_KEPT = 200  # of each page; each takes a few kilobytes

_UNSAFE = re.compile(r"[^\w.-]+")


@dataclass(frozen=True)
class StoredPage:
    """A page as it stands on disk.

    Attributes:
        version: hash of the file, `NO_FILE` where there is none.
        state: "new", "read", "in work" or "done".
        changed_by: who changed it last.
    """

    page: CorrectedPage
    version: str
    state: str
    changed_by: str


class ConflictError(HtrError):
    """Somebody else changed the page meanwhile; `current` is what stands there now."""

    def __init__(self, current: StoredPage) -> None:
        self.current = current
        who = current.changed_by or "somebody else"
        super().__init__(f"{who} changed this page meanwhile; your change was not written")


class PageStore:
    """Reads and writes the pages of a folder. Threads and processes may share it."""

    def __init__(self, folder: ReviewFolder) -> None:
        self.folder = folder
        self._history = folder.work / "history"

    def read(self, place: PagePlace) -> StoredPage:
        """A page as it stands on disk.

        Raises:
            AnnotationError: its file is no PAGE XML, or about a picture of another size.
            ImageError: the picture cannot be read.
        """
        return self._parsed(place, self._content(place.xml))

    def change(
        self, place: PagePlace, version: str, edits: Sequence[Edit], by: str
    ) -> Tuple[StoredPage, Tuple[Splice, ...]]:
        """Make a person's edits to a page, all or none.

        Args:
            version: of the page that the edits were made to.
            by: who makes them.
        Returns:
            the page now, and the edits that undo these, in the order to make them.
        Raises:
            ConflictError: the page is another version by now.
            CorrectionError: an edit does not fit the page.
            OSError: the disk is full, or the file cannot be written.
        """
        with self._locked():
            content = self._content(place.xml)
            stored = self._parsed(place, content)
            if stored.version != version:
                raise ConflictError(stored)
            page, undos = stored.page, []
            for edit in edits:
                page, undo = correct(page, edit)
                undos.append(undo)
            state = DONE if page.done else IN_WORK
            self._write(place, content, page, Stamp(by, state))
            return self.read(place), tuple(reversed(undos))

    def put(self, place: PagePlace, version: str, page: CorrectedPage, stamp: Stamp) -> StoredPage:
        """Write a whole page, as reading it gives one; raises as `change`."""
        with self._locked():
            content = self._content(place.xml)
            if _version(content) != version:
                raise ConflictError(self._parsed(place, content))
            self._write(place, content, page, stamp)
            return self.read(place)

    def history(self, place: PagePlace) -> List[str]:
        """Names of the kept versions, the oldest first: number, time, who had written it."""
        folder = self._history_of(place)
        return sorted(path.name for path in folder.glob("*.xml.gz")) if folder.is_dir() else []

    def _parsed(self, place: PagePlace, content: Optional[bytes]) -> StoredPage:
        size = self.size(place)
        if content is None:
            return StoredPage(CorrectedPage(size), NO_FILE, NEW, "")
        file = read_page_file(content, place.xml, size)
        return StoredPage(file.page, _version(content), file.state, file.changed_by)

    def size(self, place: PagePlace) -> Size:
        """Of a page's picture.

        Raises:
            ImageError: it cannot be read, or is a link out of the folder.
        """
        self._check(place.picture)
        return image_size(place.picture)

    def _content(self, path: Path) -> Optional[bytes]:
        self._check(path)
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None

    def _check(self, path: Path) -> None:
        """Refuse what has become a link out of the folder since the folder was looked through."""
        if not self.folder.holds(path):
            raise PermissionError(f"{path.name} leads out of the folder and is not opened")

    def _write(
        self, place: PagePlace, before: Optional[bytes], page: CorrectedPage, stamp: Stamp
    ) -> None:
        content = write_page_file(before, page, place.picture.name, stamp, place.xml)
        read_page_file(content, place.xml, page.size)  # what cannot be read back is not written
        if before is not None:
            self._keep(place, before)
        place.xml.parent.mkdir(parents=True, exist_ok=True)
        _replace(place.xml, content)

    def _keep(self, place: PagePlace, content: bytes) -> None:
        """Keep a version, with who had written it and until when it stood."""
        folder = self._history_of(place)
        folder.mkdir(parents=True, exist_ok=True)
        kept = self.history(place)
        number = int(kept[-1].partition("-")[0]) + 1 if kept else 1
        by = read_page_file(content, place.xml, self.size(place)).changed_by
        when = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        name = f"{number:06d}-{when}-{_UNSAFE.sub('_', by)[:40] or 'unknown'}.xml.gz"
        _replace(folder / name, gzip.compress(content, 6, mtime=0))
        # The first stays: it is what was there before people came.
        for old in kept[1 : max(1, len(kept) + 1 - VERSIONS_KEPT)]:
            (folder / old).unlink(missing_ok=True)

    def _history_of(self, place: PagePlace) -> Path:
        return self._history / place.name

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One at a time reads a version and writes the next, among all servers of the folder."""
        with (self.folder.work / "lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def write_json(path: Path, value: Any) -> None:
    """Replace a JSON file whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _replace(path, json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace"))


def read_json(path: Path, default: Any) -> Any:
    """What a JSON file holds, or the default where it is missing or damaged."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return default


def _version(content: Optional[bytes]) -> str:
    return NO_FILE if content is None else hashlib.sha256(content).hexdigest()


def _replace(path: Path, content: bytes) -> None:
    """Write a file so that it is, at every moment, whole: the old one or the new one."""
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=".htr-", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(scratch).chmod(0o644 if not path.exists() else path.stat().st_mode & 0o777)
        Path(scratch).replace(path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
