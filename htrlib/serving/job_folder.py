"""Store asynchronous requests on disk until their answers are fetched.

Each job has a directory with `request.json` and `body`, `attempts` once it has been started, and
`answer` and `outcome.json` once it is done. Jobs and outcomes are written atomically, so that a
server finds its jobs again after it was killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import secrets
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Dict, List, Mapping, Optional

from htrlib.atomic_files import write_whole
from htrlib.errors import ConfigError
from htrlib.serving.logs import log
from htrlib.serving.replies import Reply

MOST_ATTEMPTS = 3
"""Starts of a job whose server ended meanwhile each time."""

_ID = re.compile("[0-9a-f]{32}")
_NEW, _OLD = ".new-", ".old-"  # before the ids of jobs that are being written and deleted


@dataclass(frozen=True)
class Job:
    """A waiting request.

    Attributes:
        id: id of the job.
        body: body of the request.
        headers: headers of the request, for a worker.
    """

    id: str
    body: bytes
    headers: Dict[str, str]


class JobFolder:
    """The jobs of one server.

    Args:
        directory: created if it is missing.
    Raises:
        ConfigError: the directory cannot be written to, or another server uses it.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._lock = _locked(directory)
        self._remove_leftovers()

    def close(self) -> None:
        """Release the directory for another server."""
        self._lock.close()

    def ids(self) -> List[str]:
        """Return the ids of all jobs, the oldest first."""
        found = [entry.name for entry in self.directory.iterdir() if _ID.fullmatch(entry.name)]
        made = {id: created for id in found if (created := self._created(id)) is not None}
        return sorted(made, key=lambda id: (made[id], id))

    def waiting(self) -> List[str]:
        """Return the unfinished jobs, the oldest first."""
        return [id for id in self.ids() if not self._path(id, "outcome.json").exists()]

    def total_bytes(self) -> int:
        """Return the total size of the files of all jobs."""
        total = 0
        for job in self.directory.iterdir():
            with contextlib.suppress(OSError):  # it is no job, or was deleted meanwhile
                total += sum(path.stat().st_size for path in job.iterdir())
        return total

    def _remove_leftovers(self) -> None:
        """Remove jobs that a server that was killed had not written, or not deleted, whole."""
        parts = [*self.directory.glob(f"{_NEW}*"), *self.directory.glob(f"{_OLD}*")]
        for path in self.directory.iterdir():
            with contextlib.suppress(OSError):  # what cannot be looked at stays
                if _ID.fullmatch(path.name) and path.is_dir():
                    parts += [path] if self._json(path.name, "request.json") is None else []
        for path in parts:
            shutil.rmtree(path, ignore_errors=True)
        if parts:
            log("parts of jobs removed", count=len(parts))

    def add(self, body: bytes, headers: Mapping[str, str]) -> str:
        """Store a request, and return the id of its job.

        Raises:
            OSError: it cannot be written.
        """
        id = secrets.token_hex(16)
        new = self.directory / f"{_NEW}{id}"
        try:
            new.mkdir(mode=0o700)
            request = {"created": time.time(), "headers": dict(headers)}
            described = json.dumps(request).encode()
            write_whole(new / "body", lambda file: file.write(body), durable=True)
            write_whole(new / "request.json", lambda file: file.write(described), durable=True)
            new.rename(self.directory / id)
        except OSError:
            shutil.rmtree(new, ignore_errors=True)
            raise
        return id

    def begin(self, id: str) -> Optional[Job]:
        """Start a job and count the attempt; return None if it was deleted.

        Raises:
            RuntimeError: the server ended `MOST_ATTEMPTS` times while the job was read.
        """
        try:
            attempts = self._attempts(id)
            if attempts >= MOST_ATTEMPTS:
                raise RuntimeError(f"the server ended {attempts} times while it read this")
            self._path(id, "attempts").write_text(str(attempts + 1), encoding="ascii")
            request = json.loads(self._path(id, "request.json").read_text(encoding="utf-8"))
            return Job(id, self._path(id, "body").read_bytes(), request["headers"])
        except FileNotFoundError:
            return None

    def put_back(self, id: str) -> None:
        """Undo the start of a job, which waits again."""
        with contextlib.suppress(FileNotFoundError):
            self._path(id, "attempts").write_text(str(self._attempts(id) - 1), encoding="ascii")

    def finish(self, id: str, reply: Reply) -> None:
        """Store the answer of a job, unless the job was deleted.

        Raises:
            OSError: it cannot be written.
        """
        outcome = {
            "finished": time.time(),
            "status": reply.status,
            "content_type": reply.content_type,
        }
        with contextlib.suppress(FileNotFoundError):
            self._path(id, "answer").write_bytes(reply.body)
            content = json.dumps(outcome).encode()
            write_whole(self._path(id, "outcome.json"), lambda file: file.write(content))
            self._path(id, "body").unlink()

    def answer(self, id: str) -> Optional[Reply]:
        """Return the answer of a job, or None if it is not done."""
        outcome = self._json(id, "outcome.json")
        if outcome is None:
            return None
        try:
            body = self._path(id, "answer").read_bytes()
        except FileNotFoundError:
            return None
        return Reply(int(outcome["status"]), body, str(outcome["content_type"]))

    def state(self, id: str) -> Optional[Dict[str, Any]]:
        """Return when a job was created and done, and its status; None if it does not exist."""
        created = self._created(id) if _ID.fullmatch(id) else None
        if created is None:
            return None
        outcome = self._json(id, "outcome.json") or {}
        state: Dict[str, Any] = {"created": created}
        state.update((key, outcome[key]) for key in ("finished", "status") if key in outcome)
        return state

    def delete(self, id: str) -> None:
        """Remove a job.

        Raises:
            OSError: it cannot be removed, or not all of its files.
        """
        old = self.directory / f"{_OLD}{id}"
        with contextlib.suppress(FileNotFoundError):  # it was deleted meanwhile
            (self.directory / id).rename(old)  # first, so that no part of it is taken for a job
            shutil.rmtree(old)

    def expire(self, seconds: float) -> int:
        """Remove jobs that were done long ago, and return their number."""
        end, removed = time.time() - seconds, 0
        for id in self.ids():
            outcome = self._json(id, "outcome.json")
            if outcome is not None and outcome["finished"] <= end:
                with contextlib.suppress(OSError):  # others may be removed
                    self.delete(id)
                    removed += 1
        return removed

    def _path(self, id: str, name: str) -> Path:
        return self.directory / id / name

    def _created(self, id: str) -> Optional[float]:
        try:
            return float((self._json(id, "request.json") or {})["created"])
        except (OSError, KeyError, TypeError, ValueError):
            return None

    def _attempts(self, id: str) -> int:
        path = self._path(id, "attempts")
        return int(path.read_text(encoding="ascii") or 0) if path.exists() else 0

    def _json(self, id: str, name: str) -> Optional[Dict[str, Any]]:
        try:
            value = json.loads(self._path(id, name).read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a damaged file
            return None
        return value if isinstance(value, dict) else None


def _locked(directory: Path) -> IO[bytes]:
    """Open and lock a file that only one server can hold."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = (directory / ".lock").open("wb")
    except OSError as error:
        raise ConfigError(
            f"jobs cannot be kept in {directory} ({error.strerror}); name a directory that the "
            "server may write to"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise ConfigError(
            f"another server keeps its jobs in {directory}; give each server its own directory"
        ) from None
    os.set_inheritable(lock.fileno(), False)
    return lock
