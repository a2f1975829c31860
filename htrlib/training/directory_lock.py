"""One training a directory: a second one is refused while the first runs."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import Iterator

from htrlib.errors import TrainingError

LOCK = "training.lock"


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep other trainings out of a directory.

    The system takes the lock from a process that ends, killed or not; the file stays, and by itself
    locks nothing. File systems without locks are left unlocked.

    Raises:
        TrainingError: a training runs there.
    """
    path = directory / LOCK
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            number = file.read().strip() or "unknown"
            raise TrainingError(
                f"a training runs in {directory} (process {number}); wait for it, stop it, or name "
                "another directory"
            ) from None
        except OSError:  # a network's disk that knows no locks
            yield
            return
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
