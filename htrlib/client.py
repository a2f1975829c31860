"""A client for servers of htrlib: the results of `htrlib.transcribe`, read on another machine."""

from __future__ import annotations

import http.client
import io
import json
import logging
import os
import random
import time
import urllib.error
import urllib.request
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Collection, Optional, Protocol, Tuple, Type, Union
from urllib.parse import quote, urlsplit

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from htrlib.document.results import DocumentResult, PageResult
from htrlib.errors import (
    ConfigError,
    EndpointError,
    EndpointNotFoundError,
    HtrError,
    ImageError,
)
from htrlib.formats.json_format import from_json
from htrlib.images.loading import check_page, iter_pages, load_image
from htrlib.images.suffixes import PDF, kind_of

REQUEST_BYTES = 25 << 20
"""Largest request that a server accepts."""

READ_SECONDS = 70.0
"""Time limit for an answer. A server reads a page for up to a minute."""

PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds before each retry while a server is busy; each is cut by up to half at random."""

_BUSY = 503  # the server's queue is full, or it is replacing a worker
_NOT_FOUND = 404
_BAD_PICTURE = (400, 413, 415)

_CONTENT_TYPES = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "TIFF": "image/tiff",
    PDF: "application/pdf",
}
"""Kinds of files that are sent as they are; other pictures are sent as PNG."""

_BAD_JSON = (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError)
"""What reading JSON raises that is none, or has other values than expected."""

_QUALITIES = (92, 85, 75)  # of JPEG, best first

_log = logging.getLogger(__name__)

Picture = Union[str, "os.PathLike[str]", bytes, NDArray[np.uint8]]
Result = Union[PageResult, DocumentResult]


@dataclass(frozen=True)
class ReadingRequest:
    """A picture and the options to read it with.

    Attributes:
        body: the picture's file.
        content_type: its media type.
        attributes: options, as `attributes_of` writes them.
        target_model: name of the model if the server has several, or None.
    """

    body: bytes
    content_type: str
    attributes: str = ""
    target_model: Optional[str] = None


class RefusedRequestError(Exception):
    """The server answered with an error status.

    Args:
        status: HTTP status.
        body: body of the answer.
    """

    def __init__(self, status: int, body: str) -> None:
        self.status = status
        self.body = body
        super().__init__(f"{status}: {body}")


class BusyError(Exception):
    """The server may answer a little later; `error` is what to raise if it does not."""

    def __init__(self, error: HtrError) -> None:
        self.error = error
        super().__init__(str(error))


class Transport(Protocol):
    """Carries requests to a server.

    Attributes:
        name: name of the server in messages.
    """

    name: str

    def send(self, request: ReadingRequest) -> bytes:
        """Send a request and return the body of the answer.

        Raises:
            RefusedRequestError: the server answered with an error status.
            BusyError: there is no answer now, but there may be one later.
            HtrError: there is no answer.
        """


class HttpTransport:
    """Carries requests to the URL of a server.

    Raises:
        ConfigError: the URL is not one of HTTP.
    """

    def __init__(self, url: str, failure: Type[HtrError] = EndpointError) -> None:
        if not url.startswith(("http://", "https://")):
            raise ConfigError(f"a URL must begin with http:// or https://, found {url!r}")
        try:
            urlsplit(url).port  # noqa: B018 - it is checked when it is asked for
        except ValueError as error:
            raise ConfigError(f"{url!r} is not a URL: {error}") from error
        self.name = url.rstrip("/")
        self._failure = failure

    def send(self, request: ReadingRequest) -> bytes:
        """Send a request and return the body of the answer. Raises as `Transport.send`."""
        path = "invocations"
        if request.target_model is not None:
            path = f"models/{quote(request.target_model, safe='')}/invoke"
        asked = urllib.request.Request(f"{self.name}/{path}", data=request.body, method="POST")
        asked.add_header("Content-Type", request.content_type)
        asked.add_header("Accept", "application/json")
        if request.attributes:
            asked.add_header("X-Amzn-SageMaker-Custom-Attributes", request.attributes)
        try:
            with urllib.request.urlopen(asked, timeout=READ_SECONDS) as answer:
                data: bytes = answer.read()
                return data
        except urllib.error.HTTPError as error:
            raise RefusedRequestError(error.code, _body_of(error)) from None
        # OSError includes URLError and timeouts.
        except (OSError, http.client.HTTPException) as error:
            raise self._failure(f"{self.name} does not answer: {error}") from error
        except ValueError as error:
            raise ConfigError(f"{self.name} cannot be asked: {error}; check the URL") from error


def _body_of(error: urllib.error.HTTPError) -> str:
    """The body of an error, as much of it as arrives."""
    try:
        body = error.read()
    except http.client.IncompleteRead as cut:
        body = cut.partial
    except (OSError, http.client.HTTPException):
        body = b""
    return body.decode("utf-8", "replace")


class EndpointClient:
    """Reads pages on a server: `htr serve`, or the container.

    The client retries for about a minute while the server is busy. It does not retry a request
    that timed out, which would time out again.

    Args:
        url: address of the server, such as "http://127.0.0.1:8080".
    Raises:
        ConfigError: the URL is not one of HTTP.
    """

    _failure: Type[HtrError] = EndpointError
    _not_found: Type[HtrError] = EndpointNotFoundError

    def __init__(self, url: str) -> None:
        self._transport: Transport = HttpTransport(url)

    def transcribe(
        self,
        picture: Picture,
        *,
        beam_width: Optional[int] = None,
        stage: Optional[str] = None,
        language_model: Optional[bool] = None,
        kinds: Optional[Collection[str]] = None,
        what: Optional[str] = None,
        orientation: Optional[str] = None,
        target_model: Optional[str] = None,
    ) -> Result:
        """Read a picture.

        A picture that is too large for a request is sent as a grayscale JPEG of the same size in
        pixels, and a warning is logged, since that can change the result.

        Args:
            picture: path or bytes of a picture file or PDF, or a page: (H, W) uint8, 0 is black.
            beam_width: number of hypotheses of beam search.
            stage: last stage to run: "paragraph", "lines" or "text".
            language_model: whether to use the bundle's language model.
            kinds: kinds of lines to read, such as "handwritten".
            what: what the picture shows: a "page", or one "line".
            orientation: "auto" rotates pages upright, "as-given" does not.
            target_model: name of a model, where the server has several.
        Returns:
            A page; for a PDF or a multi-page TIFF, a document.
        Raises:
            ImageError: it is not a picture, or the server rejects it; the message is the server's.
            ConfigError: the server rejects an option, or an option or the URL cannot be sent.
            EndpointNotFoundError: the server has no such model.
            EndpointError: the server fails or does not answer.
        """
        body, content_type = self._encode(picture)
        attributes = attributes_of(
            beam_width=beam_width,
            stage=stage,
            language_model=language_model,
            kinds=kinds,
            what=what,
            orientation=orientation,
        )
        request = ReadingRequest(body, content_type, attributes, target_model)
        return self._result(_patiently(lambda: self._send(request)))

    def _encode(self, picture: Picture) -> Tuple[bytes, str]:
        """The picture as the body of a request, and its content type."""
        return encode(picture, REQUEST_BYTES)

    def _send(self, request: ReadingRequest) -> bytes:
        try:
            return self._transport.send(request)
        except RefusedRequestError as refused:
            raise self._error(refused) from None

    def _result(self, answer: bytes) -> Result:
        try:
            return from_json(answer.decode("utf-8"))
        except _BAD_JSON as error:
            raise self._failure(
                f"{self._transport.name}: the answer is not a result of htrlib: {error}"
            ) from error

    def _error(self, refused: RefusedRequestError) -> Exception:
        """The exception for an error status, with the message of the server."""
        try:
            message = str(json.loads(refused.body)["message"])
        except _BAD_JSON:
            message = refused.body[:500] or "no message"
        text = f"{self._transport.name} answered {refused.status}: {message}"
        if refused.status in _BAD_PICTURE:
            return ConfigError(text) if "Custom-Attributes" in message else ImageError(text)
        if refused.status == _BUSY:
            return BusyError(self._failure(text))
        return self._not_found(text) if refused.status == _NOT_FOUND else self._failure(text)


def attributes_of(**options: Union[int, str, Collection[str], None]) -> str:
    """Write options of a request as custom attributes; None keeps the server's default.

    >>> attributes_of(beam_width=50, language_model=False, kinds=("typewritten", "printed"))
    'beam_width=50; language_model=off; kinds=typewritten,printed'

    Raises:
        ConfigError: a value cannot be sent.
    """
    given = {name: _option(value) for name, value in options.items() if value is not None}
    for name, value in given.items():
        if not (value.isascii() and value.isprintable()):
            raise ConfigError(f"{name} consists of printable ASCII, found {value!a}")
    return "; ".join(f"{name}={value}" for name, value in given.items())


def _option(value: Union[int, str, Collection[str]]) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value) if isinstance(value, (int, str)) else ",".join(value)


def _patiently(send: Callable[[], bytes]) -> bytes:
    """Send, and retry after growing pauses while the server is busy."""
    for pause in PAUSES:
        try:
            return send()
        except BusyError as busy:
            _log.info("%s; retrying in %.0f s or less", busy, pause)
            time.sleep(pause * random.uniform(0.5, 1.0))
    try:
        return send()
    except BusyError as busy:
        raise busy.error from None


def encode(picture: Picture, limit: int) -> Tuple[bytes, str]:
    """Encode a picture as the body of a request.

    Args:
        picture: see `EndpointClient.transcribe`.
        limit: size of the body in bytes, at most.
    Returns:
        The body and its content type.
    Raises:
        ImageError: it is not a picture, or does not fit the limit even as JPEG.
    """
    if isinstance(picture, np.ndarray):
        return _encode_page(check_page(picture), limit)
    if isinstance(picture, bytes):
        data, name = picture, "the picture"
    else:
        try:
            data, name = Path(picture).read_bytes(), os.fspath(picture)
        except OSError as error:
            raise ImageError(f"{os.fspath(picture)} cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise ImageError(f"{os.fspath(picture)!a} is not a path: {error}") from error
    content_type = _CONTENT_TYPES.get(kind_of(data) or "")
    if content_type is not None and len(data) <= limit:
        return data, content_type
    if content_type is None:
        return _encode_page(load_image(data), limit)
    with closing(iter_pages(data)) as pages:
        page, another = next(pages), next(pages, None)
    if another is not None:
        raise ImageError(
            f"{name} has {len(data):,} bytes in several pages, but a request is limited to "
            f"{limit:,}; send its pages one by one (htrlib.load_pages)"
        )
    return _encode_page(page, limit)


def _encode_page(page: NDArray[np.uint8], limit: int) -> Tuple[bytes, str]:
    """A page as PNG, or as JPEG where the PNG is too large."""
    picture = Image.fromarray(page)
    data = _saved(picture, "PNG")
    if len(data) <= limit:
        return data, "image/png"
    for quality in _QUALITIES:
        data = _saved(picture, "JPEG", quality=quality)
        if len(data) <= limit:
            _log.warning("sending a page as JPEG of quality %d, to fit a request", quality)
            return data, "image/jpeg"
    raise ImageError(
        f"a page of {picture.width} x {picture.height} pixels has {len(data):,} bytes even as "
        f"JPEG, but a request is limited to {limit:,}; scan it at 300 dpi or crop it"
    )


def _saved(picture: Image.Image, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()
