"""A process that makes batches: `python -m htrlib.training.batches.worker FILE_DESCRIPTOR`.

It is a program of its own, neither a fork, which would copy a running MXNet, nor a spawned process,
which would run the caller's main module again. It ends when the trainer does.
"""

from __future__ import annotations

import signal
import sys
from multiprocessing.connection import Connection


def main() -> None:
    """Take a source of batches, then plans; give batches, or the error in their place."""
    for number in (signal.SIGINT, signal.SIGTERM):  # the trainer decides what these mean
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
