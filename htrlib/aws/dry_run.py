"""Report requests instead of sending them.

boto3 asks its handlers before it sends a request, and takes their answer for AWS's. So every call
is seen here, whoever makes it, after boto3 has checked its parameters and before it looks for
credentials.
"""

from __future__ import annotations

import io
import json
import threading
from dataclasses import dataclass
from typing import Any, Callable, Dict, Mapping, Tuple

_READS = ("Describe", "Head", "GetObject")
_OF_NEXT_PAGES = {"NextToken", "NextMarker", "NextContinuationToken"}  # there are none


@dataclass(frozen=True)
class Request:
    """A request that was not sent."""

    service: str
    operation: str
    parameters: Mapping[str, Any]


def intercept(events: Any, tell: Callable[[Request], None]) -> None:
    """Pass every request of a session's clients to `tell`, and return placeholder answers."""

    lock = threading.Lock()

    def remember(params: Mapping[str, Any], context: Dict[str, Any], **_: Any) -> None:
        context[__name__] = dict(params)

    def answer(model: Any, context: Mapping[str, Any], **_: Any) -> Tuple[Any, Dict[str, Any]]:
        from botocore.awsrequest import AWSResponse

        service = str(model.service_model.service_name)
        with lock:
            tell(Request(service, model.name, context.get(__name__, {})))
        if model.name.startswith(_READS):
            error = {"Code": "ResourceNotFound", "Message": "nothing is there in a dry run"}
            return AWSResponse("", 404, {}, None), {"Error": error, "ResponseMetadata": {}}
        return AWSResponse("", 200, {}, None), _placeholder(model.output_shape, model.name)

    events.register_first("provide-client-params", remember)
    events.register_first("before-call", answer)


def to_json(request: Request) -> str:
    """Convert a request to JSON, with bytes replaced by their number."""
    return json.dumps(
        {
            "service": request.service,
            "operation": request.operation,
            "parameters": request.parameters,
        },
        indent=2,
        default=_plain,
    )


def _plain(value: object) -> str:
    return f"<{len(value)} bytes>" if isinstance(value, (bytes, bytearray)) else f"<{value}>"


def _placeholder(shape: Any, name: str) -> Any:
    """Return an answer in the form that the service describes, with placeholder names."""
    if shape is None:
        return {}
    if shape.type_name == "structure":
        return {key: _placeholder(member, key) for key, member in shape.members.items()}
    if shape.type_name == "string":
        return "" if name in _OF_NEXT_PAGES else f"<{name}>"
    if shape.type_name == "blob":
        return io.BytesIO()
    return {"list": [], "map": {}, "boolean": False}.get(shape.type_name, 0)
