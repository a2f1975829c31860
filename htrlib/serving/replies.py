"""Answers of the gateway itself."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Dict

from htrlib.serving.protocol import JSON, RefusedError, error_body

RETRY_SECONDS = 2


@dataclass
class Reply:
    """An answer on its way out."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: Dict[str, str] = field(default_factory=dict)


def json_reply(value: Any, status: HTTPStatus = HTTPStatus.OK) -> Reply:
    """An answer in JSON."""
    return Reply(int(status), json.dumps(value).encode("utf-8"))


def refusal(error: RefusedError) -> Reply:
    """The answer to a request that is refused; one that may be sent again says when."""
    body = error_body(error.status, error.message)
    reply = Reply(int(error.status), body, headers=dict(error.headers))
    if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        reply.headers["Retry-After"] = str(RETRY_SECONDS)
    return reply


def unavailable(message: str) -> RefusedError:
    """The refusal of a request that may be sent again."""
    return RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, message)
