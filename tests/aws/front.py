"""A server on loopback that stands before moto: it passes requests on, or does what a test says.

It answers what moto lacks, throttles, and cuts connections.
"""

from __future__ import annotations

import http.client
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Dict, List, Mapping, Optional, Union

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "expect"}


@dataclass(frozen=True)
class Request:
    """A received request; `operation` is set for JSON services, such as "UpdateEndpoint"."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def operation(self) -> str:
        return self.headers.get("X-Amz-Target", "").rpartition(".")[2]

    @property
    def parameters(self) -> Dict[str, Any]:
        found: Dict[str, Any] = json.loads(self.body)
        return found


@dataclass(frozen=True)
class Answer:
    body: bytes = b"{}"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


CUT = "cut the connection"

Rule = Callable[[Request], Optional[Union[Answer, str]]]


def answer(parameters: Mapping[str, Any]) -> Answer:
    return Answer(
        json.dumps(parameters).encode(), headers={"Content-Type": "application/x-amz-json-1.1"}
    )


def refusal(code: str, message: str, status: int = 400) -> Answer:
    return Answer(
        json.dumps({"__type": code, "message": message}).encode(),
        status,
        {"Content-Type": "application/x-amz-json-1.1"},
    )


class Front:
    """The server.

    Attributes:
        rules: asked in turn what to do; a request that none answers goes to moto.
        requests: that came.
    """

    def __init__(self, upstream: str) -> None:
        self.rules: List[Rule] = []
        self.requests: List[Request] = []
        self._upstream = upstream
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_request(self) -> None:
                front.serve(self)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_request  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answers(self, operation: str, *replies: Union[Answer, Dict[str, Any]]) -> None:
        """Answer an operation of a JSON service; the last reply repeats."""
        left = [reply if isinstance(reply, Answer) else answer(reply) for reply in replies]

        def rule(request: Request) -> Optional[Answer]:
            if request.operation != operation:
                return None
            return left.pop(0) if len(left) > 1 else left[0]

        self.rules.append(rule)

    def asked(self, operation: str) -> List[Dict[str, Any]]:
        """The parameters of the requests for an operation."""
        return [r.parameters for r in self.requests if r.operation == operation]

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        request = Request(handler.command, handler.path, dict(handler.headers), body)
        self.requests.append(request)
        reply = next(filter(None, (rule(request) for rule in self.rules)), None)
        if isinstance(reply, str):
            handler.close_connection = True
            return
        reply = reply or self._passed_on(request)
        handler.send_response(reply.status)
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        if handler.command != "HEAD":
            handler.send_header("Content-Length", str(len(reply.body)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(reply.body)

    def _passed_on(self, request: Request) -> Answer:
        connection = http.client.HTTPConnection(self._upstream, timeout=60)
        try:
            headers = {k: v for k, v in request.headers.items() if k.lower() not in HOP_BY_HOP}
            connection.request(request.method, request.path, request.body, headers)
            response = connection.getresponse()
            length = {"content-length"} if request.method == "HEAD" else set()
            kept = {
                name: value
                for name, value in response.getheaders()
                if name.lower() not in HOP_BY_HOP - length
            }
            return Answer(response.read(), response.status, kept)
        finally:
            connection.close()
