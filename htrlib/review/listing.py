"""The list of pages as JSON: search, filter, sort, and changes."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, Dict, List, Optional, Tuple

from htrlib.formats.page_editing import DONE, IN_WORK, READ
from htrlib.review.page_index import PROBLEM, PageIndex, Summary
from htrlib.review.store import NEW

STATES = (NEW, READ, IN_WORK, DONE, PROBLEM)
SORTS = ("name", "confidence", "state")

Json = Dict[str, Any]
_Found = Tuple[str, Summary, Optional[str]]


def listing(
    index: PageIndex, offset: int, limit: int, state: str = "", search: str = "", sort: str = "name"
) -> Json:
    """Return a part of the list.

    Args:
        state: one of `STATES`, or empty for all.
        search: text to find in lines or in the page's name, ignoring case.
        sort: one of `SORTS`; by confidence, the most doubtful pages come first.
    """
    revision = index.revision
    wanted = search.casefold()
    found: List[_Found] = []
    for name, summary in index.summaries().items():
        if state and summary.state != state:
            continue
        match = _match(name, summary, wanted) if wanted else None
        if not wanted or match is not None:
            found.append((name, summary, match or None))
    if sort == "confidence":
        found.sort(key=lambda entry: _confidence(entry[1]))
    elif sort == "state":
        found.sort(key=lambda entry: STATES.index(entry[1].state))
    pages = [summary_json(*entry) for entry in found[offset : offset + limit]]
    return {"total": len(found), "pages": pages, "revision": revision}


def changes(index: PageIndex, since: int) -> Json:
    """Return the pages that changed after a revision, and those that were removed."""
    revision, changed = index.since(since)
    return {
        "revision": revision,
        "pages": [summary_json(name, s) for name, s in changed.items() if s is not None],
        "gone": [name for name, summary in changed.items() if summary is None],
    }


def counts(index: PageIndex) -> Json:
    """Count the pages in each state, all pages, and confirmed lines."""
    summaries = index.summaries().values()
    states = Counter(summary.state for summary in summaries)
    return {
        "counts": {state: states[state] for state in STATES},
        "total": len(summaries),
        "confirmed_lines": sum(summary.confirmed for summary in summaries),
    }


def summary_json(name: str, summary: Summary, match: Optional[str] = None) -> Json:
    """Return a page's entry in the list."""
    return {
        "name": name,
        "state": summary.state,
        "lines": summary.lines,
        "confirmed": summary.confirmed,
        "confidence": summary.confidence,
        "problem": summary.problem,
        "match": match,
    }


def _match(name: str, summary: Summary, wanted: str) -> Optional[str]:
    """Return the first line that contains a text, "" if only the name does, or else None."""
    line = next((text for text in summary.texts if wanted in text.casefold()), None)
    if line is None and wanted in name.casefold():
        return ""
    return line


def _confidence(summary: Summary) -> float:
    return math.inf if summary.confidence is None else summary.confidence
