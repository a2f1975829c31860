"""Worker process that makes batches: `python -m htrlib.training.batches.worker FILE_DESCRIPTOR`.

It is started as a separate program: a fork would copy a running MXNet, and a spawned process would
run the caller's main module again. It ends when the trainer ends.
"""

from __future__ import annotations

import signal
import sys
from multiprocessing.connection import Connection

from htrlib.ending_signals import ENDING_SIGNALS


def main() -> None:
    """Receive a source of batches, then plans; send back batches, or errors in their place."""
    for number in ENDING_SIGNALS:  # they are handled by the trainer
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
