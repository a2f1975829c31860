"""Answer the HTTP requests of the browser; ``docs/review.md`` lists them."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import tempfile
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import Any, Awaitable, Callable, Dict, List, Mapping, Type, TypeVar

from aiohttp import web

from htrlib.errors import AnnotationError, CorrectionError, HtrError, ImageError
from htrlib.review.access import HEADERS, Access, Refusal, change_refusal, person_of
from htrlib.review.listing import SORTS, STATES
from htrlib.review.lost_answers import LostAnswers
from htrlib.review.page_pictures import LARGEST, MOST, SMALLEST
from htrlib.review.service import NoPageError, ReviewService
from htrlib.review.store import ConflictError, OutsideFolderError

MOST_BODY = 4 << 20
"""Bytes of a request: all edits of a page with a thousand lines."""

CHANGE_KEY = "X-HTR-Change"
"""Header with what a browser calls a change; it is the same when it sends the change again."""

_PIECE = 1 << 16  # bytes per chunk of a download
MOST_LISTED = 1000  # maximum pages per answer

_STATIC = Path(__file__).with_name("static")
_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".json": "application/json",
    ".woff2": "font/woff2",
    ".txt": "text/plain",
}
_WELCOME = (
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>htr review</title>'
    '<meta http-equiv="refresh" content="0; url=./"></head>'
    '<body><a href="./">Open the pages</a></body></html>'
)
_logger = logging.getLogger(__name__)

# Class of error -> status and code; the first match applies.
_STATUSES: Dict[Type[Exception], Refusal] = {
    NoPageError: Refusal(404, "no_page", ""),
    ConflictError: Refusal(409, "conflict", ""),
    CorrectionError: Refusal(422, "edit", ""),
    AnnotationError: Refusal(422, "file", ""),
    ImageError: Refusal(422, "picture", ""),
    OutsideFolderError: Refusal(403, "forbidden", ""),
    HtrError: Refusal(500, "failed", ""),
}
_TOO_LARGE = Refusal(413, "too_large", f"a request has at most {MOST_BODY:,} bytes")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Value = TypeVar("Value")


class RefusedError(Exception):
    """A request that is answered with an error."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        super().__init__(refusal.message)


def application(
    service: ReviewService, access: Access, executor: Executor, base_path: str = "/"
) -> web.Application:
    """Create the application: routes behind access checks.

    Args:
        executor: runs blocking calls.
        base_path: path prefix that starts and ends with a slash; requests may omit it.
    """
    app = web.Application(middlewares=[_checks(access)], client_max_size=MOST_BODY)
    routes = Routes(service, executor)
    for base in dict.fromkeys(("/", base_path)):
        app.router.add_get(base, partial(_file, "index.html"))
        app.router.add_get(f"{base}static/{{path:.+}}", _static)
        for method, path, handler in routes.table():
            app.router.add_route(method, f"{base}{path}", handler)
    app.on_response_prepare.append(_add_headers)
    return app


class Routes:
    """Handlers of the requests."""

    def __init__(self, service: ReviewService, executor: Executor) -> None:
        self._service, self._executor = service, executor
        self._lost = LostAnswers()

    def table(self) -> List[Any]:
        """Return method, path below the base, and handler of each route."""
        page = "api/pages/{name:.+}"
        return [
            ("GET", "api/overview", self._overview),
            ("GET", "api/pages", self._pages),
            ("GET", "api/changes", self._changes),
            ("GET", f"{page}/history", self._history),
            ("GET", page, self._page),
            ("POST", f"{page}/edits", self._edit),
            ("POST", f"{page}/read", self._read),
            ("POST", f"{page}/restore", self._restore),
            ("GET", "picture/{name:.+}", self._picture),
            ("GET", "thumbnail/{name:.+}", self._thumbnail),
            ("POST", "api/reading", self._reading),
            ("GET", "api/download", self._download),
            ("GET", "api/training", self._training),
            ("POST", "api/training", self._start_training),
            ("POST", "api/training/stop", self._stop_training),
            ("POST", "api/training/resume", self._resume_training),
            ("POST", "api/training/use", self._use_trained),
        ]

    async def _overview(self, request: web.Request) -> web.Response:
        return _json(await self._call(self._service.overview))

    async def _pages(self, request: web.Request) -> web.Response:
        state, sort = request.query.get("state", ""), request.query.get("sort", "name")
        if state and state not in STATES:
            raise _bad(f"state must be one of {', '.join(STATES)}")
        if sort not in SORTS:
            raise _bad(f"sort must be one of {', '.join(SORTS)}")
        offset = _number(request.query, "offset", 0, 0, 1 << 40)
        limit = _number(request.query, "limit", 200, 1, MOST_LISTED)
        search = request.query.get("search", "")
        return _json(await self._call(self._service.pages, offset, limit, state, search, sort))

    async def _changes(self, request: web.Request) -> web.Response:
        since = _number(request.query, "since", 0, 0, 1 << 60)
        return _json(await self._call(self._service.changes, since))

    async def _page(self, request: web.Request) -> web.Response:
        return _json(await self._call(self._service.page, _name(request)))

    async def _history(self, request: web.Request) -> web.Response:
        return _json(await self._call(self._service.history, _name(request)))

    async def _edit(self, request: web.Request) -> web.Response:
        data = await _body(request)
        return await self._change(
            request, self._service.edit, _text(data, "version"), data.get("edits")
        )

    async def _read(self, request: web.Request) -> web.Response:
        data = await _body(request)
        lines = data.get("lines")
        if lines is not None and (not isinstance(lines, list) or not lines):
            raise _bad("lines must be a list of ids, or null for the whole page")
        return await self._change(request, self._service.read, _text(data, "version"), lines)

    async def _restore(self, request: web.Request) -> web.Response:
        data = await _body(request)
        number = data.get("number")
        if not isinstance(number, int):
            raise _bad("number must be that of a version in the page's history")
        return await self._change(request, self._service.restore, _text(data, "version"), number)

    async def _reading(self, request: web.Request) -> web.Response:
        data = await _body(request)
        if not isinstance(data.get("paused"), bool):
            raise _bad("paused must be true or false")
        self._service.background.pause(data["paused"])
        return _json(await self._call(self._service.overview))

    async def _download(self, request: web.Request) -> web.StreamResponse:
        with tempfile.TemporaryFile() as archive:
            await self._call(self._service.write_archive, archive)
            response = web.StreamResponse()
            response.content_type = "application/zip"
            response.headers["Content-Disposition"] = 'attachment; filename="pages.zip"'
            await response.prepare(request)
            while piece := await self._call(archive.read, _PIECE):
                await response.write(piece)
            await response.write_eof()
            return response

    async def _training(self, request: web.Request) -> web.Response:
        return _json(await self._call(self._service.training))

    async def _start_training(self, request: web.Request) -> web.Response:
        minutes = (await _body(request)).get("minutes")
        if isinstance(minutes, bool) or not isinstance(minutes, (int, float)):
            raise _bad("minutes must be a number")
        return _json(await self._call(self._service.start_training, float(minutes)))

    async def _stop_training(self, request: web.Request) -> web.Response:
        return _json(await self._call(self._service.stop_training))

    async def _resume_training(self, request: web.Request) -> web.Response:
        return _json(await self._call(self._service.resume_training))

    async def _use_trained(self, request: web.Request) -> web.Response:
        return _json(await self._call(self._service.use_trained))

    async def _picture(self, request: web.Request) -> web.Response:
        largest = _number(request.query, "largest", LARGEST, SMALLEST, MOST)
        name = _name(request)
        tag = await self._call(self._service.picture_tag, name, largest)
        return await self._tagged(request, tag, self._service.picture, name, largest)

    async def _thumbnail(self, request: web.Request) -> web.Response:
        name = _name(request)
        tag = await self._call(self._service.picture_tag, name, 0)
        return await self._tagged(request, tag, self._service.thumbnail, name)

    async def _tagged(
        self, request: web.Request, tag: str, make: Callable[..., bytes], *arguments: Any
    ) -> web.Response:
        """Send a picture, unless the browser has it."""
        headers = {"ETag": f'"{tag}"', "Cache-Control": "private, max-age=60"}
        if request.headers.get("If-None-Match") == headers["ETag"]:
            return web.Response(status=304, headers=headers)
        content = await self._call(make, *arguments)
        return web.Response(body=content, content_type="image/jpeg", headers=headers)

    async def _change(
        self, request: web.Request, change: Callable[..., Any], *arguments: Any
    ) -> web.Response:
        """Change a page; on a conflict, the answer has the current page."""
        name, key = _name(request), request.headers.get(CHANGE_KEY, "")
        try:
            answer = await self._call(change, name, *arguments, person_of(request.headers))
            if key:
                self._lost.keep(name, key, answer)
            return _json(answer)
        except ConflictError as conflict:
            page = await self._call(self._service.conflict, name, conflict)
            made = self._lost.of(name, key, page)
            if made is not None:
                return _json(made)
            error = {"code": "conflict", "message": str(conflict)}
            return _json({"error": error, "page": page}, 409)

    async def _call(self, work: Callable[..., Value], *arguments: Any) -> Value:
        """Run a blocking call in another thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, partial(work, *arguments))


def _checks(access: Access) -> Any:
    """Create a middleware that refuses requests as `Access` says, and answers errors in JSON."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.query.get("token")
        if access.token is not None and request.method == "GET" and access.is_token(given):
            return _welcome(access)
        refusal = access.refusal(request.headers, request.cookies)
        if refusal is None and request.method not in ("GET", "HEAD"):
            refusal = change_refusal(request.headers, request.content_type)
        if refusal is None and (request.content_length or 0) > MOST_BODY:
            refusal = _TOO_LARGE
        if refusal is not None:
            return _refused(refusal)
        try:
            return await handler(request)
        except RefusedError as error:
            return _refused(error.refusal)
        except web.HTTPRequestEntityTooLarge:
            return _refused(_TOO_LARGE)
        except web.HTTPNotFound:
            return _refused(Refusal(404, "not_found", "there is nothing at this address"))
        except web.HTTPMethodNotAllowed as error:
            return _refused(Refusal(405, "method", f"{error.method} is not answered here"))
        except web.HTTPException:
            raise
        except Exception as error:
            return _refused(_refusal_of(error, changes=request.method == "POST"))

    return check


def _refusal_of(error: Exception, changes: bool) -> Refusal:
    for kind, refusal in _STATUSES.items():
        if isinstance(error, kind):
            return Refusal(refusal.status, refusal.code, str(error))
    if isinstance(error, OSError) and error.strerror is not None:
        text = f"{Path(os.fsdecode(error.filename or '')).name}: {error.strerror}"
        if not changes:
            return Refusal(500, "disk", text)
        return Refusal(507, "disk", f"{text}; your change was not saved")
    _logger.exception("a request failed")
    return Refusal(500, "failed", "the server failed; its log has the details")


def _welcome(access: Access) -> web.Response:
    """Set the cookie, and go to the address without the token.

    This is done by a page because, after a link from another site, the browser would not send the
    new cookie with a redirect.
    """
    response = web.Response(text=_WELCOME, content_type="text/html")
    # No path: the browser uses that of the page, including a proxy's prefix.
    token = access.token or ""
    response.set_cookie(access.cookie, token, path="", httponly=True, samesite="Strict")
    return response


async def _static(request: web.Request) -> web.StreamResponse:
    return await _file(request.match_info["path"], request)


async def _file(name: str, request: web.Request) -> web.StreamResponse:
    """Send a file of the folder `static`."""
    path = (_STATIC / name).resolve() if "\0" not in name else _STATIC
    kind = _TYPES.get(path.suffix)
    if _STATIC.resolve() not in path.parents or kind is None or not path.is_file():
        raise web.HTTPNotFound
    content_type = f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
    headers = {"Content-Type": content_type, "Cache-Control": "no-cache"}
    return web.FileResponse(path, headers=headers)


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")


async def _body(request: web.Request) -> Dict[str, Any]:
    content = await request.read()
    try:
        data = json.loads(content, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise _bad(f"the request is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise _bad("the request must be a JSON object")
    return data


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is not a number")


def _name(request: web.Request) -> str:
    return request.match_info["name"]


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str):
        raise _bad(f"the request needs a string {name!r}")
    return value


def _number(query: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdecimal()) or len(text) > 20:
        raise _bad(f"{name} must be a whole number, found {text[:40]!r}")
    return min(max(int(text), least), most)


def _bad(message: str) -> RefusedError:
    return RefusedError(Refusal(400, "request", message))


def _json(value: Any, status: int = 200) -> web.Response:
    response = web.json_response(value, status=status)
    if response.content_length is not None and response.content_length > _PIECE:
        response.enable_compression()  # the lines of a large page take a megabyte
    return response


def _refused(refusal: Refusal) -> web.Response:
    error = {"code": refusal.code, "message": refusal.message}
    return _json({"error": error}, refusal.status)
