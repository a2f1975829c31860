"""The pages that a training does not see, so that it can be measured by them."""

from __future__ import annotations

import hashlib
from typing import Collection, List

SHARE = 0.1  # of the pages with confirmed lines, and one at least
FEWEST_PAGES = 3  # one to measure by, and one of the others to choose the best epoch by


def kept_aside(pages: Collection[str], before: Collection[str]) -> List[str]:
    """The pages to keep aside.

    A page that was kept aside once stays so: a bundle may not learn from it what the next one is
    measured by.

    Args:
        pages: with confirmed lines.
        before: those that were kept aside so far.

    >>> kept_aside(["a", "b", "c"], before=["b"])
    ['b']
    """
    wanted = max(1, round(SHARE * len(pages)))
    stay = set(before) & set(pages)
    others = sorted(set(pages) - stay, key=lambda page: hashlib.sha256(page.encode()).digest())
    return sorted({*before, *others[: max(0, wanted - len(stay))]})
