"""Show progress: a bar on a terminal, or else a line every half minute."""

from __future__ import annotations

import sys
import time
from typing import Iterable, Iterator, TypeVar

from tqdm import tqdm

SECONDS = 30.0
"""Between two lines where standard error is no terminal: logs stay short, and show life."""

Item = TypeVar("Item")


class Heartbeat:
    """Prints progress every half minute, for use without a terminal.

    Args:
        what: description of the work.
        total: number of items.
        unit: name of an item.
    """

    def __init__(self, what: str, total: int, unit: str = "") -> None:
        self.what, self.total, self.unit = what, total, unit and f" {unit}"
        self.printed = time.monotonic()

    def beat(self, done: int) -> None:
        """Print the number of items done, if it is time and some are left."""
        now = time.monotonic()
        if now - self.printed < SECONDS or done >= self.total or sys.stderr.isatty():
            return
        sys.stderr.write(f"{self.what}: {done:,} of {self.total:,}{self.unit}\n")
        sys.stderr.flush()
        self.printed = now


def progress(items: Iterable[Item], what: str, total: int) -> Iterator[Item]:
    """Yield the items, and show the progress on standard error.

    >>> sum(progress([1, 2], "adding", 2))
    3
    """
    if sys.stderr.isatty():
        yield from tqdm(items, what, total, leave=False)
        return
    heartbeat = Heartbeat(what, total)
    for done, item in enumerate(items, start=1):
        yield item
        heartbeat.beat(done)
