"""Worker process that makes batches: `python -m htrlib.training.batches.worker FILE_DESCRIPTOR`.

It is started as a separate program: a fork would copy a running MXNet, and a spawned process would
run the caller's main module again. It ends when the trainer ends.
"""

from __future__ import annotations

import signal
import sys
from multiprocessing.connection import Connection

STOPPING_SIGNALS = tuple(
    signal.Signals[name]
    for name in ("SIGINT", "SIGTERM", "SIGHUP")
    if name in signal.Signals.__members__  # Windows has no SIGHUP
)
"""Signals that stop a training after its current step."""


def main() -> None:
    """Receive a source of batches, then plans; send back batches, or errors in their place."""
    for number in STOPPING_SIGNALS:  # they are handled by the trainer
        signal.signal(number, signal.SIG_IGN)
    with Connection(int(sys.argv[1])) as connection:
        try:
            source = connection.recv()
            while True:
                plan = connection.recv()
                try:
                    connection.send(source.make(plan))
                except Exception as error:  # the trainer raises it
                    connection.send(error)
        except (EOFError, OSError):
            return


if __name__ == "__main__":
    main()
