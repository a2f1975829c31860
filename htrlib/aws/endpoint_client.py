"""Ask an endpoint: the same results as `htrlib.transcribe`, read elsewhere."""

from __future__ import annotations

import io
import json
import logging
import os
import random
import time
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any, Callable, Dict, Optional, Tuple, Union
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from htrlib.aws.session import READ_SECONDS, Aws
from htrlib.document.geometry import Size
from htrlib.document.results import DocumentResult, PageResult
from htrlib.errors import (
    AwsAccessError,
    AwsError,
    AwsNotFoundError,
    ConfigError,
    HtrError,
    ImageError,
)
from htrlib.formats.json_format import from_json
from htrlib.images.loading import check_page, iter_pages, load_image

REQUEST_BYTES = 25 << 20
"""Of a request to an endpoint with machines, or to a server here, at most."""

SERVERLESS_BYTES = 4 << 20
"""Of a request to a serverless endpoint."""

PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds before a busy endpoint is asked again; each is cut by up to half at random."""

_BUSY = 503  # the container's queue is full, or a worker is being replaced
_BUSY_CODES = {
    *("ModelNotReadyException", "ServiceUnavailable", "InternalFailure"),
    *("Throttling", "ThrottlingException", "TooManyRequestsException"),
}

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
)
"""What the container reads, by its first bytes; other pictures are sent as PNG."""

_QUALITIES = (92, 85, 75)  # of JPEG, tried from the best on
_BAD_PICTURE = (400, 413, 415)

_log = logging.getLogger(__name__)

Picture = Union[str, "os.PathLike[str]", bytes, NDArray[np.uint8]]
Result = Union[PageResult, DocumentResult]


class _BusyError(Exception):
    """It may answer a little later; `error` is what to raise if it does not."""

    def __init__(self, error: HtrError) -> None:
        self.error = error
        super().__init__(str(error))


class EndpointClient:
    """Reads pages with an endpoint.

    An endpoint that is busy, or still starts, is asked again for about a minute. A request that got
    no answer in time is not repeated: it would be as slow again.

    Args:
        name: of an endpoint of SageMaker.
        region: of that endpoint; None is that of the environment.
        url: of a container or a server that listens here instead, "http://127.0.0.1:8080"; no
            account is needed for it.
        aws: the account, where it is not that of the environment.
    Raises:
        ConfigError: neither or both of `name` and `url` are given.
        AwsError: as `Aws`.
    """

    def __init__(
        self,
        name: Optional[str] = None,
        *,
        region: Optional[str] = None,
        url: Optional[str] = None,
        aws: Optional[Aws] = None,
    ) -> None:
        if (name is None) == (url is None):
            raise ConfigError("give the name of an endpoint, or the URL of a server: one of them")
        if url is not None and not url.startswith(("http://", "https://")):
            raise ConfigError(f"a URL begins with http:// or https://, found {url!r}")
        self._name = name or ""
        self._url = None if url is None else url.rstrip("/")
        self._aws = (aws or Aws(region)) if url is None else None
        self._serverless: Optional[bool] = None

    def transcribe(
        self,
        picture: Picture,
        *,
        beam_width: Optional[int] = None,
        stage: Optional[str] = None,
        language_model: Optional[bool] = None,
        target_model: Optional[str] = None,
    ) -> Result:
        """Read a picture.

        One that is too large for a request is sent as a gray JPEG of the same size in pixels, and a
        warning is logged: that may change a letter.

        Args:
            picture: path or bytes of a picture file, or a page: (H, W) uint8, 0 is black.
            beam_width: how many readings beam search follows.
            stage: the last to run: "paragraph", "lines" or "text".
            language_model: whether the bundle's takes part.
            target_model: of a multi-model endpoint, its archive's name below the prefix.
        Returns:
            a page; of a multi-page TIFF a document.
        Raises:
            ImageError: it is no picture, or the endpoint refuses it; with what that says.
            ConfigError: the endpoint refuses an option.
            AwsNotFoundError: there is no such endpoint, or no such model.
            AwsError: the endpoint fails or does not answer.
        """
        body, kind = _body(picture, REQUEST_BYTES)
        if len(body) > SERVERLESS_BYTES and self._is_serverless():
            body, kind = _body(picture, SERVERLESS_BYTES)
        attributes = attributes_of(
            beam_width=beam_width, stage=stage, language_model=language_model
        )
        ask = self._ask_endpoint if self._aws is not None else self._ask_server
        answer = _patiently(lambda: ask(body, kind, attributes, target_model))
        if self._aws is not None and self._aws.dry:
            return PageResult(Size(1, 1))
        try:
            return from_json(answer.decode("utf-8"))
        except (ValueError, KeyError, TypeError) as error:
            raise AwsError(f"{self._where}: the answer is no result of htrlib: {error}") from error

    def _is_serverless(self) -> bool:
        """Whether it takes small requests only; False where it may not be described."""
        if self._aws is None:
            return False
        if self._serverless is None:
            try:
                found = self._aws.find("sagemaker", "describe_endpoint", EndpointName=self._name)
            except AwsAccessError:
                found = None
            variants = (found or {}).get("ProductionVariants") or [{}]
            self._serverless = "CurrentServerlessConfig" in variants[0]
        return self._serverless

    @property
    def _where(self) -> str:
        return self._url or f"endpoint {self._name}"

    def _ask_endpoint(
        self, body: bytes, kind: str, attributes: str, target_model: Optional[str]
    ) -> bytes:
        from botocore.exceptions import ClientError, HTTPClientError, ReadTimeoutError

        parameters: Dict[str, Any] = {
            "EndpointName": self._name,
            "ContentType": kind,
            "Accept": "application/json",
        }
        if attributes:
            parameters["CustomAttributes"] = attributes
        if target_model is not None:
            parameters["TargetModel"] = target_model
        aws = self._aws or Aws()
        busy = False
        try:
            with aws.explained("sagemaker-runtime", "invoke_endpoint", parameters):
                try:
                    client = aws.client("sagemaker-runtime")
                    answer = client.invoke_endpoint(Body=body, **parameters)
                    data: bytes = answer["Body"].read()
                    return data
                except ClientError as error:
                    refused = error.response
                    code = refused.get("Error", {}).get("Code", "")
                    busy = code in _BUSY_CODES
                    if code != "ModelError":
                        raise
                except HTTPClientError as error:
                    busy = not isinstance(error, ReadTimeoutError)
                    raise
        except HtrError as error:
            if busy:
                raise _BusyError(error) from None
            raise
        raise self._refused(
            int(refused.get("OriginalStatusCode", 500)),
            str(refused.get("OriginalMessage", "")),
        )

    def _ask_server(
        self, body: bytes, kind: str, attributes: str, target_model: Optional[str]
    ) -> bytes:
        path = "invocations"
        if target_model is not None:
            path = f"models/{quote(target_model, safe='')}/invoke"
        request = urllib.request.Request(f"{self._url}/{path}", data=body, method="POST")
        request.add_header("Content-Type", kind)
        request.add_header("Accept", "application/json")
        if attributes:
            request.add_header("X-Amzn-SageMaker-Custom-Attributes", attributes)
        try:
            with urllib.request.urlopen(request, timeout=READ_SECONDS) as answer:
                data: bytes = answer.read()
                return data
        except urllib.error.HTTPError as error:
            said = error.read().decode("utf-8", "replace")
            raise self._refused(error.code, said) from None
        except OSError as error:  # URLError and time-outs among them
            raise AwsError(f"{self._url} does not answer: {error}") from error

    def _refused(self, status: int, said: str) -> Exception:
        """The error of an answer that is none; `said` is the container's JSON of it."""
        try:
            message = str(json.loads(said)["message"])
        except (ValueError, KeyError, TypeError):
            message = said[:500] or "no message"
        text = f"{self._where} answered {status}: {message}"
        if status in _BAD_PICTURE:
            return ConfigError(text) if "Custom-Attributes" in message else ImageError(text)
        if status == _BUSY:
            return _BusyError(AwsError(text))
        return AwsNotFoundError(text) if status == 404 else AwsError(text)


def attributes_of(
    *,
    beam_width: Optional[int] = None,
    stage: Optional[str] = None,
    language_model: Optional[bool] = None,
) -> str:
    """The custom attributes that ask for options; None leaves one as it is.

    >>> attributes_of(beam_width=50, language_model=False)
    'beam_width=50; language_model=off'
    """
    options = {"beam_width": beam_width, "stage": stage, "language_model": language_model}
    return "; ".join(f"{name}={_option(v)}" for name, v in options.items() if v is not None)


def _patiently(ask: Callable[[], bytes]) -> bytes:
    """Ask, and again after growing pauses while it is busy."""
    for pause in PAUSES:
        try:
            return ask()
        except _BusyError as busy:
            _log.info("%s; asking again in %.0f s or less", busy, pause)
            time.sleep(pause * random.uniform(0.5, 1.0))
    try:
        return ask()
    except _BusyError as busy:
        raise busy.error from None


def _option(value: object) -> str:
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)


def _body(picture: Picture, limit: int) -> Tuple[bytes, str]:
    """A picture as the body of a request, and its content type."""
    if isinstance(picture, np.ndarray):
        return _encoded(check_page(picture), limit)
    if isinstance(picture, bytes):
        data, name = picture, "the picture"
    else:
        try:
            data, name = Path(picture).read_bytes(), os.fspath(picture)
        except OSError as error:
            raise ImageError(f"{os.fspath(picture)} cannot be read: {error.strerror}") from error
    kind = next((kind for magic, kind in _MAGIC if data.startswith(magic)), None)
    if kind is not None and len(data) <= limit:
        return data, kind
    if kind is None:
        return _encoded(load_image(data), limit)
    with closing(iter_pages(data)) as pages:
        page, another = next(pages), next(pages, None)
    if another is not None:
        raise ImageError(
            f"{name} has {len(data):,} bytes in several pages, a request has {limit:,} at most; "
            "send its pages one by one (htrlib.load_pages)"
        )
    return _encoded(page, limit)


def _encoded(page: NDArray[np.uint8], limit: int) -> Tuple[bytes, str]:
    """A page as PNG, or as JPEG where that is too large."""
    picture = Image.fromarray(page)
    data = _saved(picture, "PNG")
    if len(data) <= limit:
        return data, "image/png"
    for quality in _QUALITIES:
        data = _saved(picture, "JPEG", quality=quality)
        if len(data) <= limit:
            _log.warning("a page is sent as JPEG of quality %d, to fit a request", quality)
            return data, "image/jpeg"
    raise ImageError(
        f"a page of {picture.width} x {picture.height} pixels has {len(data):,} bytes even as "
        f"JPEG, a request has {limit:,} at most; scan it at 300 dpi, or cut it"
    )


def _saved(picture: Image.Image, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()
