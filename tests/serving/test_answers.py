from __future__ import annotations

import io
from dataclasses import replace
from http import HTTPStatus
from typing import Any, cast

import pikepdf
import pypdfium2
import pytest
from PIL import Image

from htrlib.document.results import DocumentResult
from htrlib.formats.saving import WriteOptions, to_bytes
from htrlib.serving.answers import write_answer
from htrlib.serving.protocol import PDF, Answer, RefusedError, answer_formats
from tests.formats.results import page


def _png() -> bytes:
    file = io.BytesIO()
    Image.new("L", (200, 300), 255).save(file, "PNG")
    return file.getvalue()


NO_BUNDLE = cast(Any, None)  # only JSON names it
PICTURE = _png()


@pytest.mark.parametrize("kind", answer_formats())
def test_an_answer_is_what_a_file_of_its_format_holds(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    result = page(["one", "na\u00efve"])
    body, content_type = write_answer(result, Answer(kind), NO_BUNDLE, {}, PICTURE)
    assert body == to_bytes(result, answer_formats()[kind], WriteOptions(PICTURE))
    assert content_type.split(";")[0] == kind
    assert ("charset=utf-8" in content_type) == kind.startswith("text/")


def test_a_format_of_one_page_is_not_cut_to_the_first() -> None:
    two = DocumentResult((page(["a"]), page(["b"])))
    with pytest.raises(RefusedError, match="holds one page, the file has 2") as error:
        write_answer(two, Answer("application/alto+xml"), NO_BUNDLE, {})
    assert error.value.status == HTTPStatus.NOT_ACCEPTABLE
    body, _ = write_answer(two, Answer("text/markdown"), NO_BUNDLE, {})
    assert b"a" in body and b"b" in body


def test_pixels_without_a_file_become_no_pdf() -> None:
    with pytest.raises(RefusedError, match="holds the page's picture") as error:
        write_answer(page(["a"]), Answer(PDF), NO_BUNDLE, {})
    assert error.value.status == HTTPStatus.NOT_ACCEPTABLE


def test_the_pages_of_a_pdf_come_back_with_their_text() -> None:
    with pikepdf.new() as made:
        for _ in range(2):
            made.add_blank_page(page_size=(200, 300))
        file = io.BytesIO()
        made.save(file)
    two = DocumentResult(
        tuple(replace(page([text]), number=n) for n, text in enumerate(("one", "two"), start=1))
    )
    body, kind = write_answer(two, Answer(PDF), NO_BUNDLE, {}, file.getvalue())
    texts = [found.get_textpage().get_text_range() for found in pypdfium2.PdfDocument(body)]
    assert (kind, [text.strip() for text in texts]) == ("application/pdf", ["one", "two"])
