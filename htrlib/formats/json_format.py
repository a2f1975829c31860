"""Read and write results as JSON, one object per line; see ``docs/data-formats.md``."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, BinaryIO, Iterator, Union

from htrlib.document.results import DocumentResult, PageResult
from htrlib.formats.saving import Result, WriteOptions


def to_json(result: Union[PageResult, DocumentResult]) -> str:
    """Return a result as a JSON object and a line feed, so that several make JSON Lines."""
    return "".join(_parts(result))


def _parts(result: Union[PageResult, DocumentResult]) -> Iterator[str]:
    """Yield a result's JSON, a document's page by page: that of all pages takes much memory."""
    if isinstance(result, PageResult):
        yield _dumped(result.to_dict()) + "\n"
        return
    for index, (key, value) in enumerate(replace(result, pages=()).to_dict().items()):
        yield f"{', ' if index else '{'}{_dumped(key)}: "
        if key == "pages":
            for number, page in enumerate(result.pages):
                yield f"{', ' if number else '['}{_dumped(page.to_dict())}"
            yield "]" if result.pages else "[]"
        else:
            yield _dumped(value)
    yield "}\n"


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def from_json(text: str) -> Union[PageResult, DocumentResult]:
    """Read a result written by `to_json`.

    Raises:
        ValueError: the text is not JSON, a key is missing, or the schema is newer than the library.
    """
    data = json.loads(text)
    if not isinstance(data, dict):
        raise ValueError(f"expected a JSON object as a result, found {type(data).__name__}")
    return (DocumentResult if "pages" in data else PageResult).from_dict(data)


def write(result: Result, file: BinaryIO, options: WriteOptions) -> None:
    """Write one object."""
    for part in _parts(result):
        file.write(part.encode("utf-8", "backslashreplace"))
