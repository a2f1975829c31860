"""Decode the body of a request into pages, in a worker. Nothing in the body is trusted."""

from __future__ import annotations

import base64
import binascii
import io
import json
import logging
import math
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Iterator, Optional, Tuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from htrlib.errors import (
    AwsAccessError,
    AwsError,
    AwsNotFoundError,
    AwsTooLargeError,
    ConfigError,
    ImageError,
)
from htrlib.images.loading import (
    PageOutcome,
    decoded_size,
    identified,
    iter_page_outcomes,
    load_image,
)
from htrlib.images.part_counts import too_many_parts
from htrlib.images.pdf import iter_pdf_decoded_sizes
from htrlib.images.suffixes import MAGIC_BYTES, PDF, kind_of
from htrlib.serving.protocol import JSON, NPY, OCTETS, RefusedError

Page = NDArray[np.uint8]

_logger = logging.getLogger(__name__)

MAX_PAGES = 200  # per file

# Parsed JSON may take 35 times its size in memory, except for one long string, as of a picture.
MAX_JSON_BYTES = 8 << 20
_FEW_PARTS = 64
_LONGEST_SIDE = 1 << 31  # largest side that an array's header may declare

# Seconds to connect and to read, and attempts. A worker idle for more than five seconds counts as
# hanging.
_S3_WAITS = (1.5, 1.5, 2)

_NPY_MAGIC = b"\x93NUMPY"
_ANIMATED = ("WEBP", "GIF", "AVIF")
_DATA_URI = re.compile(r"data:[^,]{0,200};base64,")


@dataclass(frozen=True)
class BodyLimits:
    """Limits on a body.

    Attributes:
        max_pixels: maximum pixels per page.
        max_bytes: maximum size of an object named by `s3_uri`.
        allow_s3: allow `s3_uri`.
    """

    max_pixels: int
    max_bytes: int
    allow_s3: bool = False


@dataclass(frozen=True)
class Body:
    """The content of a body.

    Attributes:
        outcomes: pages, decoded on demand, and why others cannot be read; iterating raises
            ImageError or RefusedError.
        is_pixel_list: True for the nested list that clients of the AWS solution send.
        file: picture or PDF that contains the pages; None for bare pixels.
    """

    outcomes: Iterator[PageOutcome]
    is_pixel_list: bool = False
    file: Optional[bytes] = None

    @property
    def pages(self) -> Iterator[Page]:
        """The pages, (H, W) uint8 each; iterating raises the error of one that cannot be read."""
        for outcome in self.outcomes:
            if outcome.page is None:
                raise outcome.error or ImageError(f"page {outcome.number} cannot be read")
            yield outcome.page


def read_body(content_type: str, body: bytes, limits: BodyLimits) -> Body:
    """Decode a body.

    Raises:
        RefusedError: 400 if the body does not match its content type, 413 if it is too large.
        ImageError: the body is not a picture.
    """
    if content_type == OCTETS:
        content_type = _sniffed(body)
    if content_type == NPY:
        return _from_page(_from_npy(body, limits))
    if content_type == JSON:
        return _from_json(body, limits)
    return _from_file(body, limits)


def _sniffed(body: bytes) -> str:
    """Detect the content type by a body's first bytes; a picture by default."""
    if body.startswith(_NPY_MAGIC):
        return NPY
    return JSON if body.lstrip()[:1] in (b"{", b"[") else OCTETS


def _from_page(page: Page, *, is_pixel_list: bool = False) -> Body:
    return Body(iter((PageOutcome(1, page),)), is_pixel_list=is_pixel_list)


def _from_file(content: bytes, limits: BodyLimits) -> Body:
    if kind_of(content[:MAGIC_BYTES]) == PDF:
        _check_pdf(content, limits)
    else:
        _check_sizes(content, limits)
    return Body(iter_page_outcomes(content), file=content)


def _check_pdf(content: bytes, limits: BodyLimits) -> None:
    """Refuse a PDF whose pages, or the pictures on them, are too large."""
    sizes = iter_pdf_decoded_sizes(io.BytesIO(content), "the body")
    for number, size in enumerate(sizes, start=1):
        if number > MAX_PAGES:
            raise _too_large(f"a file has at most {MAX_PAGES} pages, found more")
        _check_pixels(*size, limits)


def _check_sizes(content: bytes, limits: BodyLimits) -> None:
    """Refuse a file that is too large by its headers, before decoding any pixel."""
    problem = too_many_parts(content, MAX_PAGES)
    if problem is not None:
        raise _too_large(problem)
    try:
        with identified(io.BytesIO(content), "the body") as picture:
            _check_pixels(*decoded_size(picture), limits)
            if picture.format in _ANIMATED and getattr(picture, "is_animated", False):
                raise _bad(f"the {picture.format} picture is an animation; send one page")
            if picture.format == "TIFF":
                _check_further_pages(picture, limits)
    except (RefusedError, ImageError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(_pixels_message("far more", limits)) from error
    except Exception as error:  # damaged files make decoders raise all kinds of errors
        raise _bad(
            "the picture is damaged or cut off "
            f"({str(error).splitlines()[0][:120] if str(error) else type(error).__name__})"
        ) from error


def _check_further_pages(picture: Image.Image, limits: BodyLimits) -> None:
    """Check one page after the other: counting very many pages first would take minutes."""
    for page in range(1, MAX_PAGES + 1):
        try:
            picture.seek(page)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise
        except Exception:  # there is no further page, or it is damaged: reading names it then
            if picture.tell() != page:
                return
            continue
        _check_pixels(*_decoded_size_or_nothing(picture), limits)
    raise _too_large(f"a file has at most {MAX_PAGES} pages, found more")


def _decoded_size_or_nothing(picture: Image.Image) -> Tuple[int, int]:
    """Return what `decoded_size` does, or (0, 0) for a damaged page, which is not decoded."""
    try:
        return decoded_size(picture)
    except Exception:
        return 0, 0


def _from_npy(body: bytes, limits: BodyLimits) -> Page:
    """Read a page in NumPy's format. The header is checked first; pickles are never read."""
    file = io.BytesIO(body)
    try:
        version = np.lib.format.read_magic(file)  # type: ignore[no-untyped-call]
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, fortran_order, kind = read(file)  # type: ignore[no-untyped-call]
    except Exception as error:  # NumPy parses headers as Python literals
        raise _bad("the body is not a .npy file of version 1 or 2, as numpy.save writes") from error
    content = body[file.tell() :]
    if not all(type(side) is int and 0 <= side < _LONGEST_SIDE for side in shape):
        raise _bad(f"the sides of an array are whole numbers from 0 to below {_LONGEST_SIDE:,}")
    if kind != np.uint8 or len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in (3, 4)):
        raise _bad(
            "the array is (H, W) gray or (H, W, 3 or 4) RGB(A) of uint8, 0 is black; found shape "
            f"{shape[:9]} of {str(kind)[:40]}"
        )
    _check_pixels(shape[1], shape[0], limits)
    if len(content) != math.prod(shape):
        raise _bad(f"an array of shape {shape} has other than {len(content)} bytes; send it again")
    flat = np.frombuffer(content, dtype=np.uint8)
    return _gray(flat.reshape(shape, order="F" if fortran_order else "C"))


def _from_json(body: bytes, limits: BodyLimits) -> Body:
    _check_json(body)
    try:
        value = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise _bad(f"the body is not JSON in UTF-8 ({str(error)[:120]})") from error
    if isinstance(value, list):
        return _from_page(_from_pixels(value, limits), is_pixel_list=True)
    if isinstance(value, dict) and len(value) == 1:
        name, content = next(iter(value.items()))
        if name == "image" and isinstance(content, str):
            return _from_file(_from_base64(content), limits)
        if name == "s3_uri" and isinstance(content, str):
            return _from_file(_from_s3(content, limits), limits)
    raise _bad('JSON is {"image": BASE64}, or {"s3_uri": "s3://..."} if enabled')


def _check_json(body: bytes) -> None:
    """Refuse large JSON with many parts before parsing it."""
    if len(body) > MAX_JSON_BYTES and sum(body.count(sign) for sign in b"[{,") > _FEW_PARTS:
        raise _too_large(
            f"JSON of many parts, as a list of pixels, has at most {MAX_JSON_BYTES:,} bytes, found "
            f"{len(body):,}; send a PNG file, or its base64"
        )


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(re.sub(r"\s+", "", _DATA_URI.sub("", text, 1)), validate=True)
    except (binascii.Error, ValueError) as error:
        raise _bad(f"image is base64 of a picture ({error})") from error


def _from_s3(uri: str, limits: BodyLimits) -> bytes:
    if not limits.allow_s3:
        raise _bad("s3_uri is disabled here; send the picture, or set HTRLIB_ALLOW_S3=1")
    from htrlib.aws.location import S3Uri
    from htrlib.aws.session import Aws, Waits  # boto3 comes with it
    from htrlib.aws.storage import read_object

    try:
        place = S3Uri.parse(uri)
    except ConfigError as error:
        raise _bad(f"s3_uri: {error}") from error
    if not place.key or not place.key.isprintable():
        raise _bad(f"s3_uri names an object, s3://BUCKET/KEY; found {uri[:200]!a}")
    try:
        return read_object(place, limits.max_bytes, Aws(waits=Waits(*_S3_WAITS)))
    except AwsTooLargeError as error:
        raise _too_large(str(error)) from error
    except (AwsAccessError, AwsNotFoundError) as error:
        raise _bad(f"s3_uri: {error}") from error
    except (AwsError, ConfigError) as error:  # no connection, credentials, region or boto3
        _logger.error("%s cannot be fetched: %s", place, error)
        raise RefusedError(
            HTTPStatus.BAD_GATEWAY, f"{place} cannot be fetched; the server's log says why"
        ) from error


def _from_pixels(value: Any, limits: BodyLimits) -> Page:
    """Read a page from nested lists of numbers: rows of gray or RGB(A) pixels."""
    wanted = "a list of pixels is rows of gray values, or of [R, G, B], each 0 to 255"
    if not value or not isinstance(value[0], list):
        raise _bad(wanted)
    _check_pixels(len(value[0]), len(value), limits)
    try:
        pixels = np.array(value, dtype=np.float32)
    except (ValueError, TypeError, OverflowError) as error:  # rows of unequal length, texts, null
        raise _bad(wanted) from error
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (3, 4)):
        raise _bad(f"{wanted}; found an array of {pixels.ndim} dimensions, {pixels.shape[:4]}")
    if pixels.size == 0 or not (pixels.min() >= 0.0 and pixels.max() <= 255.0):  # nor NaN
        raise _bad(wanted)
    return _gray(np.rint(pixels).astype(np.uint8))


def _gray(pixels: NDArray[np.uint8]) -> Page:
    if pixels.size == 0:
        raise ImageError(f"the picture has no pixels, its shape is {pixels.shape}")
    if pixels.ndim == 2:
        return np.ascontiguousarray(pixels)
    return load_image(Image.fromarray(np.ascontiguousarray(pixels)))


def _check_pixels(width: int, height: int, limits: BodyLimits) -> None:
    if int(width) * int(height) > limits.max_pixels:
        raise _too_large(_pixels_message(f"{width:,} x {height:,}", limits))


def _pixels_message(found: str, limits: BodyLimits) -> str:
    return (
        f"a page has at most {limits.max_pixels:,} pixels, found {found}; scan it at 300 dpi, "
        "shrink it or cut it into pages"
    )


def _bad(message: str) -> RefusedError:
    return RefusedError(HTTPStatus.BAD_REQUEST, message)


def _too_large(message: str) -> RefusedError:
    return RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)
