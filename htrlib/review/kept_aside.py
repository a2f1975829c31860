"""Choose the pages on which trainings are evaluated, and which they must not see."""

from __future__ import annotations

import hashlib
from typing import Collection, List

SHARE = 0.1  # fraction of the pages with confirmed lines, at least one
FEWEST_PAGES = 3  # one for evaluation, and another one for validation


def kept_aside(pages: Collection[str], before: Collection[str]) -> List[str]:
    """Return the pages to keep aside.

    A page stays aside forever: if one bundle trained on it, the next one could not be evaluated.

    Args:
        pages: pages with confirmed lines.
        before: pages kept aside so far.

    >>> kept_aside(["a", "b", "c"], before=["b"])
    ['b']
    """
    wanted = max(1, round(SHARE * len(pages)))
    stay = set(before) & set(pages)
    others = sorted(set(pages) - stay, key=lambda page: hashlib.sha256(page.encode()).digest())
    return sorted({*before, *others[: max(0, wanted - len(stay))]})
