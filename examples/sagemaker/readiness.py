"""Wait until `set_up.sh` has installed htrlib, which a notebook instance does after its start."""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path

LOG = Path(__file__).resolve().parents[3] / "htrlib-set-up.log"
READY, NOT_READY = "htrlib is ready", "htrlib is not ready"


class SetUpFailedError(Exception):
    """The set-up ended with an error."""

    def _render_traceback_(self) -> list:  # the sentence says it all
        return [str(self)]


def wait_until_ready(log: Path = LOG, pause: float = 5.0) -> None:
    """Return when the set-up has ended; at once if none is running.

    Args:
        log: of the set-up.
        pause: seconds between two looks at it.
    Raises:
        SetUpFailedError: it ended with an error, whose last lines are told.
    """
    told = ""
    while log.is_file():
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        if READY in lines:
            break
        if any(line.startswith(NOT_READY) for line in lines):
            raise SetUpFailedError(
                "\n".join([f"htrlib could not be set up; the end of {log.name}:", *lines[-10:]])
            )
        last = lines[-1] if lines else ""
        if last != told:
            print(f"waiting for the set-up: {last}", file=sys.stderr, flush=True)
            told = last
        time.sleep(pause)
    importlib.invalidate_caches()  # what was installed meanwhile is found
