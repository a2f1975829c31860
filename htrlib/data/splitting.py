"""Split pages or writers between two datasets."""

from __future__ import annotations

import random
from collections import Counter
from typing import Set

from htrlib.errors import DatasetError


def groups_of_first(sizes: Counter[str], fraction: float, by: str, seed: int) -> Set[str]:
    """The groups of samples that make the first dataset of a split.

    Args:
        sizes: group -> how many samples it has.
    Raises:
        DatasetError: there is one group.
    """
    groups = sorted(sizes)
    if len(groups) < 2:
        one = f"all of one {by} ({groups[0]})" if groups else "none"
        raise DatasetError(
            f"a split keeps the samples of a {by} together, and these are {one}; give data of "
            f"another {by}, or validation data of its own"
        )
    random.Random(seed).shuffle(groups)
    first, taken = set(), 0
    wanted = fraction * sum(sizes.values())
    for group in groups:
        # A group goes where it leaves the total nearer to what is wanted.
        if abs(taken + sizes[group] - wanted) <= abs(taken - wanted):
            first.add(group)
            taken += sizes[group]
    smallest = min(groups, key=sizes.__getitem__)  # ties: the first of the shuffled
    if not first:
        first.add(smallest)
    elif len(first) == len(groups):
        first.remove(smallest)
    return first
