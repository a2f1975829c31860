"""Parsing request bodies; test_invocations covers bad ones in a real server."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import socket
import struct
import sys
import zlib
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any, ContextManager, Dict, List, Optional, Sequence, Tuple

import numpy as np
import pikepdf
import pytest
from PIL import Image, features
from PIL.TiffImagePlugin import TiffImageFile

import htrlib
from htrlib.errors import AwsAccessError, AwsError, AwsNotFoundError, ConfigError, ImageError
from htrlib.images.part_counts import MOST_FIELDS, MOST_SEGMENTS, MOST_STRIPS, too_many_parts
from htrlib.serving.bodies import _S3_WAITS, MAX_JSON_BYTES, MAX_PAGES, BodyLimits, read_body
from htrlib.serving.mms.supervisor import STALLED_SECONDS
from htrlib.serving.protocol import RefusedError
from tests.serving.damaged import damaged_in_the_middle

LIMITS = BodyLimits(max_pixels=1_000_000, max_bytes=4321, allow_s3=True)
URI = b'{"s3_uri": "s3://bucket/page.png"}'


def refused(content_type: str, body: bytes, limits: BodyLimits = LIMITS) -> RefusedError:
    with pytest.raises(RefusedError) as error:
        list(read_body(content_type, body, limits).pages)
    return error.value


class Storage:
    """The part of `Aws` that fetches objects."""

    def __init__(self, content: bytes = b"", error: Optional[Exception] = None) -> None:
        self.content, self.error = content, error
        self.asked: List[Tuple[str, ...]] = []

    def __call__(self, **_: Any) -> Storage:
        return self

    def call(self, service: str, operation: str, **parameters: str) -> Dict[str, Any]:
        if self.error is not None:
            raise self.error
        self.asked.append((service, operation, *parameters.values()))
        return {"ContentLength": len(self.content), "Body": io.BytesIO(self.content)}

    def explained(self, *_: Any) -> ContextManager[None]:
        return contextlib.nullcontext()


def test_an_object_of_s3_is_read_within_the_limit(
    pages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = Storage((pages / "page.png").read_bytes())
    monkeypatch.setattr("htrlib.aws.session.Aws", storage)
    size = len(storage.content)
    (page,) = read_body("application/json", URI, replace(LIMITS, max_bytes=size)).pages
    assert np.array_equal(page, htrlib.load_image(storage.content))
    assert storage.asked == [("s3", "get_object", "bucket", "page.png")]
    error = refused("application/json", URI, replace(LIMITS, max_bytes=size - 1))
    assert error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (AwsNotFoundError("s3://bucket/page.png is not there"), HTTPStatus.BAD_REQUEST),
        (AwsAccessError("s3:GetObject", "s3://bucket/page.png"), HTTPStatus.BAD_REQUEST),
        (AwsError("no credentials of anna"), HTTPStatus.BAD_GATEWAY),
        (ConfigError("AWS needs boto3"), HTTPStatus.BAD_GATEWAY),
    ],
)
def test_an_object_that_cannot_be_read_is_the_fault_of_whose_it_is(
    error: Exception, status: HTTPStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("htrlib.aws.session.Aws", Storage(error=error))
    found = refused("application/json", URI)
    assert found.status == status
    assert (str(error) in found.message) == (status == HTTPStatus.BAD_REQUEST)


def test_a_storage_that_nobody_answers_for_is_not_the_client_s_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("boto3")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
        assert refused("application/json", URI).status == HTTPStatus.BAD_GATEWAY
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert refused("application/json", URI).status == HTTPStatus.BAD_GATEWAY
    assert max(_S3_WAITS[:2]) * _S3_WAITS[2] < STALLED_SECONDS, "it would be taken for a hang"
    monkeypatch.setitem(sys.modules, "boto3", None)
    assert refused("application/json", URI).status == HTTPStatus.BAD_GATEWAY
    error = refused("application/json", b'{"s3_uri": "http://bucket/page.png"}')
    assert error.status == HTTPStatus.BAD_REQUEST


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


def tiff_of_directories(count: int) -> bytes:
    """So many pages of a pixel each, which share it."""
    fields = ((256, 4, 1), (257, 4, 1), (258, 3, 8), (262, 3, 1), (273, 4, 0), (279, 4, 1))
    size = 2 + 12 * len(fields) + 4
    content = bytearray(b"II*\x00\x08\x00\x00\x00")
    for number in range(count):
        content += struct.pack("<H", len(fields))
        for tag, kind, value in fields:
            content += struct.pack("<HHII", tag, kind, 1, value)
        content += struct.pack("<I", 8 + size * (number + 1) if number + 1 < count else 0)
    return bytes(content)


def tiff(*pages: Sequence[Tuple[int, int, int]], data: bytes = b"") -> bytes:
    """A TIFF of these fields, (tag, kind, value), and of data that tag 273 or 324 points to."""
    content = bytearray(b"II*\x00\x08\x00\x00\x00")
    sizes = [2 + 12 * len(fields) + 4 for fields in pages]
    for number, fields in enumerate(pages):
        for at, (tag, kind, value) in enumerate([(len(fields), 0, 0), *fields]):
            value = 8 + sum(sizes) if tag in (273, 324) else value
            content += struct.pack("<HHII", tag, kind, 1, value) if at else struct.pack("<H", tag)
        last = number == len(pages) - 1
        content += struct.pack("<I", 0 if last else 8 + sum(sizes[: number + 1]))
    return bytes(content + data)


PIXEL = ((256, 4, 1), (257, 4, 1), (258, 3, 8), (262, 3, 1), (273, 4, 0), (279, 4, 1))


@pytest.mark.parametrize("kind", [2, 7, 11])
def test_a_later_page_of_an_odd_kind_is_no_failure_of_the_server(kind: int) -> None:
    content = tiff(PIXEL, ((254, kind, 1), *PIXEL), data=b"\x00")
    with pytest.raises((ImageError, RefusedError)):
        list(read_body("image/tiff", content, LIMITS).pages)


def test_a_small_picture_of_a_huge_tile_is_refused_before_it_is_decoded() -> None:
    side = 9_008
    tile = zlib.compress(bytes(side * side), 1)
    fields = (
        *((256, 4, 16), (257, 4, 16), (258, 3, 8), (259, 3, 8), (262, 3, 1)),
        *((322, 4, side), (323, 4, side), (324, 4, 0), (325, 4, len(tile))),
    )
    error = refused("image/tiff", tiff(fields, data=tile))
    assert error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert "9,008 x 9,008" in error.message
    with pytest.raises(ImageError, match="9,008 x 9,008"):
        htrlib.load_image(tiff(fields, data=tile))


def test_parts_that_would_take_gigabytes_are_refused_before_they_are_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("it is opened"))
    segments = b"\xff\xd8" + b"\xff\xe5\x00\x02" * (MOST_SEGMENTS + 1)
    junk = b"\xff\xd8" + b"\xff\xe5\x00\x02.\xff\xff" * (MOST_SEGMENTS + 1)
    strips = struct.pack("<IHHHII", 8, 1, 273, 1, MOST_STRIPS + 1, 8)
    big = struct.pack("<HHQQHHQQ", 8, 0, 16, 1, 324, 1, MOST_STRIPS + 1, 8)
    fields = struct.pack("<IH", 8, MOST_FIELDS + 1)
    hidden = b"\xff\xd8" + (b"\xff\xf0\xff\xff" + b"\xff\xe5\x00\x02" * 200) * 40
    bodies = (segments, junk, hidden, b"II*\x00" + strips, b"II+\x00" + big, b"II*\x00" + fields)
    for body in bodies:
        assert refused("image/tiff", body).status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    with pytest.raises(ImageError):  # Pillow takes a big-endian BigTIFF for a TIFF
        read_body("image/tiff", b"MM\x00+" + strips, LIMITS)


def test_what_is_cut_off_is_left_to_the_decoder(pages: Path) -> None:
    for name in ("page.jpg", "page.tif", "page.png", "two.tif"):
        content = (pages / name).read_bytes()
        for end in range(0, 200, 7):
            assert too_many_parts(content[:end], MAX_PAGES) is None
        assert too_many_parts(content, MAX_PAGES) is None


def test_pages_of_a_file_are_counted_no_further_than_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fine = read_body("image/tiff", tiff_of_directories(MAX_PAGES), LIMITS)
    assert sum(1 for _ in fine.pages) == MAX_PAGES
    seeks: List[int] = []
    seek = TiffImageFile._seek

    def counted(picture: TiffImageFile, frame: int) -> None:
        seeks.append(frame)
        seek(picture, frame)

    monkeypatch.setattr(TiffImageFile, "_seek", counted)
    error = refused("image/tiff", tiff_of_directories(1000))
    assert error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert max(seeks) == MAX_PAGES


@pytest.mark.parametrize("body", [b"[%s[]]", b'{"image": [%s[]]}'])
def test_large_json_of_many_parts_is_refused_before_it_is_parsed(
    body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json, "loads", lambda _: pytest.fail("it is parsed"))
    error = refused("application/json", body % (b"[]," * (MAX_JSON_BYTES // 3)))
    assert error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert "base64" in error.message


def test_a_picture_in_json_may_be_as_large_as_any_other() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (2700, 3300), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG", compress_level=0)
    body = json.dumps({"image": base64.b64encode(file.getvalue()).decode()}).encode()
    assert len(body) > MAX_JSON_BYTES
    (page,) = read_body("application/json", body, replace(LIMITS, max_pixels=10_000_000)).pages
    assert np.array_equal(page, noise)


def test_an_array_that_says_it_is_huge_takes_no_memory() -> None:
    file = io.BytesIO()
    np.save(file, np.zeros((3, 3), np.uint8))
    body = file.getvalue().replace(b"(3, 3), }" + b" " * 10, b"(900000, 900000), }")
    assert b"900000" in body
    assert refused("application/x-npy", body).status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


@pytest.mark.parametrize(
    "shape", ["(-3, -3)", f"({2**64}, 0)", "(True, 9)", f"(0x{'f' * 4000}, 1)", "(1.0, 9)"]
)
def test_an_array_of_no_possible_shape_is_refused(shape: str) -> None:
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    body = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(9)
    assert refused("application/x-npy", body).status == HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize("uri", ["s3://bucket", "s3://bucket/", "s3://bucket/\\ud800"])
def test_a_place_that_is_no_object_is_refused(uri: str) -> None:
    body = f'{{"s3_uri": "{uri}"}}'.encode()
    assert refused("application/json", body).status == HTTPStatus.BAD_REQUEST


def test_a_body_s_magic_counts_and_not_its_name(pages: Path) -> None:
    jpeg = (pages / "page.jpg").read_bytes()
    (page,) = read_body("image/png", jpeg, LIMITS).pages
    assert np.array_equal(page, htrlib.load_image(jpeg))


def test_a_body_of_no_kind_says_by_its_first_bytes_what_it_is() -> None:
    page = np.arange(12, dtype=np.uint8).reshape(3, 4)
    picture, array = io.BytesIO(), io.BytesIO()
    Image.fromarray(page).save(picture, "PNG")
    np.save(array, page)
    text = json.dumps({"image": base64.b64encode(picture.getvalue()).decode()}).encode()
    for body in (picture.getvalue(), array.getvalue(), b" " + text):
        (read,) = read_body("application/octet-stream", body, LIMITS).pages
        assert np.array_equal(read, page)
    with pytest.raises(ImageError, match="is not a picture"):
        read_body("application/octet-stream", b"a", LIMITS)


@pytest.mark.parametrize(
    ("kind", "needs"),
    [("WEBP", "webp"), ("GIF", ""), ("BMP", ""), ("PPM", ""), ("JPEG2000", "jpg_2000"),
     ("AVIF", "avif")],
)  # fmt: skip
def test_what_the_library_reads_is_read(kind: str, needs: str) -> None:
    if needs and not features.check(needs):
        pytest.skip(f"this Pillow has no {needs}")
    file = io.BytesIO()
    Image.linear_gradient("L").save(file, kind)
    (page,) = read_body("application/octet-stream", file.getvalue(), LIMITS).pages
    np.testing.assert_array_equal(page, htrlib.load_image(file.getvalue()))
    tight = replace(LIMITS, max_pixels=256 * 256 - 1)
    error = refused("application/octet-stream", file.getvalue(), tight)
    assert error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


@pytest.mark.parametrize("kind", ["WEBP", "GIF"])
def test_an_animation_is_refused(kind: str) -> None:
    pages = [Image.new("L", (30, 20), shade) for shade in (200, 90)]
    file = io.BytesIO()
    pages[0].save(file, kind, save_all=True, append_images=pages[1:])
    assert "animation" in refused("application/octet-stream", file.getvalue()).message


def test_a_picture_may_be_a_data_url() -> None:
    text = base64.b64encode(saved(format="PNG")).decode()
    for url in (f"data:image/png;base64,{text}", f"data:;base64,{text}"):
        body = json.dumps({"image": url}).encode()
        limits = replace(LIMITS, max_pixels=2_000_000)
        (page,) = read_body("application/json", body, limits).pages
        assert page.shape == (900, 1200)


def test_pages_beside_a_damaged_one_are_there() -> None:
    outcomes = list(read_body("image/tiff", damaged_in_the_middle(), LIMITS).outcomes)
    assert [outcome.number for outcome in outcomes if outcome.page is not None] == [1, 3]
    assert "page 2" in str(outcomes[1].error)


def test_pages_before_a_cut_are_there() -> None:
    file = io.BytesIO()
    page = Image.linear_gradient("L")
    page.save(file, "TIFF", save_all=True, append_images=[page] * 2)
    with Image.open(file) as tiff:
        tiff.seek(2)
        assert isinstance(tiff, TiffImageFile)
        cut = tiff.tag_v2.offset if hasattr(tiff.tag_v2, "offset") else tiff.tag_v2._offset
    outcomes = list(read_body("image/tiff", file.getvalue()[: cut + 4], LIMITS).outcomes)
    assert [outcome.number for outcome in outcomes if outcome.page is not None] == [1, 2]
    assert "page 3" in str(outcomes[2].error)


def test_pages_of_a_pdf_beside_a_damaged_one_are_there() -> None:
    content = (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Count 3/Kids[3 0 R 4 0 R 3 0 R]>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 72]>>endobj\n"
        b"4 0 obj(no page)endobj\n"
        b"trailer<</Root 1 0 R/Size 5>>\n%%EOF"
    )
    outcomes = list(read_body("application/pdf", content, LIMITS).outcomes)
    assert [outcome.number for outcome in outcomes if outcome.page is not None] == [1, 3]
    assert "page 2" in str(outcomes[1].error)


def pdf(pages: int = 1, points: float = 72, side: int = 9) -> bytes:
    """Square pages of a size in points, each filled by a picture of `side` times `side` pixels."""
    document, file = pikepdf.new(), io.BytesIO()
    picture = pikepdf.Stream(document, bytes(side * side))
    picture.stream_dict = pikepdf.Dictionary(
        Type=pikepdf.Name.XObject,
        Subtype=pikepdf.Name.Image,
        Width=side,
        Height=side,
        ColorSpace=pikepdf.Name.DeviceGray,
        BitsPerComponent=8,
    )
    for _ in range(pages):
        page = document.add_blank_page(page_size=(points, points))
        page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(P=picture))
        page.Contents = pikepdf.Stream(document, f"q {points} 0 0 {points} 0 0 cm /P Do Q".encode())
    document.save(file)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["application/pdf", "application/octet-stream"])
def test_the_pages_of_a_pdf_are_read(kind: str) -> None:
    read = list(read_body(kind, pdf(pages=2), LIMITS).pages)
    assert [page.shape for page in read] == [(300, 300)] * 2
    assert max(page.max() for page in read) == 0


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (pdf(points=720), "found 3,000 x 3,000"),
        (pdf(side=1001), "found 1,001 x 1,001"),
        (pdf(pages=MAX_PAGES + 1), f"at most {MAX_PAGES} pages"),
    ],
)
def test_a_pdf_that_is_too_large_is_refused_before_it_is_drawn(body: bytes, reason: str) -> None:
    with pytest.raises(RefusedError, match=reason) as error:
        read_body("application/pdf", body, LIMITS)
    assert error.value.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def test_a_damaged_pdf_is_no_picture() -> None:
    with pytest.raises(ImageError, match="damaged"):
        read_body("application/pdf", b"%PDF-1.4 cut off", LIMITS)
