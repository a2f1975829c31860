"""Lambda that consolidates the answers of several workers for a page.

The agreement itself is `htrlib.data.consolidation`, the module with which the library reads such
labels; `package.py` puts it into the same archive.

Event: ``{"labelingJobArn", "labelAttributeName", "payload": {"s3Uri"}, ...}``; the payload is
``[{"datasetObjectId", "dataObject": {"s3Uri"}, "annotations": [{"workerId", "annotationData":
{"content": "<JSON>"}}]}]``.
Answer: ``[{"datasetObjectId", "consolidatedAnnotation": {"content": {ATTRIBUTE: LABEL}}}]``, where
LABEL is ``{"texts": [{"text", "line_num", "type", "bb", "confidence"}], "imageSource",
"workers"}``.
An object without any answer that can be read is left out, and Ground Truth reports it as failed.
"""

from __future__ import annotations

import json
import logging
import math
import re
from collections import Counter
from typing import Any, Dict, List, Optional, Sequence, Tuple

import boto3

from htrlib.data.consolidation import MarkedText, consolidate

log = logging.getLogger(__name__)
log.setLevel(logging.INFO)

# How the AWS handwriting solution's template wrote a label. The text may hold commas and colons, so
# it reaches to the last line number.
OLD_LABEL = re.compile(
    r"\s*Text:\s?(?P<text>.*),\s*Line #:(?P<line>[^,]*),\s*Type:(?P<kind>[^,]*)", re.S
)


def handler(event: Dict[str, Any], context: object) -> List[Dict[str, Any]]:
    """Consolidate the answers of one batch of pages."""
    attribute = event["labelAttributeName"]
    counts: Counter[str] = Counter()
    labels = []
    for item in _payload(event["payload"]["s3Uri"]):
        label = _label(item, counts)
        if label is None:
            counts["pages without a readable answer"] += 1
            continue
        annotation = {"content": {attribute: label}}
        labels.append(
            {"datasetObjectId": item["datasetObjectId"], "consolidatedAnnotation": annotation}
        )
    # Counts only: what is written on the pages is nobody's business in a log.
    log.info("%d pages labeled; %s", len(labels), json.dumps(counts))
    return labels


def _payload(uri: str) -> List[Dict[str, Any]]:
    bucket, _, key = uri.partition("://")[2].partition("/")
    body = boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"]
    return json.loads(body.read())


def _label(item: Dict[str, Any], counts: Counter[str]) -> Optional[Dict[str, Any]]:
    """Return the label of one page, or None if no answer can be read."""
    answers = []
    workers: Counter[str] = Counter()
    for annotation in item.get("annotations") or ():
        try:
            marks = _marks(json.loads(annotation["annotationData"]["content"]))
        except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
            workers["malformed"] += 1
            continue
        pieces = [piece for piece in map(_piece, marks) if piece is not None]
        workers["pieces left out"] += len(marks) - len(pieces)
        workers["read" if pieces else "empty"] += 1
        answers.append(pieces)
    counts.update(workers)
    if not answers:
        return None
    return {
        "texts": [_text(piece) for piece in consolidate(answers)],
        "imageSource": item["dataObject"],
        "workers": {name: workers[name] for name in ("read", "empty", "malformed")},
    }


def _marks(answer: Dict[str, Any]) -> List[Any]:
    """Return a worker's marks: our template's `labels`, or the old solution's polygons."""
    if "labels" in answer:
        content = answer["labels"]
        content = json.loads(content) if isinstance(content, str) else content
        marks = content["texts"]
    else:
        marks = answer["transcription"]["polygons"]
    if not isinstance(marks, list):
        raise ValueError(f"a list of marks was expected, found {type(marks).__name__}")
    return marks


def _piece(mark: Any) -> Optional[MarkedText]:
    """Return one mark, or None if it has no text or no area."""
    try:
        text, line, kind = _said(mark)
        corners = mark["bb"] if "bb" in mark else mark["vertices"]
        piece = MarkedText(
            text=text,
            points=tuple((float(corner["x"]), float(corner["y"])) for corner in corners),
            line_number=_number(line),
            kind=kind or "handwritten",
        )
        return piece if text.strip() and math.isfinite(piece.box.area) else None
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        return None


def _said(mark: Dict[str, Any]) -> Tuple[str, Any, str]:
    """Return text, line number and type of a mark."""
    if "text" in mark:
        return _string(mark["text"]), mark.get("line_num"), _string(mark.get("type") or "")
    found = OLD_LABEL.fullmatch(mark["label"])
    if found is None:
        return _string(mark["label"]), None, ""  # a label typed by hand is all text
    return found["text"], found["line"], found["kind"].strip()


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"a text was expected, found {type(value).__name__}")
    # JSON may hold half a surrogate pair, which the answer's UTF-8 cannot.
    return value.encode("utf-8", "replace").decode("utf-8")


def _number(line: Any) -> Optional[int]:
    try:
        return int(str(line).strip())
    except ValueError:
        return None


def _text(piece: MarkedText) -> Dict[str, Any]:
    corners: Sequence[Tuple[float, float]] = piece.points
    return {
        "text": piece.text,
        "line_num": piece.line_number,
        "type": piece.kind,
        "bb": [{"x": x, "y": y} for x, y in corners],
        "confidence": round(piece.confidence, 4),
    }
