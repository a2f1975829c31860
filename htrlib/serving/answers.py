"""Turn results into the bodies of answers."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any, Dict, List, Mapping, Optional, Tuple, Union

from htrlib.bundle import Bundle
from htrlib.document.results import DocumentResult, PageResult
from htrlib.formats.saving import Format, WriteOptions, to_bytes
from htrlib.formats.text import to_text
from htrlib.serving.protocol import JSON, TEXT, Answer, RefusedError, answer_formats

Result = Union[PageResult, DocumentResult]


def write_answer(
    result: Result,
    answer: Answer,
    bundle: Bundle,
    milliseconds: Mapping[str, float],
    file: Optional[bytes] = None,
) -> Tuple[bytes, str]:
    """Return the body of an answer and its content type.

    Args:
        result: one page or several.
        answer: form of the answer.
        bundle: bundle that read the pages.
        milliseconds: duration of each stage.
        file: the picture or PDF that was read.
    Raises:
        ImageError: the format contains the file, but it cannot be read again.
        RefusedError: 406 if the format holds one page and there are several, or if it contains the
            file and bare pixels were sent.
    """
    if answer.content_type == TEXT:
        return to_text(result).encode("utf-8"), "text/plain; charset=utf-8"
    if answer.content_type in answer_formats():
        return _in_format(result, answer_formats()[answer.content_type], file)
    if answer.form == "aws":
        content = _aws_form(result)
    else:
        content = {
            **result.to_dict(),
            "model": {"name": bundle.name, "version": bundle.version},
            "timings_ms": {stage: round(value, 1) for stage, value in milliseconds.items()},
        }
    return json.dumps(content, ensure_ascii=False, allow_nan=False).encode("utf-8"), JSON


def _in_format(result: Result, form: Format, file: Optional[bytes]) -> Tuple[bytes, str]:
    written = result
    if form.needs_picture and file is None:
        raise RefusedError(
            HTTPStatus.NOT_ACCEPTABLE,
            f"an answer of {form.media_type} holds the page's picture; send a picture or PDF, "
            f"not its pixels, or accept {JSON}",
        )
    if form.one_page:
        if len(result.pages) != 1:
            raise RefusedError(
                HTTPStatus.NOT_ACCEPTABLE,
                f"an answer of {form.media_type} holds one page, the file has "
                f"{len(result.pages)}; send its pages one by one, or accept {JSON}",
            )
        written = result.pages[0]
    is_text = form.media_type.startswith("text/")
    kind = f"{form.media_type}; charset=utf-8" if is_text else form.media_type
    return to_bytes(written, form, WriteOptions(file)), kind


def _aws_form(result: Result) -> Dict[str, Any]:
    """Return the answer of the AWS handwriting solution: texts, boxes as fractions of the page."""
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
