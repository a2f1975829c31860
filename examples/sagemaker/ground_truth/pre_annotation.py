"""Lambda that Ground Truth calls before it shows a page to a worker.

It gives the template the picture's place, and the labels that the manifest's row already has, so
that a job over an output manifest lets workers correct them.

Event: ``{"version", "labelingJobArn", "dataObject": {"source-ref", ...}}``, the manifest's row.
Answer: ``{"taskInput": {"image", "labels"}}``.
"""

from __future__ import annotations

import json
from typing import Any, Dict, List, Tuple
from urllib.parse import quote


def handler(event: Dict[str, Any], context: object) -> Dict[str, Any]:
    """Make the input of one task.

    Raises:
        ValueError: the row names no picture; Ground Truth reports it as the object's failure.
    """
    row = event.get("dataObject")
    image = row.get("source-ref") if isinstance(row, dict) else None
    if not isinstance(image, str) or not image:
        raise ValueError(f'a manifest row with "source-ref" was expected, found {row!r:.200}')
    return {"taskInput": {"image": image, "labels": _carried(_texts_of(row))}}


def _carried(texts: List[Any]) -> str:
    # Only letters, digits, -._~ and %: whatever Liquid and HTML escape, it arrives as it was, and
    # no text can end the attribute it stands in.
    return quote(json.dumps(texts, ensure_ascii=False), safe="")


def _texts_of(row: Dict[str, Any]) -> List[Any]:
    """Return the texts of the latest label in the row; corrections count as later."""
    newest: Tuple[str, int] = ("", -1)
    texts: List[Any] = []
    for number, (key, label) in enumerate(row.items()):
        metadata = row.get(f"{key}-metadata")
        if metadata is None:
            continue
        if isinstance(label, str):
            try:
                label = json.loads(label)
            except ValueError:
                continue
        if isinstance(label, dict) and isinstance(label.get("texts"), list):
            date = metadata.get("creation-date", "") if isinstance(metadata, dict) else ""
            if (str(date), number) > newest:
                newest, texts = (str(date), number), label["texts"]
    return texts
