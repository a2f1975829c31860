"""Connections of the public port, bounded in number and in the time that they may idle."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Awaitable, Callable, Set

from aiohttp import web

HEADER_SECONDS = 15.0  # in which a new connection has to send its first request's headers
KEEP_ALIVE_SECONDS = 65.0
SEND_SECONDS = 30  # without a client taking more of its answer
MOST = 1000


class BoundedServer(web.Server):
    """aiohttp's server, which by itself waits for ever for a first request.

    Args:
        handle: answers a request; cancelled when its client goes.
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

    def connection_made(self, handler: Any, transport: asyncio.Transport) -> None:
        """Called by aiohttp for each connection."""
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
