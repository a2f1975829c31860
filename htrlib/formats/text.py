"""Plain text: one row per written line, and nothing else."""

from __future__ import annotations

from typing import Union

from htrlib.document.results import DocumentResult, PageResult


def to_text(result: Union[PageResult, DocumentResult]) -> str:
    """The rows of a result, each with its line end; a form feed starts each further page."""
    pages = result.pages if isinstance(result, DocumentResult) else (result,)
    return "\f".join("".join(f"{line.text}\n" for line in page.lines) for page in pages)
