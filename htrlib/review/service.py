"""The operations of the review server: list, show, change and read pages, and train.

All methods block, and are thread-safe.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import zipfile
from concurrent.futures import CancelledError, Future
from concurrent.futures.process import BrokenProcessPool
from typing import Any, BinaryIO, Callable, Dict, List, Optional, Sequence, Tuple, TypeVar

from htrlib._version import __version__
from htrlib.data.corrected_pages import CorrectedPage
from htrlib.data.corrections import Splice
from htrlib.data.page_places import PagePlace
from htrlib.document.results import TextLine
from htrlib.errors import BundleError, CorrectionError, HtrError
from htrlib.formats.page_editing import IN_WORK, READ
from htrlib.review.background import DIED, PROGRAM, BackgroundReading, Refreshing
from htrlib.review.folder import ReviewFolder
from htrlib.review.listing import changes, counts, listing
from htrlib.review.page_index import PageIndex
from htrlib.review.page_json import page_json, splice_json
from htrlib.review.page_merging import reread_lines, reread_page
from htrlib.review.page_pictures import LARGEST, Thumbnails, jpeg, picture_tag, shown_size
from htrlib.review.readers import PagePicture, Readers
from htrlib.review.requested_edits import edits_of
from htrlib.review.store import ConflictError, PageStore, StoredPage
from htrlib.review.trainings import Trainings, chosen_bundle, superseded
from htrlib.review.whole_files import read_json, write_json

Json = Dict[str, Any]
Value = TypeVar("Value")

_PICTURES_AT_ONCE = 2  # a large picture takes a few hundred megabytes while it is rendered


def _folder_id(folder: ReviewFolder) -> str:
    """Return what tells a folder from others that were served at the same address."""
    file = folder.work / "folder-id.json"
    if not isinstance(read_json(file, None), str):
        with contextlib.suppress(OSError):  # the disk is full
            write_json(file, secrets.token_hex(8))
    return str(read_json(file, ""))


class NoPageError(HtrError):
    """The folder does not have the page."""


class ReviewService:
    """A folder under review.

    Args:
        folder: folder of the pictures.
        readers: reads new pages.
        new_readers: creates readers for a bundle's directory.
        people: whether several people may edit, who are then asked for their names.
        token: whether a token is required.
    """

    def __init__(
        self,
        folder: ReviewFolder,
        readers: Readers,
        new_readers: Callable[[str], Readers],
        *,
        people: bool = False,
        token: bool = False,
    ) -> None:
        self.folder, self.readers = folder, readers
        self._new_readers = new_readers
        self._people, self._token = people, token
        self._folder_id = _folder_id(folder)
        self.store = PageStore(folder)
        self.index = PageIndex(folder, self.store)
        self.background = BackgroundReading(self.index, self.store, readers)
        self.trainings = Trainings(folder, self.index, self._read_with)
        self._refreshing = Refreshing(self.index)
        self._thumbnails = Thumbnails(folder.work / "thumbnails")
        self._drawing = threading.Semaphore(_PICTURES_AT_ONCE)

    def start(self) -> None:
        """Start reading new pages and looking for changed files."""
        self.folder.remove_scratch()
        self.background.use(self.readers, frozenset(self._superseded()))
        self._refreshing.start()
        self.background.start()

    def end(self) -> None:
        """Stop both, and a running training."""
        self.trainings.end()
        self.background.end()
        self._refreshing.end()
        self.readers.close()

    def _superseded(self) -> List[str]:
        """Return the labels of bundles whose results are to be read again, at the start.

        Only the chosen bundle supersedes others: another one would find its own results among them,
        and read these pages again and again.
        """
        with contextlib.suppress(BundleError):  # the chosen one was removed
            if chosen_bundle(self.folder) == self.readers.bundle:
                return superseded(self.folder)
        return []

    def overview(self) -> Json:
        """Return the folder, its numbers, and the progress of reading."""
        return {
            "folder": self.folder.pictures.name,
            "folder_id": self._folder_id,
            "people": self._people,
            "token": self._token,
            "version": __version__,
            "bundle": self.readers.label,
            **counts(self.index),
            "trainable": self.trainings.can_train(),
            "refused": list(self.index.refused),
            "reading": self.background.status(),
            "revision": self.index.revision,
        }

    def pages(self, offset: int, limit: int, state: str, search: str, sort: str) -> Json:
        """Return a part of the list; see `listing`."""
        return listing(self.index, offset, limit, state, search, sort)

    def changes(self, since: int) -> Json:
        """Return the changes after a revision, and the overview."""
        return {**changes(self.index, since), "overview": self.overview()}

    def page(self, name: str) -> Json:
        """Return a page. Raises `NoPageError`, and like `PageStore.read`."""
        place = self._place(name)
        return self._json(place, self.store.read(place))

    def edit(self, name: str, version: str, edits: object, by: str) -> Json:
        """Make a person's edits. Raises `NoPageError`, and like `PageStore.change`."""
        place = self._place(name)
        with self._noting_conflicts(name):
            stored, undo = self.store.change(place, version, edits_of(edits), by)
        self.index.note(name, stored)
        return self._changed(place, stored, undo)

    def read(self, name: str, version: str, lines: Optional[Sequence[str]], by: str) -> Json:
        """Read a page, or lines of it, again. Raises like `edit` and `read_page`.

        Args:
            lines: ids of the lines; None finds and reads all lines, except confirmed ones.
        """
        place = self._place(name)
        stored = self.store.read(place)
        if stored.version != version:
            raise ConflictError(stored)
        picture = PagePicture(place.picture, place.number)
        self.store.check(place.picture)
        warnings: Optional[Tuple[str, ...]] = None
        if lines is None:
            result = _awaited(self.readers.page(picture))
            warnings = result.warnings
            splice = reread_page(stored.page, CorrectedPage.of_result(result))
        else:
            places = [_place_of_line(stored.page, line) for line in lines]
            read = _awaited(self.readers.lines(picture, places))
            splice = reread_lines(stored.page, {line.id: line for line in read})
        untouched = lines is None and stored.state != IN_WORK and not stored.page.done
        untouched = untouched and not any(line.confirmed for line in stored.page.lines)
        who, state = (f"{PROGRAM}{self.readers.label}", READ) if untouched else (by, None)
        with self._noting_conflicts(name):
            stored, undo = self.store.change(place, version, [splice], who, state)
        self.index.note(name, stored, warnings)
        return self._changed(place, stored, undo)

    def history(self, name: str) -> List[Json]:
        """Return the earlier versions, the oldest first."""
        kept = self.store.history(self._place(name))
        return [{"number": one.number, "at": one.at, "by": one.by} for one in kept]

    def restore(self, name: str, version: str, number: int, by: str) -> Json:
        """Restore a version. Raises like `PageStore.restore`."""
        place = self._place(name)
        with self._noting_conflicts(name):
            stored = self.store.restore(place, version, number, by)
        self.index.note(name, stored)
        return self._changed(place, stored, ())

    def write_archive(self, target: BinaryIO) -> None:
        """Write a zip of the PAGE XML files into a file, and rewind it."""
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in self.index.names():
                place = self.index.place(name)
                if place is not None and self.folder.holds(place.xml) and place.xml.is_file():
                    archive.write(place.xml, place.xml.relative_to(self.folder.output))
        target.seek(0)

    def training(self) -> Json:
        """Return the state of the last training."""
        return self.trainings.status(self.readers.bundle)

    def start_training(self, minutes: float) -> Json:
        """Start a training. Raises like `Trainings.start`."""
        self.trainings.start(minutes, self.readers.bundle)
        return self.training()

    def stop_training(self) -> Json:
        """Stop the training."""
        self.trainings.stop()
        return self.training()

    def resume_training(self) -> Json:
        """Go on with the training that was stopped. Raises like `Trainings.resume`."""
        self.trainings.resume()
        return self.training()

    def use_trained(self) -> Json:
        """Use the new bundle for reading. Raises like `Trainings.use`."""
        self.trainings.use(self.readers.label)
        return self.training()

    def _read_with(self, bundle: str, labels: List[str]) -> None:
        """Use another bundle from the next page on."""
        before, self.readers = self.readers, self._new_readers(bundle)
        self.background.use(self.readers, frozenset(labels))
        before.close()

    def picture_tag(self, name: str, largest: int) -> str:
        """Return a tag that changes with the picture."""
        return picture_tag(self._place(name), largest)

    def picture(self, name: str, largest: int) -> bytes:
        """Return the page as a JPEG."""
        place = self._place(name)
        with self._drawing:
            return jpeg(place, shown_size(self.store.size(place), largest))

    def thumbnail(self, name: str) -> bytes:
        """Return the page as a small JPEG."""
        place = self._place(name)
        self.store.check(place.picture)
        with self._drawing:
            return self._thumbnails.of(place)

    def conflict(self, name: str, conflict: ConflictError) -> Json:
        """Return the current page after a conflict."""
        return self._json(self._place(name), conflict.current)

    def _place(self, name: str) -> PagePlace:
        place = self.index.place(name)
        if place is None:
            raise NoPageError(f"the folder has no page {name[:200]!r}")
        return place

    def _json(self, place: PagePlace, stored: StoredPage) -> Json:
        summary = self.index.summary(place.name)
        warnings = () if summary is None else summary.warnings
        shown = shown_size(stored.page.size, LARGEST)
        return page_json(place.name, stored, shown, self.index.names(), warnings)

    def _changed(self, place: PagePlace, stored: StoredPage, undo: Sequence[Splice]) -> Json:
        return {"page": self._json(place, stored), "undo": [splice_json(one) for one in undo]}

    @contextlib.contextmanager
    def _noting_conflicts(self, name: str) -> Any:
        """On a conflict, update the list with the other person's change."""
        try:
            yield
        except ConflictError as conflict:
            self.index.note(name, conflict.current)
            raise


def _awaited(future: Future[Value]) -> Value:
    """Wait for a reading. Raises its errors, or `HtrError` if it was canceled."""
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise HtrError(DIED) from error
    except CancelledError as error:
        raise HtrError("another bundle is in use now; try again") from error


def _place_of_line(page: CorrectedPage, line: object) -> TextLine:
    if not isinstance(line, str):
        raise CorrectionError("lines must be a list of ids")
    place = page.line(line).place
    if place is None:
        raise CorrectionError(f"line {line!r} has no position on the page; draw it first")
    return place
