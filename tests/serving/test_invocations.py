"""Requests and answers of the real server."""

from __future__ import annotations

import base64
import http.client
import io
import json
import socket
from pathlib import Path
from typing import Any, Dict

import numpy as np
import pypdfium2
import pytest
from PIL import Image

import htrlib
from htrlib.document.results import DocumentResult, PageResult
from tests.replies import Reply
from tests.serving.running import Served, serving, until


def without_extras(answer: Dict[str, Any]) -> Dict[str, Any]:
    assert answer.pop("model") == {"name": "english", "version": htrlib.load_bundle().version}
    assert all(value >= 0 for value in answer.pop("timings_ms").values())
    return answer


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("page.png", "image/png"),
        ("page.jpg", "image/jpeg"),
        ("page.tif", "image/tiff; charset=binary"),
        ("blank.png", "image/png"),
    ],
)
def test_a_picture_is_read_as_the_library_reads_it(
    server: Served, pages: Path, name: str, kind: str
) -> None:
    content = (pages / name).read_bytes()
    reply = server.invoke(content, kind)
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
    expected = htrlib.transcribe(content).to_dict()
    assert without_extras(reply.json) == json.loads(json.dumps(expected))
    assert PageResult.from_dict(reply.json).text == expected["text"]
    assert bool(expected["text"]) == (name != "blank.png")


def test_a_form_is_read_as_the_picture_in_it(server: Served, pages: Path) -> None:
    content = (pages / "page.png").read_bytes()
    form = (
        b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="page.png"\r\n'
        b"Content-Type: image/png\r\n\r\n" + content + b"\r\n--xyz--\r\n"
    )
    reply = server.invoke(form, "multipart/form-data; boundary=xyz")
    assert reply.status == 200
    picture = server.invoke(content, "image/png")
    assert without_extras(reply.json) == without_extras(picture.json)


def test_a_client_that_waits_to_be_invited_is_invited(server: Served, pages: Path) -> None:
    content = (pages / "blank.png").read_bytes()
    head = (
        "POST /invocations HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: image/png\r\n"
        "Expect: 100-continue\r\nContent-Length: {}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as client:
        client.sendall(head.format(len(content)).encode())
        assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(content)
        with client.makefile("rb") as file:
            assert file.read().startswith(b"HTTP/1.1 200 OK\r\n")
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as client:
        client.sendall(head.format(1 << 30).encode())
        assert client.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_a_file_of_several_pages_has_an_answer_of_several_pages(
    server: Served, pages: Path
) -> None:
    content = (pages / "two.tif").read_bytes()
    reply = server.invoke(content, "image/tiff")
    assert without_extras(reply.json) == json.loads(
        json.dumps(htrlib.transcribe(content).to_dict())
    )
    assert len(DocumentResult.from_dict(reply.json).pages) == 2


def test_json_and_npy_carry_pictures_too(server: Served, pages: Path) -> None:
    content = (pages / "page.png").read_bytes()
    expected = htrlib.transcribe(content).text
    page = htrlib.load_image(content)
    in_color = np.repeat(page[:, :, None], 3, axis=2)
    encoded = json.dumps({"image": base64.b64encode(content).decode()}).encode()
    for kind, body in (
        ("application/json", encoded),
        ("application/json; charset=utf-8", encoded),
        ("application/x-npy", npy(page)),
        ("application/x-npy", npy(np.asfortranarray(page))),
        ("application/x-npy", npy(in_color)),
    ):
        reply = server.invoke(body, kind)
        assert (reply.status, reply.json.get("text")) == (200, expected), reply.body[:200]


def test_the_pixel_list_of_the_aws_solution_is_answered_in_its_form(
    server: Served, pages: Path
) -> None:
    page = htrlib.load_image(pages / "page.png")
    body = json.dumps(page.tolist()).encode()
    reply = server.invoke(body, "application/json", Accept="application/json")
    expected = htrlib.transcribe(page)
    assert isinstance(expected, PageResult)
    assert reply.json["decoded"] == [line.text for line in expected.lines]
    box, (left, top, width, height) = expected.lines[0].line.box, reply.json["line_bbs"][0]
    assert left == pytest.approx(box.left / page.shape[1])
    assert top + height == pytest.approx(box.bottom / page.shape[0])
    assert width == pytest.approx(box.width / page.shape[1])
    ours = server.invoke(body, "application/json", Accept="application/json; form=htrlib")
    assert ours.json["text"] == expected.text
    theirs = server.invoke((pages / "page.png").read_bytes(), Accept="application/json;form=aws")
    assert theirs.json == reply.json


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/plain", "text/plain; charset=utf-8"),
        ("text/plain; charset=utf-8", "text/plain; charset=utf-8"),
        ("application/json;q=0.2, text/*", "text/plain; charset=utf-8"),
        ("*/*", "application/json"),
        ("image/png, */*;q=0.1", "application/json"),
        ("application/json, \xff\xfe", "application/json"),
    ],
)
def test_accept_chooses_the_answer(server: Served, pages: Path, accept: str, kind: str) -> None:
    reply = server.invoke((pages / "blank.png").read_bytes(), Accept=accept)
    assert (reply.status, reply.headers["Content-Type"]) == (200, kind)


def test_text_is_one_row_a_line(server: Served, pages: Path) -> None:
    content = (pages / "page.png").read_bytes()
    reply = server.invoke(content, Accept="text/plain")
    assert reply.body.decode("utf-8") == htrlib.transcribe(content).text + "\n"


def test_a_picture_comes_back_as_a_searchable_pdf(server: Served, pages: Path) -> None:
    content = (pages / "page.png").read_bytes()
    reply = server.invoke(content, Accept="application/pdf")
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/pdf")
    found = pypdfium2.PdfDocument(reply.body)[0].get_textpage().get_text_range()
    assert found.split() == htrlib.transcribe(content).text.split()


def test_options_are_heeded(server: Served, pages: Path) -> None:
    content = (pages / "page.png").read_bytes()
    name = "X-Amzn-SageMaker-Custom-Attributes"
    whole = htrlib.transcribe(content)
    assert isinstance(whole, PageResult)

    def ask(options: str) -> PageResult:
        reply = server.ask(
            "POST", "/invocations", content, {"Content-Type": "image/png", name: options}
        )
        assert reply.status == 200, reply.body
        return PageResult.from_dict(reply.json)

    found = ask("stage=lines")
    assert [line.line for line in found.lines] == [line.line for line in whole.lines]
    assert found.text.strip() == ""
    detected = ask("stage=paragraph")
    assert detected.paragraph == htrlib.transcribe(content, kinds="handwritten").paragraph
    assert detected.lines == ()
    plain = ask("beam_width=5; language_model=off")
    options = htrlib.ReadingOptions(beam_width=5, language_model=None)
    expected = htrlib.transcribe(content, options=options)
    assert isinstance(expected, PageResult)
    assert [line.transcription for line in plain.lines] == [
        line.transcription for line in expected.lines
    ]
    assert [line.transcription for line in plain.lines] != [
        line.transcription for line in whole.lines
    ]


def too_many_pixels() -> bytes:
    file = io.BytesIO()
    Image.new("1", (9000, 9000), 1).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"a", {"Content-Type": "text/csv"}, 415),
        (b"a", {}, 400),
        (b"GIF89a", {"Content-Type": "image/gif"}, 400),
        (b"a", {"Content-Type": "image/png", "Content-Encoding": "gzip"}, 415),
        (b"a", {"Content-Type": "image/png", "Accept": "image/png"}, 406),
        (b"a", {"Content-Type": "image/png", "Accept": "application/json;q=0"}, 406),
        (b"a", {"Content-Type": "image/png"}, 400),
        (b"", {"Content-Type": "image/png"}, 400),
        (b"GIF89a" + bytes(40), {"Content-Type": "image/png"}, 400),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), {"Content-Type": "image/png"}, 400),
        (b"{", {"Content-Type": "application/json"}, 400),
        (b"[" * 100_000, {"Content-Type": "application/json"}, 400),
        (b"{}", {"Content-Type": "application/json"}, 400),
        (b'{"image": "%%%"}', {"Content-Type": "application/json"}, 400),
        (b'{"image": "AAAA"}', {"Content-Type": "application/json"}, 400),
        (b'{"s3_uri": "s3://bucket/key"}', {"Content-Type": "application/json"}, 400),
        (b"[[0, 1], [2]]", {"Content-Type": "application/json"}, 400),
        (b"[[0, 256]]", {"Content-Type": "application/json"}, 400),
        (b"[[NaN, 0]]", {"Content-Type": "application/json"}, 400),
        (b"[]", {"Content-Type": "application/json"}, 400),
        (npy(np.zeros((4, 4), np.float32)), {"Content-Type": "application/x-npy"}, 400),
        (npy(np.array([{}, {}], object)), {"Content-Type": "application/x-npy"}, 400),
        (npy(np.zeros((4, 4), np.uint8))[:-1], {"Content-Type": "application/x-npy"}, 400),
        (too_many_pixels(), {"Content-Type": "image/png"}, 413),
        (bytes(26 << 20), {"Content-Type": "image/png"}, 413),
    ],
)
def test_what_cannot_be_read_is_refused_in_json(
    server: Served, body: bytes, headers: Dict[str, str], status: int
) -> None:
    reply = server.ask("POST", "/invocations", body, headers)
    assert reply.status == status, reply.body
    assert reply.headers["Content-Type"] == "application/json"
    assert set(reply.json) == {"code", "type", "message"}
    assert reply.json["code"] == status
    assert "Traceback" not in reply.json["message"]


@pytest.mark.parametrize(
    "options",
    ["beam_width=0", "beam_width=ten", "beam_width=9999", "stage=all", "language_model=none",
     "stage=lines; stage=lines", "stage"],
)  # fmt: skip
def test_options_that_there_are_not_are_refused(server: Served, pages: Path, options: str) -> None:
    headers = {"Content-Type": "image/png", "X-Amzn-SageMaker-Custom-Attributes": options}
    reply = server.ask("POST", "/invocations", (pages / "blank.png").read_bytes(), headers)
    assert reply.status == 400
    assert options.split("=")[0] in reply.json["message"]


@pytest.mark.parametrize("start", [b"\x16\x03\x01", b"GET /ping HTTP/1.1\r\nLong: " + b"a" * 9000])
def test_what_is_no_http_is_refused_in_json(server: Served, start: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as client:
        client.sendall(start + b"\r\n\r\n")
        answer = http.client.HTTPResponse(client)
        answer.begin()
        assert (answer.status, answer.headers["Content-Type"]) == (400, "application/json")
        assert json.loads(answer.read())["code"] == 400


def test_the_other_paths(server: Served) -> None:
    assert server.ask().json == {"status": "healthy"}
    parameters = server.ask(path="/execution-parameters").json
    assert parameters == {
        "MaxConcurrentTransforms": 2,
        "BatchStrategy": "SINGLE_RECORD",
        "MaxPayloadInMB": 25,
    }
    refused = server.ask("DELETE", "/ping")
    assert (refused.status, refused.headers["Allow"]) == (405, "GET, HEAD")
    assert server.ask("GET", "/invocations").status == 405


def test_the_description_names_every_method_of_every_path(server: Served) -> None:
    for path, methods in server.ask(path="/openapi.json").json["paths"].items():
        described = {method.upper() for method in methods}
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE"):
            reply = server.ask(method, path)
            assert (reply.status == 405) == (method not in described), (method, path)
            if reply.status == 405:
                assert set(reply.headers["Allow"].split(", ")) == described
            assert reply.status != 404


@pytest.mark.parametrize("place", ["header", "query", "form"])
def test_an_option_is_heeded_or_refused_wherever_it_is(
    server: Served, pages: Path, place: str
) -> None:
    def ask(option: str) -> Reply:
        name, value = option.split("=")
        path, body = "/invocations", (pages / "page.png").read_bytes()
        headers = {"Content-Type": "image/png"}
        if place == "header":
            headers["X-Amzn-SageMaker-Custom-Attributes"] = option
        elif place == "query":
            path += f"?{option}"
        else:
            headers["Content-Type"] = "multipart/form-data; boundary=b"
            field = f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            file = '--b\r\nContent-Disposition: form-data; name="f"; filename="p.png"\r\n\r\n'
            body = field.encode() + file.encode() + body + b"\r\n--b--\r\n"
        return server.ask("POST", path, body, headers)

    assert ask("stage=lines").json["text"] == "\n" * (len(ask("stage=lines").json["lines"]) - 1)
    refused = ask("stages=lines")
    assert refused.status == 400
    assert "did you mean stage?" in refused.json["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/models"),
        ("POST", "/models?url=file:///etc"),
        ("PUT", "/models/model?min_worker=9"),
        ("DELETE", "/models/model"),
        ("GET", "/api-description"),
        ("OPTIONS", "/"),
        ("OPTIONS", "*"),
        ("POST", "/predictions/model"),
        ("POST", "/model/predict"),
        ("GET", "//models"),
        ("GET", "/ping/../models"),
    ],
)
def test_the_model_server_s_own_calls_are_out_of_reach(
    server: Served, method: str, path: str
) -> None:
    reply = server.ask(method, path, b"" if method == "POST" else None)
    assert reply.status in (404, 405)
    assert set(reply.json) == {"code", "type", "message"}


def test_the_log_has_a_line_for_a_request_and_none_of_its_contents(
    server: Served, pages: Path
) -> None:
    content = (pages / "page.png").read_bytes()
    reply = server.invoke(content, Accept="text/plain")
    wanted = {
        "method": "POST",
        "path": "/invocations",
        "status": 200,
        "bytes_in": len(content),
        "bytes_out": len(reply.body),
    }
    until(lambda: any(wanted.items() <= event.items() for event in list(server.log)), "the line")
    said = reply.body.decode("utf-8").splitlines()[0]
    assert said not in json.dumps(server.log, ensure_ascii=False) + "".join(server.errors)


@pytest.mark.slow
def test_the_largest_body_of_a_batch_transform_is_read() -> None:
    """SageMaker sends up to 100 MB; here they are an uncompressed scan in color."""
    scan = Image.new("RGB", (5500, 6300), "white")
    file = io.BytesIO()
    scan.save(file, "TIFF")
    assert 95 << 20 < len(file.getvalue()) <= 100 << 20
    limits = {
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": "100",
        "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS": "110",
    }
    with serving(["--workers", "1"], limits) as own:
        reply = own.invoke(file.getvalue(), "image/tiff")
        assert reply.status == 200, reply.body
        assert (reply.json["width"], reply.json["height"]) == scan.size
        assert not [event for event in own.log if event["event"] == "restart"]
