"""Bodies of requests; what the server makes of bad ones is seen in test_invocations."""

from __future__ import annotations

import io
import json
from http import HTTPStatus
from pathlib import Path
from typing import Any, List, Tuple

import numpy as np
import pytest
from PIL import Image

import htrlib
from htrlib.errors import AwsError
from htrlib.serving.bodies import BodyLimits, read_body
from htrlib.serving.protocol import RefusedError

LIMITS = BodyLimits(max_pixels=1_000_000, max_bytes=4321, allow_s3=True)
URI = b'{"s3_uri": "s3://bucket/page.png"}'


def refused(content_type: str, body: bytes, limits: BodyLimits = LIMITS) -> RefusedError:
    with pytest.raises(RefusedError) as error:
        list(read_body(content_type, body, limits).pages)
    return error.value


def test_an_object_of_s3_is_read_within_the_limit(
    pages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = pytest.importorskip("htrlib.aws.storage")
    content = (pages / "page.png").read_bytes()
    asked: List[Tuple[str, int]] = []

    def read_object(uri: str, limit: int) -> bytes:
        asked.append((uri, limit))
        return content

    monkeypatch.setattr(storage, "read_object", read_object)
    (page,) = read_body("application/json", URI, LIMITS).pages
    assert np.array_equal(page, htrlib.load_image(content))
    assert asked == [("s3://bucket/page.png", 4321)]


def test_an_object_that_cannot_be_read_is_the_client_s_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    storage = pytest.importorskip("htrlib.aws.storage")

    def read_object(uri: str, limit: int) -> bytes:
        raise AwsError("no such object")

    monkeypatch.setattr(storage, "read_object", read_object)
    error = refused("application/json", URI)
    assert (error.status, error.message) == (HTTPStatus.BAD_REQUEST, "s3_uri: no such object")


def test_pixels_of_lists_and_arrays_are_gray_or_color() -> None:
    color = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    expected = htrlib.load_image(Image.fromarray(color))
    listed = read_body("application/json", json.dumps(color.tolist()).encode(), LIMITS)
    assert listed.is_pixel_list
    assert np.array_equal(next(listed.pages), expected)
    (page,) = read_body("application/json", b"[[0, 254.6], [1e2, 7]]", LIMITS).pages
    assert page.tolist() == [[0, 255], [100, 7]]


def saved(**arguments: Any) -> bytes:
    file = io.BytesIO()
    Image.new("L", (1200, 900), 255).save(file, **arguments)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_a_picture_that_is_too_large_is_refused_before_it_is_decoded(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = saved(format=kind)
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("it is decoded"))
    error = refused("image/png", body)
    assert error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert "1,200 x 900" in error.message


def test_a_later_page_that_is_too_large_is_refused_too() -> None:
    large = Image.new("1", (1200, 900))
    file = io.BytesIO()
    Image.new("1", (9, 9)).save(file, "TIFF", save_all=True, append_images=[large])
    assert refused("image/tiff", file.getvalue()).status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def test_an_array_that_says_it_is_huge_takes_no_memory() -> None:
    file = io.BytesIO()
    np.save(file, np.zeros((3, 3), np.uint8))
    body = file.getvalue().replace(b"(3, 3), }" + b" " * 10, b"(900000, 900000), }")
    assert b"900000" in body
    assert refused("application/x-npy", body).status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def test_a_body_s_magic_counts_and_not_its_name(pages: Path) -> None:
    jpeg = (pages / "page.jpg").read_bytes()
    (page,) = read_body("image/png", jpeg, LIMITS).pages
    assert np.array_equal(page, htrlib.load_image(jpeg))
    assert "GIF" in refused("image/png", saved(format="GIF")).message
