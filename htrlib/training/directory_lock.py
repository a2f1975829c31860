"""Lock a training directory against a second training."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import Iterator, TextIO

from htrlib.errors import TrainingError

LOCK = "training.lock"


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold a directory's lock.

    The system releases the lock when the process ends, even if it is killed, so a lock file left
    behind does no harm. File systems without locks stay unlocked.

    Raises:
        TrainingError: another training runs in the directory.
    """
    path = directory / LOCK
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _runs(directory, file) from None
        except OSError:  # a network file system without locks
            yield
            return
        if not _is_there(path, file):  # removed by a training that has just ended
            raise _runs(directory, file)
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _is_there(path: Path, file: TextIO) -> bool:
    """Return whether the open file is the one with this name."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _runs(directory: Path, file: TextIO) -> TrainingError:
    file.seek(0)
    number = file.read().strip() or "unknown"
    return TrainingError(
        f"a training runs in {directory} (process {number}); wait for it, stop it, or name another "
        "directory"
    )
