"""Connections of the public port, limited in number and idle time."""

from __future__ import annotations

import asyncio
import socket
from http import HTTPStatus
from typing import Any, Awaitable, Callable, Optional, Set

from aiohttp import web

from htrlib.serving.protocol import JSON, error_body

HEADER_SECONDS = 15.0  # time limit for a new connection to send the headers of its first request
KEEP_ALIVE_SECONDS = 65.0
SEND_SECONDS = 30  # time limit for a client that does not read its answer
MOST = 1000


class BoundedServer(web.Server):
    """aiohttp's server with limits; by itself it waits forever for a first request.

    Args:
        handle: answers a request; cancelled when the client disconnects.
    """

    def __init__(self, handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> None:
        super().__init__(
            self._handle,
            handler_cancellation=True,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            access_log=None,
            auto_decompress=False,
        )
        self._answer = handle
        self._silent: Set[Any] = set()  # transports that have sent no request yet

    def __call__(self) -> web.RequestHandler:
        """Create the protocol of a new connection, for asyncio."""
        return _Connection(self, loop=asyncio.get_running_loop(), **self._kwargs)

    def connection_made(self, handler: Any, transport: asyncio.Transport) -> None:
        """Handle a new connection, for aiohttp."""
        super().connection_made(handler, transport)
        if len(self.connections) > MOST:
            transport.abort()
            return
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * SEND_SECONDS)
        self._silent.add(transport)
        asyncio.get_running_loop().call_later(HEADER_SECONDS, self._end_if_silent, transport)

    def _end_if_silent(self, transport: asyncio.Transport) -> None:
        if transport in self._silent:
            self._silent.discard(transport)
            transport.abort()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self._silent.discard(request.transport)
        return await self._answer(request)


class _Connection(web.RequestHandler):
    """Answers invalid HTTP and overlong headers in JSON."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: Optional[BaseException] = None,
        message: Optional[str] = None,
    ) -> web.StreamResponse:
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or request.writer.output_size > 0:
            return super().handle_error(request, status, exc, message)
        detail = (message or "").strip().partition("\n")[0][:200]
        body = error_body(HTTPStatus(status), f"this is no request of HTTP/1.1: {detail!a}")
        response = web.Response(status=status, body=body, content_type=JSON)
        response.force_close()
        return response
