from __future__ import annotations

from http import HTTPStatus
from typing import Any, cast

import pytest

from htrlib.document.results import DocumentResult
from htrlib.formats.saving import WriteOptions, to_bytes
from htrlib.serving.answers import write_answer
from htrlib.serving.protocol import Answer, RefusedError, answer_formats
from tests.formats.results import page

NO_BUNDLE = cast(Any, None)  # only JSON names it


@pytest.mark.parametrize("kind", answer_formats())
def test_an_answer_is_what_a_file_of_its_format_holds(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    result = page(["one", "na\u00efve"])
    body, content_type = write_answer(result, Answer(kind), NO_BUNDLE, {})
    assert body == to_bytes(result, answer_formats()[kind], WriteOptions())
    assert content_type.split(";")[0] == kind
    assert ("charset=utf-8" in content_type) == kind.startswith("text/")


def test_a_format_of_one_page_is_not_cut_to_the_first() -> None:
    two = DocumentResult((page(["a"]), page(["b"])))
    with pytest.raises(RefusedError, match="holds one page, the file has 2") as error:
        write_answer(two, Answer("application/alto+xml"), NO_BUNDLE, {})
    assert error.value.status == HTTPStatus.NOT_ACCEPTABLE
    body, _ = write_answer(two, Answer("text/markdown"), NO_BUNDLE, {})
    assert b"a" in body and b"b" in body
