"""Write output manifests in the form of custom Ground Truth jobs."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple, Union

from htrlib.data.label_text import is_right_to_left
from htrlib.data.pictures import file_stems, place_picture
from htrlib.data.problems import Problem
from htrlib.data.samples import Dataset, LabeledLine, PageSample
from htrlib.document.geometry import Box, Point
from htrlib.document.results import TextLine


def write_ground_truth(
    dataset: Dataset,
    path: Union[str, Path],
    *,
    attribute: str = "transcription",
    prefix: Optional[str] = None,
) -> Tuple[Problem, ...]:
    """Write a manifest in the form of a custom job's, and pictures to ``images`` next to it.

    Each word becomes a text if the boxes of words are known, otherwise each line.

    Args:
        dataset: dataset whose pages are written.
        path: path of the manifest.
        attribute: name of the label attribute.
        prefix: prefix of ``source-ref``, such as "s3://bucket/folder/"; by default it is a path
            relative to the manifest.
    Returns:
        Problems: single line pictures and lines without position or text, which are left out. The
        manifest has no baselines, tags, ids and kinds, nor outlines of lines with words.
    """
    path = Path(path)
    (path.parent / "images").mkdir(parents=True, exist_ok=True)
    problems = [
        Problem("line picture without a page", sample.source, skipped="line")
        for sample in dataset
        if not isinstance(sample, PageSample)
    ]
    rows = []
    for page, stem in zip(dataset.pages, file_stems(dataset.pages)):
        picture = place_picture(page.image, path.parent / "images", stem)
        reference = f"images/{picture.name}" if prefix is None else f"{prefix}{picture.name}"
        texts = []
        for number, line in enumerate(page.lines, start=1):
            if line.line is None or not line.text:
                reason = "line without a place" if line.line is None else "line without text"
                problems.append(Problem(reason, page.source, line.text or line.id, skipped="line"))
            else:
                texts += _texts(number, line, line.line)
        rows.append(_manifest_row(page, attribute, reference, texts))
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return tuple(problems)


def _texts(number: int, line: LabeledLine, place: TextLine) -> List[Dict[str, Any]]:
    lefts = [word.box.left for word in line.words]
    # Readers sort the words of a line as its script runs, which not every line does.
    in_order = lefts == sorted(lefts, reverse=is_right_to_left(line.text))
    if line.text == " ".join(word.text for word in line.words) and in_order:
        pieces = [(word.text, _corners(word.box)) for word in line.words]
    elif place.polygon is not None:
        pieces = [(line.text, place.polygon.points)]
    else:
        pieces = [(line.text, _corners(place.box))]
    return [
        {
            "text": text,
            "line_num": number,
            "type": "handwritten",
            "bb": [{"x": x, "y": y} for x, y in points],
            "confidence": place.confidence,
        }
        for text, points in pieces
    ]


def _corners(box: Box) -> Tuple[Point, ...]:
    left, top, right, bottom = box.as_tuple()
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def _manifest_row(
    page: PageSample, attribute: str, reference: str, texts: List[Dict[str, Any]]
) -> str:
    row: Dict[str, Any] = {
        "source-ref": reference,
        attribute: {"texts": texts, "imageSource": {"s3Uri": reference}},
        f"{attribute}-metadata": {
            "type": "groundtruth/custom",
            "job-name": "htrlib",
            "human-annotated": "yes",
            "creation-date": datetime.now(timezone.utc).isoformat(timespec="microseconds"),
        },
    }
    for key, value in (("writer", page.writer), ("split", page.split)):
        if value is not None:
            row[key] = value
    return json.dumps(row, ensure_ascii=False)
