"""Manage the trainings of a folder, and the bundle in use."""

from __future__ import annotations

import hashlib
import importlib.util
import threading
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

from htrlib.bundle import load_bundle
from htrlib.data.page_places import KEPT_ASIDE
from htrlib.data.pictures import safe_name
from htrlib.errors import CorrectionError
from htrlib.review.folder import ReviewFolder
from htrlib.review.kept_aside import FEWEST_PAGES, kept_aside
from htrlib.review.page_index import PageIndex
from htrlib.review.training_job import RUNNING, STOPPED, TrainingJob
from htrlib.review.whole_files import read_json, write_json

LEAST_MINUTES, MOST_MINUTES = 0.1, 7 * 24 * 60.0

Json = Dict[str, Any]


class Trainings:
    """Starts trainings, one at a time.

    Args:
        folder: folder with confirmed lines.
        index: index of its pages.
        use: called with the directory of a bundle to use from now on, and the labels of bundles
            whose results it supersedes.
    """

    def __init__(
        self, folder: ReviewFolder, index: PageIndex, use: Callable[[str, List[str]], None]
    ) -> None:
        self._folder, self._index, self._use = folder, index, use
        self._home = folder.work / "trainings"
        self._lock = threading.RLock()
        self._number = 0
        self._job: Optional[TrainingJob] = None
        self._latest()

    def status(self, in_use: str) -> Json:
        """Return the last training, and whether another one can start.

        Args:
            in_use: directory of the bundle in use.
        """
        pages, lines = self._confirmed()
        reason = self._why_not(pages)
        job = self._latest()
        state = None if job is None else job.state
        stopped = state is not None and state.state == STOPPED
        no_way_on = self._why_not_resume(pages) if stopped else ""
        return {
            "state": "idle" if state is None else state.state,
            "folder": None if job is None else str(job.folder),
            "lines": lines,
            "pages": len(pages),
            "minutes": 0 if state is None else state.minutes,
            "progress": 0.0 if job is None else job.progress(),
            "log": [] if job is None else job.log(),
            "before": None if state is None else state.before,
            "after": None if state is None else state.after,
            "bundle": None if state is None else state.bundle,
            "in_use": in_use,
            "problem": "" if state is None else state.problem,
            "can_train": not reason,
            "why_not": reason,
            "can_resume": stopped and not no_way_on,
            "why_not_resume": no_way_on,
        }

    def can_train(self) -> bool:
        """Return whether a training can start."""
        return not self._why_not(self._confirmed()[0])

    def start(self, minutes: float, init: str) -> None:
        """Start a training on the confirmed lines.

        Raises:
            CorrectionError: it cannot start; the message says why.
        """
        if not LEAST_MINUTES <= minutes <= MOST_MINUTES:
            raise CorrectionError(
                f"minutes must be from {LEAST_MINUTES:g} to {MOST_MINUTES:,.0f}, found {minutes:g}"
            )
        with self._lock:
            pages, _ = self._confirmed()
            reason = self._why_not(pages)
            if reason:
                raise CorrectionError(reason)
            path = self._folder.work / KEPT_ASIDE
            before = read_json(path, [])
            write_json(path, kept_aside(pages, before if isinstance(before, list) else []))
            self._number = self._last_number() + 1
            self._job = self._new_job(self._number)
            self._job.start(minutes, init, self._data())

    def resume(self) -> None:
        """Go on with the training that was stopped.

        Raises:
            CorrectionError: it cannot go on; the message says why.
        """
        with self._lock:
            reason = self._why_not_resume(self._confirmed()[0])
            if reason:
                raise CorrectionError(reason)
            self._job = self._new_job(self._number)
            self._job.resume()

    def stop(self) -> None:
        """Stop the running training, if any.

        Raises:
            CorrectionError: another server of the folder runs it.
        """
        job = self._latest()
        if job is not None and job.elsewhere:
            raise CorrectionError(
                "another htr review of this folder runs the training; stop it there"
            )
        if job is not None:
            job.stop()

    def end(self) -> None:
        """Stop, and wait for the end, because the server ends."""
        if self._job is not None and self._job.state.state == RUNNING:
            self._job.end()

    def use(self, in_use: str) -> None:
        """Use the new bundle from now on, also after a restart.

        Args:
            in_use: label of the bundle in use so far, which may have been removed.
        Raises:
            CorrectionError: there is no new bundle.
            BundleError: the bundle is damaged.
        """
        job = self._latest()
        bundle = None if job is None else job.state.bundle
        if bundle is None or job is None or job.state.state == RUNNING:
            raise CorrectionError("there is no new bundle; train one first")
        new = load_bundle(bundle).label
        known = dict.fromkeys([*superseded(self._folder), in_use])
        labels = [label for label in known if label != new]
        write_json(_choice(self._folder), {"bundle": bundle, "superseded": labels})
        self._use(bundle, labels)

    def _confirmed(self) -> Tuple[List[str], int]:
        """Return the XML files of pages with confirmed lines, and the number of these lines."""
        files, lines = [], 0
        for name, summary in self._index.summaries().items():
            place = self._index.place(name)
            if summary.confirmed and place is not None:
                files.append(place.xml.relative_to(self._folder.output).as_posix())
                lines += summary.confirmed
        return files, lines

    def _why_not(self, pages: List[str]) -> str:
        if importlib.util.find_spec("mxnet") is None:
            return (
                "training needs MXNet, which runs on Linux with Python 3.9 to 3.12; train the "
                "folder there with: htr train line-recognition --train review FOLDER"
            )
        job = self._latest()
        if job is not None and job.state.state == RUNNING:
            return "a training runs already"
        if len(pages) < FEWEST_PAGES:
            return (
                f"confirm lines on {FEWEST_PAGES} pages at least, of which one is kept aside to "
                f"measure by; {len(pages)} have some"
            )
        return ""

    def _why_not_resume(self, pages: List[str]) -> str:
        job = self._latest()
        if job is None or job.state.state != STOPPED:
            return "there is no training that was stopped"
        if job.state.data != self._data():
            return (
                "confirmed lines have changed since, and a training goes on only with the same "
                "ones; start a new one, which learns from all"
            )
        return self._why_not(pages)

    def _data(self) -> str:
        """Return what changes with the confirmed lines."""
        summaries = self._index.summaries().items()
        marks = [f"{name} {summary.mark}" for name, summary in summaries if summary.confirmed]
        return hashlib.sha256("\n".join(marks).encode("utf-8", "surrogateescape")).hexdigest()

    def _latest(self) -> Optional[TrainingJob]:
        """Return the last training, which another server of the folder may have started."""
        with self._lock:  # or it would read the state of one that is being started
            number = self._last_number()
            if number > self._number:
                self._number, self._job = number, self._new_job(number)
                self._job.recover()
            return self._job

    def _new_job(self, number: int) -> TrainingJob:
        folder = self._folder
        name = f"{safe_name(folder.pictures.name)}-{number}"
        images = None if folder.output == folder.pictures else str(folder.pictures)
        data = ["review", str(folder.output)]
        return TrainingJob(self._home / f"{number:04d}", name, data, images)

    def _last_number(self) -> int:
        numbers = [int(path.name) for path in self._home.glob("[0-9]*") if path.name.isdecimal()]
        return max(numbers, default=0)


def chosen_bundle(folder: ReviewFolder) -> Optional[str]:
    """Return the bundle that people chose for a folder, or None.

    Raises:
        BundleError: it is damaged, or was moved or removed.
    """
    choice = read_json(_choice(folder), {})
    bundle = choice.get("bundle") if isinstance(choice, dict) else None
    return str(load_bundle(bundle).directory) if isinstance(bundle, str) else None


def superseded(folder: ReviewFolder) -> List[str]:
    """Return the labels of the bundles that the last chosen one supersedes."""
    choice = read_json(_choice(folder), {})
    labels = choice.get("superseded") if isinstance(choice, dict) else None
    return [str(label) for label in labels] if isinstance(labels, list) else []


def _choice(folder: ReviewFolder) -> Path:
    return folder.work / "bundle.json"
