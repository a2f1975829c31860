"""Parse the edits that the browser requests in JSON."""

from __future__ import annotations

import math
import secrets
import statistics
from dataclasses import dataclass, replace
from typing import Any, Callable, Dict, List, Mapping, Sequence, Tuple

from htrlib.data.corrections import (
    Add,
    Confirm,
    CorrectedLine,
    CorrectedPage,
    Delete,
    Edit,
    MarkDone,
    Merge,
    Move,
    Reorder,
    SetKind,
    SetText,
    Splice,
    Split,
)
from htrlib.data.label_text import clean_text
from htrlib.document.geometry import Box, Point, Polygon
from htrlib.document.results import TextLine
from htrlib.errors import CorrectionError
from htrlib.review.page_json import kind_of, points_of, splice_of

MOST_EDITS = 1000  # edits per request
LONGEST_TEXT = 10_000  # characters of a line
MOST_POINTS = 2000  # points of an outline

_USUAL_HEIGHT = 0.025  # height of a line without neighbors, in page heights
_ASCENT = 0.7  # fraction of a line's height above its baseline

Json = Mapping[str, Any]


@dataclass(frozen=True)
class RequestedEdit:
    """An edit in JSON, which is parsed once its page is known."""

    data: Json

    def splice(self, page: CorrectedPage) -> Splice:
        """Return the lines that the edit removes and inserts.

        Raises:
            CorrectionError: the edit is unknown, a value is missing or has another type, or it does
                not apply to the page.
        """
        name = self.data.get("do")
        make = _EDITS.get(name) if isinstance(name, str) else None
        if make is None:
            raise CorrectionError(f"do must be one of {', '.join(_EDITS)}; found {name!r:.40}")
        try:
            edit = make(self.data, page)
        except CorrectionError:
            raise
        except KeyError as error:
            raise CorrectionError(f"the edit {name!r} lacks {error}") from None
        except (TypeError, ValueError, OverflowError) as error:
            raise CorrectionError(f"the edit {name!r} has an invalid value: {error}") from None
        return edit.splice(page)


def edits_of(value: object) -> List[RequestedEdit]:
    """Return the edits of a request.

    Raises:
        CorrectionError: the value is not a list of objects, or is too long.
    """
    if not isinstance(value, list) or not all(isinstance(edit, dict) for edit in value):
        raise CorrectionError("edits must be a list of objects")
    if not 1 <= len(value) <= MOST_EDITS:
        raise CorrectionError(f"a request must have 1 to {MOST_EDITS} edits, found {len(value)}")
    return [RequestedEdit(edit) for edit in value]


def new_id() -> str:
    """Return an id that is unique on the page, and was not used by deleted lines either."""
    return f"line-{secrets.token_hex(5)}"


def place_of(data: Json, page: CorrectedPage) -> TextLine:
    """Return the position of a line: a box, a polygon, a baseline, or a polygon and a baseline.

    A line with only a baseline gets an outline as high as the nearest lines.

    Raises:
        CorrectionError: all of them are missing.
        TypeError, ValueError: one of them is malformed.
    """
    box, polygon, baseline = (data.get(name) for name in ("box", "polygon", "baseline"))
    line = None if baseline is None else _points(baseline, 2)
    if line is not None:
        line = tuple(sorted(line))
    if polygon is not None:
        outline = Polygon(_points(polygon, 3))
        return TextLine(outline.box, outline, line)
    if box is not None:
        left, top, right, bottom = (_finite(edge) for edge in box)
        edges = sorted((left, right)), sorted((top, bottom))
        return TextLine(Box(edges[0][0], edges[1][0], edges[0][1], edges[1][1]), None, line)
    if line is None:
        raise CorrectionError("a line needs a box, a polygon or a baseline; found none")
    outline = _around(line, _usual_height(line, page))
    return TextLine(outline.box, outline, line)


def _around(baseline: Sequence[Point], height: float) -> Polygon:
    above, below = _ASCENT * height, (1 - _ASCENT) * height
    tops = [(x, y - above) for x, y in baseline]
    return Polygon((*tops, *((x, y + below) for x, y in reversed(baseline))))


def _usual_height(baseline: Sequence[Point], page: CorrectedPage) -> float:
    """Return the height of the nearest lines."""
    middle = statistics.fmean(y for _, y in baseline)
    places = [line.place.box for line in page.lines if line.place is not None]
    nearest = sorted(places, key=lambda box: abs(box.center[1] - middle))[:3]
    if not nearest:
        return max(8.0, _USUAL_HEIGHT * page.size.height)
    return statistics.median(box.height for box in nearest)


def _points(value: Any, least: int) -> Tuple[Point, ...]:
    if not isinstance(value, list) or not least <= len(value) <= MOST_POINTS:
        raise CorrectionError(f"an outline or baseline must have {least} to {MOST_POINTS} points")
    points = points_of(value)
    for x, y in points:
        _finite(x), _finite(y)
    return points


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"expected a number of pixels, found {value!r}")
    return number


def _text(data: Json, name: str = "text") -> str:
    value = data[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, found {value!r:.40}")
    if len(value) > LONGEST_TEXT:
        raise ValueError(f"a line has at most {LONGEST_TEXT:,} characters, found {len(value):,}")
    return value


def _flag(data: Json, name: str) -> bool:
    value = data[name]
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be true or false, found {value!r:.40}")
    return value


def _integer(data: Json, name: str) -> int:
    value = data[name]
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be a whole number, found {value!r:.40}")
    return value


def _add(data: Json, page: CorrectedPage) -> Edit:
    wanted = data["line"]
    if not isinstance(wanted, dict):
        raise TypeError("line must be an object")
    place = replace(place_of(wanted, page), kind=kind_of(wanted.get("kind")))
    text = clean_text(_text({"text": wanted.get("text", "")}))
    index = _integer(data, "index") if "index" in data else len(page.lines)
    line = CorrectedLine(new_id(), text, place, confirmed=bool(text))
    return Add(line, index)


def _split(data: Json, page: CorrectedPage) -> Edit:
    x = data.get("x")
    return Split(
        _text(data, "id"), new_id(), _integer(data, "at"), None if x is None else _finite(x)
    )


_EDITS: Dict[str, Callable[[Json, CorrectedPage], Edit]] = {
    "text": lambda data, page: SetText(_text(data, "id"), _text(data)),
    "confirm": lambda data, page: Confirm(_text(data, "id"), _flag(data, "confirmed")),
    "kind": lambda data, page: SetKind(_text(data, "id"), kind_of(data.get("kind"))),
    "delete": lambda data, page: Delete(_text(data, "id")),
    "add": _add,
    "move": lambda data, page: Move(_text(data, "id"), place_of(data, page)),
    "order": lambda data, page: Reorder(_text(data, "id"), _integer(data, "index")),
    "split": _split,
    "merge": lambda data, page: Merge(_text(data, "first"), _text(data, "second")),
    "done": lambda data, page: MarkDone(_flag(data, "done")),
    "undo": lambda data, page: splice_of(dict(data)),
}
