from __future__ import annotations

import contextlib
from email.message import Message
from email.parser import BytesHeaderParser
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from htrlib.serving.forms import Form, is_form, read_form
from htrlib.serving.protocol import OCTETS, RefusedError

KIND = "multipart/form-data; boundary=----abc"


def part(name: str, content: bytes, filename: str = "", kind: str = "") -> bytes:
    disposition = f'Content-Disposition: form-data; name="{name}"'
    disposition += f'; filename="{filename}"' if filename else ""
    kind = f"\r\nContent-Type: {kind}" if kind else ""
    return f"------abc\r\n{disposition}{kind}\r\n\r\n".encode() + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"------abc--\r\n"


def test_forms_are_known_by_their_content_type() -> None:
    assert is_form(KIND)
    assert is_form("Multipart/Form-Data;boundary=x")
    assert not is_form("image/png")
    assert not is_form(None)


@given(st.binary(min_size=1).filter(lambda content: b"------abc" not in content))
def test_a_file_comes_out_as_it_went_in(content: bytes) -> None:
    body = form(part("beam_width", b"9"), part("file", content, "page.png", "image/png"))
    assert read_form(body, KIND) == Form(content, "image/png", (("beam_width", "9"),))


def test_a_file_of_unknown_type_is_looked_at() -> None:
    for kind in ("", "application/octet-stream", "image/webp"):
        body = form(part("file", b"bytes", "page.webp", kind))
        assert read_form(body, KIND) == Form(b"bytes", OCTETS)


def test_a_file_may_have_no_name() -> None:
    body = form(part("file", b"bytes", kind="image/png"))
    assert read_form(body, KIND) == Form(b"bytes", "image/png")
    body = body.replace(b'name="file"', b'name="file"; filename=""')
    assert read_form(body, KIND) == Form(b"bytes", "image/png")


def test_a_boundary_may_be_quoted() -> None:
    body = form(part("file", b"bytes", "a.png", "image/png"))
    assert read_form(body, 'multipart/form-data; boundary="----abc"').file == b"bytes"


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (form(part("note", b"text")), KIND, HTTPStatus.BAD_REQUEST),
        (form(part("a", b"1", "a.png"), part("b", b"2", "b.png")), KIND, HTTPStatus.BAD_REQUEST),
        (form(part("file", b"", "a.png")), KIND, HTTPStatus.BAD_REQUEST),
        (part("file", b"cut off", "a.png"), KIND, HTTPStatus.BAD_REQUEST),
        (form(part("file", b"1", "a.png")), "multipart/form-data", HTTPStatus.BAD_REQUEST),
        (
            form(part("file", b"1", "a.mp4", "video/mp4")),
            KIND,
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        ),
        (b"", KIND, HTTPStatus.BAD_REQUEST),
    ],
)
def test_other_forms_are_refused(body: bytes, kind: str, status: HTTPStatus) -> None:
    with pytest.raises(RefusedError) as raised:
        read_form(body, kind)
    assert raised.value.status == status


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (form(part("file", b"1", "a.png"), *[part("stage", b"text")] * 32), "at most 32 parts"),
        (part("file", b"1", "a" * 9000) + form(), "8,192 bytes in all"),
        (form(b"------abc\r\nwithout an empty line " + b"A:b\r\n" * 2000), "8,192 bytes in all"),
        (form(*[part("stage", b"text", kind="a" * 500)] * 20), "8,192 bytes in all"),
    ],
)
def test_forms_that_take_long_to_parse_are_refused(
    monkeypatch: pytest.MonkeyPatch, body: bytes, message: str
) -> None:
    parsed = []

    class Parser(BytesHeaderParser):
        def parsebytes(self, text: bytes, headersonly: bool = True) -> Message:
            parsed.append(text)
            return super().parsebytes(text, headersonly)

    monkeypatch.setattr("htrlib.serving.forms.BytesHeaderParser", Parser)
    with pytest.raises(RefusedError, match=message) as raised:
        read_form(body, KIND)
    assert raised.value.status == HTTPStatus.BAD_REQUEST
    assert sum(map(len, parsed)) < 10_000


def test_a_form_may_have_a_part_for_each_option() -> None:
    body = form(*[part("stage", b"text")] * 31, part("file", b"bytes", "a" * 255 + ".png"))
    assert len(read_form(body, KIND).fields) == 31


def test_a_file_s_type_may_have_other_characters_than_ascii() -> None:
    body = form(part("file", b"bytes", "é.png", 'image/png; name="é.png"'))
    assert read_form(body, KIND) == Form(b"bytes", "image/png")


@given(st.binary(max_size=200), st.text(max_size=40))
def test_whatever_comes_is_taken_or_refused(body: bytes, boundary: str) -> None:
    kind = f"multipart/form-data; boundary={boundary}"
    for content in (body, form(body)):
        with contextlib.suppress(RefusedError):
            read_form(content, kind)
