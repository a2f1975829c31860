"""Extract the file and options from a form, as `curl -F file=@page.png` and web pages send it."""

from __future__ import annotations

from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from http import HTTPStatus
from typing import List, Optional, Tuple

from htrlib.serving.protocol import RefusedError, content_type_of

FORM = "multipart/form-data"

# Limits on what is parsed between other requests: headers take far longer to parse than to send.
_MOST_PARTS = 32
_MOST_HEADER_BYTES = 8192  # of all parts; each has about a hundred


def is_form(content_type: Optional[str]) -> bool:
    """Return whether a request's body is a form."""
    return (content_type or "").split(";", 1)[0].strip().lower() == FORM


@dataclass(frozen=True)
class Form:
    """A form with one file.

    Attributes:
        file: content of the file.
        content_type: its type.
        fields: names and values of the text fields.
    """

    file: bytes
    content_type: str
    fields: Tuple[Tuple[str, str], ...] = ()


def read_form(body: bytes, content_type: str) -> Form:
    """Parse a form.

    A part is a file if it has a file name, even an empty one, or a content type other than text.

    Args:
        body: body of the request.
        content_type: content type of the request, which names the boundary between parts.
    Raises:
        RefusedError: 400 if the form has no boundary, no file, several files, too many parts or too
            long headers of parts; 415 if the file's type is not supported.
    """
    boundary = _boundary(content_type)
    files, fields = [], []
    for part, content in _parts(body, boundary):
        if _is_file(part):
            files.append((part, content))
        else:
            fields.append((_name(part), content.decode("utf-8", "replace")))
    if len(files) != 1:
        raise RefusedError(
            HTTPStatus.BAD_REQUEST,
            f"a form holds one file, found {len(files)}; send it as curl -F file=@page.png does",
        )
    part, content = files[0]
    if not content:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "the file in the form is empty")
    kind = part.get("Content-Type")  # no `str` if it has bytes that are no ASCII
    return Form(content, content_type_of(kind and str(kind)), tuple(fields))


def _is_file(part: Message) -> bool:
    if part.get_param("filename", header="Content-Disposition") is not None:
        return True
    return "Content-Type" in part and part.get_content_maintype() != "text"


def _name(part: Message) -> str:
    name = part.get_param("name", "", header="Content-Disposition")
    return name if isinstance(name, str) else name[2]  # encoded with its character set


def _boundary(content_type: str) -> bytes:
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_param("boundary")
    if not isinstance(boundary, str) or not boundary:
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"{FORM} needs a boundary")
    return boundary.encode("latin-1", "replace")


def _parts(body: bytes, boundary: bytes) -> List[Tuple[Message, bytes]]:
    """Return the headers and content of each part; a truncated last part is left out."""
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary, _MOST_PARTS + 2)
    if len(pieces) > _MOST_PARTS + 2:
        raise RefusedError(
            HTTPStatus.BAD_REQUEST,
            f"a form has at most {_MOST_PARTS} parts, one of them the file; send fewer",
        )
    parts, header_bytes = [], 0
    for piece in pieces[1:-1]:
        # white space may follow the boundary; the headers begin on the next line
        head, _, content = piece.partition(b"\r\n")[2].partition(b"\r\n\r\n")
        header_bytes += len(head)
        if header_bytes > _MOST_HEADER_BYTES:
            raise RefusedError(
                HTTPStatus.BAD_REQUEST,
                f"the headers of a form's parts have at most {_MOST_HEADER_BYTES:,} bytes in all; "
                "end those of each part with an empty line",
            )
        parts.append((BytesHeaderParser().parsebytes(head + b"\r\n\r\n"), content))
    return parts
