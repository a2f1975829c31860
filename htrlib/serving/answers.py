"""Results to the bodies of answers."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Mapping, Tuple, Union

from htrlib.bundle import Bundle
from htrlib.document.results import DocumentResult, PageResult
from htrlib.formats.text import to_text
from htrlib.serving.protocol import JSON, TEXT, Answer

Result = Union[PageResult, DocumentResult]


def write_answer(
    result: Result, answer: Answer, bundle: Bundle, milliseconds: Mapping[str, float]
) -> Tuple[bytes, str]:
    """The body of an answer and its content type."""
    if answer.content_type == TEXT:
        return to_text(result).encode("utf-8"), "text/plain; charset=utf-8"
    if answer.form == "aws":
        content = _aws_form(result)
    else:
        content = {
            **result.to_dict(),
            "model": {"name": bundle.name, "version": bundle.version},
            "timings_ms": {stage: round(value, 1) for stage, value in milliseconds.items()},
        }
    return json.dumps(content, ensure_ascii=False, allow_nan=False).encode("utf-8"), JSON


def _aws_form(result: Result) -> Dict[str, Any]:
    """The form of the AWS handwriting solution: texts, and boxes as fractions of the page."""
    decoded: List[str] = []
    boxes: List[List[float]] = []
    for page in result.pages if isinstance(result, DocumentResult) else (result,):
        for line in page.lines:
            box = line.line.box
            decoded.append(line.text)
            boxes.append(
                [
                    box.left / page.size.width,
                    box.top / page.size.height,
                    box.width / page.size.width,
                    box.height / page.size.height,
                ]
            )
    return {"decoded": decoded, "line_bbs": boxes}
