from __future__ import annotations

import json
from pathlib import Path

import pytest

from htrlib.document.results import DocumentResult
from htrlib.formats.json_format import from_json, to_json
from tests.formats.results import page


@pytest.mark.parametrize(
    "result", [page(["Dear", "œuvre « été »"]), page([]), DocumentResult((page(["a"]), page([])))]
)
def test_what_was_written_is_read(result: object) -> None:
    assert from_json(to_json(result)) == result  # type: ignore[arg-type]


def test_a_document_is_written_like_its_dictionary() -> None:
    for pages in ((), (page(["a"]),), (page(["a"]), page(["[]"]))):
        document = DocumentResult(pages, 'a "[]".pdf', ("page 3 is damaged",))
        assert json.loads(to_json(document)) == document.to_dict()
        assert to_json(document) == json.dumps(document.to_dict(), ensure_ascii=False) + "\n"


def test_a_result_is_one_row_of_readable_text() -> None:
    written = to_json(page(["l'été"]))
    assert written.count("\n") == 1
    assert written.endswith("}\n")
    assert "l'été" in written


@pytest.mark.parametrize("text", ["", "3", "[]", "{}", '{"schema_version": 1}', '{"pages": [{}]}'])
def test_what_is_no_result_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        from_json(text)


def test_every_key_is_documented() -> None:
    documented = Path(__file__).parents[2].joinpath("docs", "data-formats.md").read_text("utf-8")
    data = json.loads(to_json(page(["a"])))
    for key in {*data, *data["lines"][0], *data["lines"][0]["words"][0]}:
        assert f"`{key}`" in documented
