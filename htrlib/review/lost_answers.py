"""Answer a change that is sent again, because its answer was lost, as the first time."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Dict, Optional, Tuple

_KEPT = 256  # answers, without their pages

Json = Dict[str, Any]


class LostAnswers:
    """The last changes, each with the key that its browser gave it."""

    def __init__(self) -> None:
        self._known: OrderedDict[Tuple[str, str], Tuple[str, Any]] = OrderedDict()

    def keep(self, name: str, key: str, answer: Json) -> None:
        """Keep what an answer says of a change to a page."""
        self._known[name, key] = answer["page"]["version"], answer["undo"]
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)

    def of(self, name: str, key: str, page: Json) -> Optional[Json]:
        """Return the answer to a change, or None if the page as it is now is not what it made."""
        version, undo = self._known.get((name, key), (None, None))
        return {"page": page, "undo": undo} if version == page["version"] else None
