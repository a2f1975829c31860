"""JSON: one object on one line, in the schema of ``docs/data-formats.md``."""

from __future__ import annotations

import json
from typing import BinaryIO, Union

from htrlib.document.results import DocumentResult, PageResult
from htrlib.formats.saving import Result, WriteOptions


def to_json(result: Union[PageResult, DocumentResult]) -> str:
    """The object of a result, ended by a line end: objects in a row are JSON Lines."""
    return json.dumps(result.to_dict(), ensure_ascii=False, allow_nan=False) + "\n"


def from_json(text: str) -> Union[PageResult, DocumentResult]:
    """The result of an object that `to_json` wrote.

    Raises:
        ValueError: the text is no JSON, a key is missing, or the schema is newer than the library.
    """
    data = json.loads(text)
    if not isinstance(data, dict):
        raise ValueError(f"a result is a JSON object, found {type(data).__name__}")
    return (DocumentResult if "pages" in data else PageResult).from_dict(data)


def write(result: Result, file: BinaryIO, options: WriteOptions) -> None:
    """Write one object."""
    file.write(to_json(result).encode("utf-8", "backslashreplace"))
