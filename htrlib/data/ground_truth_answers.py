"""Parse the label of a Ground Truth manifest's row into typed answers."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

from htrlib.data.consolidation import MarkedText
from htrlib.document.geometry import Point, Size

Report = Callable[[str, str], None]
"""Receives the text of a piece whose coordinates cannot be read, and what was found."""

_KEYS = 'expected "texts" (a custom job) or "annotations" (a box job)'


@dataclass(frozen=True)
class Answer:
    """One worker's or job's annotations of an image: texts, or boxes by class."""

    texts: Optional[Tuple[MarkedText, ...]]
    boxes: Tuple[Tuple[str, Tuple[float, ...]], ...]
    size: Optional[Size]
    writer: Optional[str]
    split: Optional[str]


def parse_answers(row: Mapping[str, Any], attribute: str, report: Report) -> List[Answer]:
    """Return the answers in a row's label: one or a list, possibly as JSON in a string.

    Args:
        row: object of the manifest's line.
        attribute: the label attribute.
        report: called for each piece whose outline cannot be read, and is left out.
    Raises:
        ValueError: the label has another form; says what was found and expected.
    """
    content = _unpacked(row[attribute])
    answers = []
    for answer in content if isinstance(content, list) else [content]:
        if not isinstance(answer, dict) or not {"texts", "annotations"} & answer.keys():
            raise ValueError(f"{_KEYS}, found {answer!r:.80}")
        texts = None
        if "texts" in answer:
            texts = tuple(_marked(text, report) for text in _objects(answer, "texts"))
        answers.append(
            Answer(
                texts=texts,
                boxes=tuple(_boxes(answer, row.get(f"{attribute}-metadata") or {})),
                size=_size(answer.get("image_size")),
                writer=row.get("writer"),
                split=row.get("split"),
            )
        )
    return answers


def _unpacked(label: object) -> object:
    if not isinstance(label, str):
        return label
    try:
        return json.loads(label)
    except ValueError:
        raise ValueError(f"{_KEYS}, or these as JSON in a string, found {label!r:.80}") from None


def _objects(holder: Mapping[str, Any], key: str) -> List[Dict[str, Any]]:
    found = holder[key]
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise ValueError(f'"{key}" must be a list of objects, found {found!r:.80}')
    return found


def _marked(text: Mapping[str, Any], report: Report) -> MarkedText:
    if "text" not in text:
        raise ValueError(f'expected the key "text", found {text!r:.80}')
    content = text["text"]  # null: the worker could not read it
    if not isinstance(content, (str, int, float, type(None))) or isinstance(content, bool):
        raise ValueError(f'"text" must be a string, found {content!r:.80}')
    content = "" if content is None else str(content)
    return MarkedText(
        text=content,
        points=_points(text.get("bb") or [], content, report),
        line_number=_line_number(text.get("line_num")),
        kind=str(text.get("type") or "handwritten"),
        confidence=_confidence(text.get("confidence", 1.0)),
    )


def _points(found: object, content: str, report: Report) -> Tuple[Point, ...]:
    if not isinstance(found, list) or not all(isinstance(point, dict) for point in found):
        raise ValueError(f'"bb" must be a list of points with x and y, found {found!r:.80}')
    try:
        return tuple((float(point["x"]), float(point["y"])) for point in found)
    except (KeyError, OverflowError, TypeError, ValueError):
        report(content, f"expected points with x and y, found {found!r:.80}")
        return ()


def _line_number(found: object) -> Optional[int]:
    text = "" if found is None else str(found).strip()
    if not text:
        return None
    try:
        number = float(text)
        if number.is_integer():
            return int(number)
    except ValueError:
        pass
    raise ValueError(f'"line_num" must be a whole number, found {found!r:.80}')


def _confidence(found: object) -> float:
    """Return a confidence between 0 and 1; what is no number says nothing."""
    try:
        confidence = float(found)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return 1.0
    return 1.0 if math.isnan(confidence) else min(max(confidence, 0.0), 1.0)


def _boxes(
    answer: Mapping[str, Any], metadata: Mapping[str, Any]
) -> List[Tuple[str, Tuple[float, ...]]]:
    if not answer.get("annotations"):
        return []
    names = metadata.get("class-map")
    if not isinstance(names, dict):
        raise ValueError(f'expected a "class-map" in the metadata of boxes, found {names!r:.80}')
    found: List[Tuple[str, Tuple[float, ...]]] = []
    for box in _objects(answer, "annotations"):
        try:
            left, top, width, height = (
                float(box[key]) for key in ("left", "top", "width", "height")
            )
            name = str(names[str(box["class_id"])])
        except (KeyError, OverflowError, TypeError, ValueError):
            raise ValueError(
                "an annotation has left, top, width, height and a class_id of the class-map, "
                f"found {box!r:.120}"
            ) from None
        found.append((name, (left, top, left + width, top + height)))
    return found


def _size(found: object) -> Optional[Size]:
    """Return the size of the picture, or None if missing or 0."""
    size = found[0] if isinstance(found, list) and found else found or None
    if size is None:
        return None
    try:
        width, height = (float(size[side]) for side in ("width", "height"))  # type: ignore[index]
        if width < 1 or height < 1:
            return None
        return Size(int(width), int(height))
    except (KeyError, OverflowError, TypeError, ValueError):
        raise ValueError(
            f'"image_size" must be a list of one width and height, found {found!r:.80}'
        ) from None
