"""Replies that the gateway makes itself."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Dict

from htrlib.serving.protocol import JSON, RefusedError, error_body

RETRY_SECONDS = 2


@dataclass
class Reply:
    """An HTTP answer to be sent."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: Dict[str, str] = field(default_factory=dict)


def json_reply(value: Any, status: HTTPStatus = HTTPStatus.OK) -> Reply:
    """Create a JSON reply."""
    return Reply(int(status), json.dumps(value).encode("utf-8"))


def refusal(error: RefusedError) -> Reply:
    """Create the reply to a refused request, with Retry-After if it may be repeated."""
    body = error_body(error.status, error.message)
    reply = Reply(int(error.status), body, headers=dict(error.headers))
    if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        reply.headers["Retry-After"] = str(RETRY_SECONDS)
    return reply


def unavailable(message: str) -> RefusedError:
    """Create the refusal of a request that may be repeated later."""
    return RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, message)
