"""Admit requests: check headers, receive bodies, and queue for the supervisor.

Only as many requests go to the model server as its workers can take. The others wait here, where
they can be counted, timed, and dropped when their client disconnects.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections import Counter
from http import HTTPStatus
from typing import Any, AsyncIterator, Dict, Optional, Sequence, Tuple

from aiohttp import web

from htrlib.serving.config import ServingConfig
from htrlib.serving.forms import is_form, read_form
from htrlib.serving.logs import log_exception
from htrlib.serving.mms.supervisor import Supervisor
from htrlib.serving.protocol import (
    CUSTOM_ATTRIBUTES,
    OCTETS,
    RefusedError,
    answer_of,
    attributes_of,
    content_type_of,
    header,
    options_of,
)
from htrlib.serving.replies import Reply, refusal, unavailable

if sys.version_info >= (3, 11):
    from asyncio import timeout
else:
    from async_timeout import timeout

_NO_CODING = ("", "identity")
_MOST_SENDING = 500  # bodies arriving at once; half of the connections
_SLOW_SECONDS = 2.0  # time a body may take to arrive when memory for bodies is short


class Intake:
    """The requests that arrive, wait or are being answered.

    Args:
        config: limits.
        supervisor: supervisor that answers the requests.
    """

    def __init__(self, config: ServingConfig, supervisor: Supervisor) -> None:
        self.config = config
        self.supervisor = supervisor
        self._slots: Dict[str, asyncio.Semaphore] = {}
        self._users: Counter[str] = Counter()
        self._waiting = self._sending = 0
        self._held_bytes = 0
        self._arriving: Dict[_Hold, Any] = {}  # and their time limits; the oldest first

    async def answer(self, request: web.BaseRequest, name: str, start: float) -> Reply:
        """Have a model read a request.

        Args:
            name: name of the model.
            start: time its headers arrived, in seconds of `time.monotonic()`.
        Raises:
            RefusedError: the request is refused.
        """
        deadline = start + self.config.request_seconds
        headers = self._checked(request)
        self._check_queue()
        hold = _Hold(self)
        self._users[name] += 1
        try:
            body = await self._body(request, headers, hold)
            if time.monotonic() >= deadline:
                raise RefusedError(
                    HTTPStatus.REQUEST_TIMEOUT,
                    f"the body took all of the {self.config.request_seconds:.0f} s that a request "
                    "may take",
                )
            await self._queue(name, deadline)
        except BaseException:
            hold.release()
            self._users[name] -= 1
            raise
        # A worker cannot be interrupted: after a disconnect the slot stays taken until the answer
        # arrives. Otherwise there would be more requests than workers.
        work = self._work(name, body, headers, deadline, hold)
        return await asyncio.shield(asyncio.ensure_future(work))

    @contextlib.asynccontextmanager
    async def taken(self, request: web.BaseRequest) -> AsyncIterator[Tuple[bytes, Dict[str, str]]]:
        """The body of a request, which counts as held, and its headers as a worker takes them.

        Raises:
            RefusedError: it is not taken.
        """
        headers = self._checked(request)
        hold = _Hold(self)
        try:
            yield await self._body(request, headers, hold), headers
        finally:
            hold.release()

    async def read_later(
        self, name: str, body: bytes, headers: Dict[str, str], seconds: float
    ) -> Reply:
        """Have a model read a request that is there, in so many seconds once a worker is free."""
        await self._slot(name).acquire()
        self._users[name] += 1
        deadline = time.monotonic() + seconds
        return await self._work(name, body, headers, deadline, _Hold(self))

    async def _body(self, request: web.BaseRequest, headers: Dict[str, str], hold: _Hold) -> bytes:
        """The body, or the file of a form: its content type is set then."""
        body = await self._receive(request, hold)
        kind = header(request.headers, "Content-Type") or ""
        if is_form(kind) and not self.config.allow_code:
            form = read_form(body, kind)
            body, headers["Content-Type"] = form.file, form.content_type
            headers[CUSTOM_ATTRIBUTES] = _attributes(request, form.fields)
        return body

    async def read(
        self, request: web.BaseRequest, limit: int, hold: Optional[_Hold] = None
    ) -> bytes:
        """Receive a body, within limits of size and time.

        Raises:
            RefusedError: 400, 408, 413, or 503 if waiting bodies take too much memory.
        """
        too_large = RefusedError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body has at most {limit:,} bytes"
        )
        if (request.content_length or 0) > limit:
            raise too_large
        body = bytearray()
        try:
            async with timeout(self.config.body_seconds) as limited:
                if hold is not None:
                    self._arriving[hold] = limited
                await _invite(request)
                async for chunk in request.content.iter_any():
                    if len(body) + len(chunk) > limit:
                        raise too_large
                    if hold is not None:
                        hold.take(len(chunk))
                    body += chunk
        except asyncio.TimeoutError:
            if hold is not None and hold.gave_way:
                raise _full() from None
            raise RefusedError(
                HTTPStatus.REQUEST_TIMEOUT,
                f"the body did not arrive within {self.config.body_seconds:.0f} s",
            ) from None
        except (web.RequestPayloadError, ConnectionError, ValueError) as error:
            raise RefusedError(
                HTTPStatus.BAD_REQUEST, "the body was cut off, or is not coded as its headers say"
            ) from error
        finally:
            if hold is not None:
                self._arriving.pop(hold, None)
        if not body:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "the body is empty")
        return bytes(body)

    async def until_unused(self, name: str) -> None:
        """Wait until no request for a model is pending."""
        end = time.monotonic() + self.config.request_seconds
        while self._users[name] and time.monotonic() < end:
            await asyncio.sleep(0.02)

    def _checked(self, request: web.BaseRequest) -> Dict[str, str]:
        """Return normalized headers for a worker; reject what the worker would reject."""
        kind = header(request.headers, "Content-Type")
        accept = ", ".join(request.headers.getall("Accept", ()))
        coding = (header(request.headers, "Content-Encoding") or "").strip().lower()
        if coding not in _NO_CODING:
            raise RefusedError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "a body comes without Content-Encoding"
            )
        if self.config.allow_code:  # a model's own code may use any content type
            return {
                "Content-Type": kind or OCTETS,
                "Accept": accept or self.config.default_accept,
                CUSTOM_ATTRIBUTES: header(request.headers, CUSTOM_ATTRIBUTES) or "",
            }
        return {
            "Content-Type": OCTETS if is_form(kind) else content_type_of(kind),
            "Accept": answer_of(accept, self.config.default_accept).header,
            CUSTOM_ATTRIBUTES: _attributes(request),
        }

    async def _receive(self, request: web.BaseRequest, hold: _Hold) -> bytes:
        if self._sending >= _MOST_SENDING:
            raise unavailable(f"{self._sending} bodies are already arriving")
        self._sending += 1
        try:
            return await self.read(request, self.config.max_request_bytes, hold)
        finally:
            self._sending -= 1

    def _make_room(self, count: int, asking: _Hold) -> None:
        """Make room for more bytes of bodies by dropping those that arrive slowly.

        Raises:
            RefusedError: 503 if there is not enough room.
        """
        wanted = self._held_bytes + count - self.config.queue_bytes
        if wanted <= 0:
            return
        slow_since = time.monotonic() - _SLOW_SECONDS
        slow = [
            hold
            for hold in self._arriving
            if hold is not asking and hold.bytes and hold.began < slow_since
        ]
        if sum(hold.bytes for hold in slow) < wanted:
            raise _full()
        for hold in slow:
            wanted -= hold.bytes
            hold.gave_way = True
            _end_now(self._arriving.pop(hold))
            hold.release()
            if wanted <= 0:
                return

    async def _queue(self, name: str, deadline: float) -> None:
        """Wait for a worker. Only complete requests count, so slow clients block nobody."""
        self._check_queue()
        self._waiting += 1
        try:
            await self._free_slot(name, deadline)
        finally:
            self._waiting -= 1

    def _check_queue(self) -> None:
        if self._waiting >= self.config.queue_length:
            raise unavailable(f"{self._waiting} requests are already waiting")

    async def _free_slot(self, name: str, deadline: float) -> None:
        try:
            async with timeout(deadline - time.monotonic()):
                await self._slot(name).acquire()
        except asyncio.TimeoutError:
            raise unavailable("no worker became free in time") from None

    def _slot(self, name: str) -> asyncio.Semaphore:
        if name not in self._slots:
            # One more than there are workers, so that no worker waits for its next request; but
            # none to wait in the model server for a job that has the only worker.
            alone = self.config.at_once == 1 and self.config.jobs is not None
            self._slots[name] = asyncio.Semaphore(self.config.at_once + (not alone))
        return self._slots[name]

    async def _work(
        self, name: str, body: bytes, headers: Dict[str, str], deadline: float, hold: _Hold
    ) -> Reply:
        try:
            response = await self.supervisor.invoke(name, body, headers, deadline)
            return Reply(response.status, response.body, response.content_type)
        except RefusedError as error:
            return refusal(error)
        except Exception:
            log_exception("the gateway failed")
            return refusal(RefusedError(HTTPStatus.INTERNAL_SERVER_ERROR, "the server failed"))
        finally:
            self._slots[name].release()
            self._users[name] -= 1
            hold.release()


def _attributes(request: web.BaseRequest, fields: Sequence[Tuple[str, str]] = ()) -> str:
    """Return the options in a request's header, its query, and the fields of its form."""
    attributes = header(request.headers, CUSTOM_ATTRIBUTES)
    return attributes_of(options_of(attributes, (*request.query.items(), *fields)))


async def _invite(request: web.BaseRequest) -> None:
    """Send "100 Continue" to a client that waits for it, as curl does for a second."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer has not begun


def _full() -> RefusedError:
    return unavailable("the bodies of requests that wait take too much memory already")


def _end_now(limited: Any) -> None:
    """Make a time limit expire now."""
    end = limited.reschedule if sys.version_info >= (3, 11) else limited.update
    end(asyncio.get_running_loop().time())


class _Hold:
    """Accounts for the bytes of one body while it is in memory."""

    def __init__(self, intake: Intake) -> None:
        self.began = time.monotonic()
        self.bytes = 0
        self.gave_way = False
        self._intake = intake

    def take(self, count: int) -> None:
        self._intake._make_room(count, self)
        self._intake._held_bytes += count
        self.bytes += count

    def release(self) -> None:
        self._intake._held_bytes -= self.bytes
        self.bytes = 0
