"""Give each line of a page an id of its own where an annotation repeats one."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Container, Iterable, Iterator, List, Set, Tuple

from htrlib.data.problems import Problem
from htrlib.data.samples import LabeledLine


def free_ids(taken: Container[str]) -> Iterator[str]:
    """Return line-1, line-2 and so on, without those that are taken."""
    return (f"line-{n}" for n in itertools.count(1) if f"line-{n}" not in taken)


def told_apart(
    lines: Iterable[LabeledLine], source: str
) -> Tuple[List[LabeledLine], List[Problem]]:
    """Give lines that repeat another's id a new one; leave those out that repeat the line itself.

    Some programs number the lines of each region from the beginning.

    Args:
        lines: lines of a page; several may lack an id.
        source: name of the page in messages.
    Returns:
        The lines, and a problem for each repeated id.
    """
    lines = list(lines)
    free = free_ids({line.id for line in lines})
    kept: List[LabeledLine] = []
    problems: List[Problem] = []
    used: Set[str] = set()
    met: Set[Tuple[object, ...]] = set()
    for line in lines:
        facts = (line.id, line.text, line.line)
        if not line.id or line.id not in used:
            kept.append(line)
        elif facts in met:
            problems.append(
                Problem("duplicate id", f"{source}#{line.id}", line.text, skipped="line")
            )
        else:
            kept.append(replace(line, id=next(free)))
            detail = f"another line has it, so this one becomes {kept[-1].id}: {line.text}"
            problems.append(Problem("duplicate id", f"{source}#{line.id}", detail))
        used.add(line.id)
        met.add(facts)
    return kept, problems
