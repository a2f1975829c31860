from __future__ import annotations

import pytest

from htrlib.document.results import DocumentResult
from htrlib.formats.text import to_markdown, to_text
from tests.formats.results import page


def test_one_row_per_line_and_nothing_else() -> None:
    assert to_text(page(["Dear sister,", "", "l'été"])) == "Dear sister,\n\nl'été\n"


def test_a_page_without_handwriting_is_empty() -> None:
    assert to_text(page([])) == ""


def test_a_form_feed_starts_each_further_page() -> None:
    document = DocumentResult((page(["a"]), page([]), page(["b", "c"])))
    assert to_text(document) == "a\n\f\fb\nc\n"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("--- and", "\\--- and"),
        ("===", "\\==="),
        ("- a", "\\- a"),
        ("1. a", "1\\. a"),
        ("R&amp;D", "R\\&amp;D"),
        ("a - b = c", "a - b = c"),
    ],
)
def test_markdown_shows_what_was_read(text: str, written: str) -> None:
    assert to_markdown(page([text])) == f"{written}\n"
