"""Show progress: a bar on a terminal, otherwise a line every half minute."""

from __future__ import annotations

import sys
import time
from typing import Iterable, Iterator, TypeVar

from tqdm import tqdm

SECONDS = 30.0
"""Time between two lines if standard error is not a terminal. Keeps logs short."""

Item = TypeVar("Item")


def progress(items: Iterable[Item], what: str, total: int) -> Iterator[Item]:
    """Yield the items, and report the number done on standard error.

    >>> sum(progress([1, 2], "adding", 2))
    3
    """
    if sys.stderr.isatty():
        yield from tqdm(items, what, total, leave=False)
        return
    told = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - told >= SECONDS and done < total:
            sys.stderr.write(f"{what}: {done:,} of {total:,}\n")
            sys.stderr.flush()
            told = now
