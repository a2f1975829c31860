"""Extract the file from a form, as `curl -F file=@page.png` and web pages send it."""

from __future__ import annotations

from email.message import Message
from email.parser import BytesHeaderParser
from http import HTTPStatus
from typing import List, Optional, Tuple

from htrlib.serving.protocol import RefusedError, content_type_of

FORM = "multipart/form-data"


def is_form(content_type: Optional[str]) -> bool:
    """Return whether a request's body is a form."""
    return (content_type or "").split(";", 1)[0].strip().lower() == FORM


def file_of_form(body: bytes, content_type: str) -> Tuple[bytes, str]:
    """Return the one file of a form and its content type.

    Args:
        body: body of the request.
        content_type: content type of the request, which names the boundary between parts.
    Raises:
        RefusedError: 400 if the form has no boundary, no file or several files; 415 if the file's
            type is not supported.
    """
    boundary = _boundary(content_type)
    files = [(part, content) for part, content in _parts(body, boundary) if part.get_filename()]
    if len(files) != 1:
        raise RefusedError(
            HTTPStatus.BAD_REQUEST,
            f"a form holds one file, found {len(files)}; send it as curl -F file=@page.png does",
        )
    part, content = files[0]
    if not content:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "the file in the form is empty")
    return content, content_type_of(part.get("Content-Type"))


def _boundary(content_type: str) -> bytes:
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_param("boundary")
    if not isinstance(boundary, str) or not boundary:
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"{FORM} needs a boundary")
    return boundary.encode("latin-1", "replace")


def _parts(body: bytes, boundary: bytes) -> List[Tuple[Message, bytes]]:
    """Return the headers and content of each part; a truncated last part is left out."""
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary)
    parts = []
    for piece in pieces[1:-1]:
        # white space may follow the boundary; the headers begin on the next line
        head, _, content = piece.partition(b"\r\n")[2].partition(b"\r\n\r\n")
        parts.append((BytesHeaderParser().parsebytes(head + b"\r\n\r\n"), content))
    return parts
