"""How far something long is: a bar on a terminal, elsewhere a line every half minute."""

from __future__ import annotations

import sys
import time
from typing import Iterable, Iterator, TypeVar

from tqdm import tqdm

SECONDS = 30.0
"""Between two lines where standard error is no terminal: logs stay short, and show life."""

Item = TypeVar("Item")


def progress(items: Iterable[Item], what: str, total: int) -> Iterator[Item]:
    """The items; on standard error, how many of them are behind.

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
