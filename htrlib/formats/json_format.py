"""Read and write results as JSON, one object per line; see ``docs/data-formats.md``."""

from __future__ import annotations

import json
from typing import BinaryIO, Union

from htrlib.document.results import DocumentResult, PageResult
from htrlib.formats.saving import Result, WriteOptions


def to_json(result: Union[PageResult, DocumentResult]) -> str:
    """Return a result as a JSON object and a line feed, so that several make JSON Lines."""
    return json.dumps(result.to_dict(), ensure_ascii=False, allow_nan=False) + "\n"


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
    file.write(to_json(result).encode("utf-8", "backslashreplace"))
