"""Split pages or writers between two datasets."""

from __future__ import annotations

import random
from collections import Counter
from typing import List, Mapping, Set, TypeVar

from htrlib.errors import DatasetError

Key = TypeVar("Key")


def of_split(splits: Mapping[Key, str], wanted: str) -> List[Key]:
    """Return what is in a split.

    Args:
        splits: what states a split -> the split.
    Raises:
        DatasetError: nothing is.
    """
    found = [key for key, split in splits.items() if split == wanted]
    if not found:
        names = ", ".join(sorted(set(splits.values())))
        have = f"there are {names}" if names else "the data names no splits"
        raise DatasetError(f"no sample is in the split {wanted!r}; {have}")
    return found


def groups_of_first(sizes: Counter[str], fraction: float, by: str, seed: int) -> Set[str]:
    """Choose the groups of samples for the first dataset of a split.

    Args:
        sizes: number of samples of each group.
    Raises:
        DatasetError: there is only one group.
    """
    groups = sorted(sizes)
    if len(groups) < 2:
        one = f"all of one {by} ({groups[0]})" if groups else "none"
        raise DatasetError(
            f"a split keeps the samples of a {by} together, and these are {one}; add data of "
            f"another {by}, or give separate validation data"
        )
    random.Random(seed).shuffle(groups)
    first, taken = set(), 0
    wanted = fraction * sum(sizes.values())
    for group in groups:
        # Add a group if that brings the total closer to the target.
        if abs(taken + sizes[group] - wanted) <= abs(taken - wanted):
            first.add(group)
            taken += sizes[group]
    smallest = min(groups, key=sizes.__getitem__)  # ties: the first in shuffled order
    if not first:
        first.add(smallest)
    elif len(first) == len(groups):
        first.remove(smallest)
    return first
