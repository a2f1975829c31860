"""Keep files of a review whole: replace them on disk, one writer at a time."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import threading
from pathlib import Path
from typing import IO, Any, Iterator, Optional

from htrlib.atomic_files import write_whole
from htrlib.review.folder import SCRATCH_PREFIX, SCRATCH_SUFFIX

_FILE_MODE = 0o644  # of new files


def replace_file(path: Path, content: bytes) -> None:
    """Write a file, creating its folder if missing, and wait until it is on disk.

    Raises:
        OSError: the disk is full, or the file cannot be written; the old file is kept.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = path.stat().st_mode & 0o777 if path.exists() else _FILE_MODE
    handle, scratch = tempfile.mkstemp(
        dir=path.parent, prefix=SCRATCH_PREFIX, suffix=SCRATCH_SUFFIX
    )
    os.close(handle)
    write_whole(
        path,
        lambda file: file.write(content),
        scratch=Path(scratch),
        mode=mode,
        durable=True,
    )
    with contextlib.suppress(PermissionError):  # Windows cannot open folders, and does not need to
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def write_json(path: Path, value: Any) -> None:
    """Replace a JSON file. Raises like `replace_file`."""
    replace_file(path, json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace"))


def read_json(path: Path, default: Any) -> Any:
    """Read a JSON file, or return the default if it is missing or damaged."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return default


class FolderLock:
    """A lock on a folder among threads and, where files can be locked, processes.

    Args:
        path: path of the lock file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = threading.Lock()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock."""
        with self._threads, self._path.open("ab") as file:
            _lock(file.fileno())
            yield


def lock_at_once(path: Path) -> Optional[IO[bytes]]:
    """Lock a file until it is closed; return None if another server holds the lock."""
    file = path.open("ab")
    if _lock(file.fileno(), wait=False):
        return file
    file.close()
    return None


def _lock(descriptor: int, wait: bool = True) -> bool:
    """Take a lock, which the system releases when the file is closed or the process ends.

    Where files cannot be locked, nobody else is taken to hold it.

    Returns:
        False if another process holds it, and this one does not wait.
    """
    try:
        import fcntl  # imported here, because Windows does not have it
    except ImportError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:  # a network file system without locks
        pass
    return True
