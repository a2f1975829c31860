"""Convert pages to JSON (``docs/review.md``), and edits that undo others to JSON and back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Dict, List, Optional, Sequence, Tuple

from htrlib.data.corrected_pages import CorrectedLine
from htrlib.data.corrections import Splice
from htrlib.data.label_text import clean_text
from htrlib.document.geometry import Box, Polygon, Size
from htrlib.document.results import KINDS, TextLine, Word
from htrlib.review.store import StoredPage

Json = Dict[str, Any]


def page_json(
    name: str, stored: StoredPage, picture: Size, names: Sequence[str], warnings: Sequence[str]
) -> Json:
    """Convert a page to JSON for the browser.

    Args:
        picture: size of its picture as served.
        names: names of all pages, in order.
    """
    at = names.index(name) if name in names else -1
    size = stored.page.size
    return {
        "name": name,
        "version": stored.version,
        "state": stored.state,
        "done": stored.page.done,
        "changed_by": stored.changed_by,
        "size": asdict(size),
        "picture": asdict(picture),
        "lines": [_line_json(line) for line in stored.page.lines],
        "previous": names[at - 1] if at > 0 else None,
        "next": names[at + 1] if 0 <= at < len(names) - 1 else None,
        "warnings": list(warnings),
    }


def splice_json(splice: Splice) -> Json:
    """Convert the edit that undoes another to JSON, which the browser sends back unchanged."""
    return {
        "do": "undo",
        "remove": list(splice.remove),
        "insert": [[index, _whole_line_json(line)] for index, line in splice.insert],
        "done": splice.done,
    }


def splice_of(data: Json) -> Splice:
    """Convert the JSON of `splice_json` back.

    Raises:
        KeyError, TypeError, ValueError: the JSON has another form.
    """
    return Splice(
        tuple(str(name) for name in data["remove"]),
        tuple((int(index), _whole_line(line)) for index, line in data["insert"]),
        None if data["done"] is None else bool(data["done"]),
    )


def _line_json(line: CorrectedLine) -> Json:
    place = line.place
    return {
        "id": line.id,
        "text": line.text,
        **_place_json(place),
        "confidence": line.confidence,
        "confirmed": line.confirmed,
        "alternatives": list(line.alternatives),
        "words": _words_json(line),
        "tags": list(line.tags),
    }


def _place_json(place: Optional[TextLine]) -> Json:
    if place is None:
        return {"kind": None, "box": None, "polygon": None, "baseline": None}
    return {
        "kind": place.kind,
        "box": list(place.box.as_tuple()),
        "polygon": None if place.polygon is None else [list(p) for p in place.polygon.points],
        "baseline": None if place.baseline is None else [list(p) for p in place.baseline],
    }


def _words_json(line: CorrectedLine) -> List[Json]:
    """Convert the words that occur in the text, with their position in it."""
    found, position = [], 0
    for word in line.words:
        start = line.text.find(word.text, position)
        if start < 0:
            continue
        position = start + len(word.text)
        box = None if word.box is None else list(word.box.as_tuple())
        found.append(
            {
                "text": word.text,
                "confidence": word.confidence,
                "box": box,
                "start": start,
                "end": position,
            }
        )
    return found


def _whole_line_json(line: CorrectedLine) -> Json:
    """Convert a line with all of its fields."""
    place = line.place
    return {
        "id": line.id,
        "text": line.text,
        "place": None
        if place is None
        else {**_place_json(place), "confidence": place.confidence, "id": place.id},
        "words": [
            [
                word.text,
                word.confidence,
                word.start_frame,
                word.end_frame,
                None if word.box is None else list(word.box.as_tuple()),
            ]
            for word in line.words
        ],
        "alternatives": list(line.alternatives),
        "confidence": line.confidence,
        "confirmed": line.confirmed,
        "region": line.region,
        "tags": list(line.tags),
    }


def _whole_line(data: Json) -> CorrectedLine:
    place = data["place"]
    return CorrectedLine(
        id=str(data["id"]),
        text=clean_text(str(data["text"])),
        place=None
        if place is None
        else TextLine(
            Box(*map(float, place["box"])),
            None if place["polygon"] is None else Polygon(points_of(place["polygon"])),
            None if place["baseline"] is None else points_of(place["baseline"]),
            float(place["confidence"]),
            str(place["id"]),
            kind_of(place["kind"]),
        ),
        words=tuple(
            Word(
                str(text),
                float(confidence),
                int(start),
                int(end),
                None if box is None else Box(*map(float, box)),
            )
            for text, confidence, start, end, box in data["words"]
        ),
        alternatives=tuple(map(str, data["alternatives"])),
        confidence=None if data["confidence"] is None else float(data["confidence"]),
        confirmed=bool(data["confirmed"]),
        region=str(data["region"]),
        tags=tuple(map(str, data["tags"])),
    )


def kind_of(value: Any) -> Optional[str]:
    """Check the kind of a line.

    Raises:
        ValueError: it is neither one of `KINDS` nor None.
    """
    if value is not None and value not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, found {value!r:.40}")
    return None if value is None else str(value)


def points_of(value: Any) -> Tuple[Tuple[float, float], ...]:
    """Convert [[x, y], ...] to points.

    Raises:
        TypeError, ValueError: the value has another form.
    """
    return tuple((float(x), float(y)) for x, y in value)
