from __future__ import annotations

import io
import json
import logging
import threading

import numpy as np
import pytest
from PIL import Image

from htrlib import client as client_module
from htrlib.aws import endpoint_client
from htrlib.aws.endpoint_client import EndpointClient
from htrlib.aws.session import Aws, Waits
from htrlib.document.geometry import Size
from htrlib.document.results import DocumentResult, PageResult
from htrlib.errors import AwsError, AwsNotFoundError, ConfigError, ImageError
from htrlib.formats.json_format import to_json
from htrlib.serving import protocol
from tests.aws.front import CUT, Answer, answer
from tests.formats.results import page

INVOCATIONS = "/endpoints/hands/invocations"
PAGE = page(["one ſine", '"two"'])
RESULT = to_json(PAGE).encode()


@pytest.fixture(params=["endpoint", "url"])
def client(request, front):
    """A SageMaker endpoint and a local server, called in the same way."""
    if request.param == "endpoint":
        return EndpointClient("hands")
    return EndpointClient(url=front.url)


@pytest.fixture
def served(front):
    """Answers every request to a model; returns the list of received requests."""
    came = []

    def serve(status=200, body=RESULT):
        def rule(request):
            if request.method != "POST":
                return None
            came.append(request)
            if status >= 400 and request.path.startswith("/endpoints"):
                return model_error(status, body)
            return Answer(body, status, {"Content-Type": "application/json"})

        front.rules[:] = [rule]
        return came

    return serve


def model_error(status, body):
    """How SageMaker reports an invalid answer of the container."""
    error = {"OriginalStatusCode": status, "OriginalMessage": body.decode(), "Message": "..."}
    headers = {"x-amzn-ErrorType": "ModelError", "Content-Type": "application/json"}
    return Answer(json.dumps(error).encode(), 424, headers)


def refused(message: str, status: int) -> bytes:
    return json.dumps({"code": status, "type": "Bad Request", "message": message}).encode()


def header(request, name) -> str:
    return protocol.header(request.headers, name) or ""


def png(page, form="PNG", **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(page).save(file, form, **options)
    return file.getvalue()


def test_the_result_is_the_one_that_the_library_gives(client, served, tmp_path):
    came = served()
    path = tmp_path / "page.png"
    path.write_bytes(png(np.full((30, 40), 200, np.uint8)))
    assert client.transcribe(path) == PAGE
    assert client.transcribe(str(path)) == PAGE
    assert client.transcribe(path.read_bytes()) == PAGE
    assert [request.body for request in came] == [path.read_bytes()] * 3
    assert header(came[0], "Content-Type") == "image/png"
    assert header(came[0], "Accept") == "application/json"
    assert not header(came[0], "X-Amzn-SageMaker-Custom-Attributes")


def test_a_document_comes_back_as_one(client, served):
    document = DocumentResult((PageResult(Size(1, 2)), PageResult(Size(3, 4))))
    served(body=to_json(document).encode())
    first, second = (Image.new("L", (5, 5), shade) for shade in (0, 255))
    file = io.BytesIO()
    first.save(file, "TIFF", save_all=True, append_images=[second])
    assert client.transcribe(file.getvalue()) == document


@pytest.mark.parametrize(
    ("form", "kind"),
    [("JPEG", "image/jpeg"), ("TIFF", "image/tiff"), ("WEBP", "image/png"), ("BMP", "image/png")],
)
def test_pictures_are_sent_as_they_are_or_as_png(client, served, form, kind):
    came = served()
    client.transcribe(png(np.full((30, 40), 200, np.uint8), form))
    assert header(came[0], "Content-Type") == kind


def test_an_array_is_sent_as_png(client, served):
    came = served()
    blank = np.arange(12, dtype=np.uint8).reshape(3, 4)
    client.transcribe(blank)
    with Image.open(io.BytesIO(came[0].body)) as picture:
        assert np.array_equal(np.asarray(picture), blank)


def test_options_travel_as_custom_attributes(client, served):
    from htrlib.reading.options import ReadingOptions

    came = served()
    blank = np.zeros((3, 4), np.uint8)
    client.transcribe(blank, beam_width=7, stage="lines", language_model=False)
    text = header(came[0], "X-Amzn-SageMaker-Custom-Attributes")
    assert protocol.options_of(text) == ReadingOptions(
        stage="lines", beam_width=7, language_model=None
    )
    contents = {"kinds": ("printed", "typewritten"), "what": "line", "orientation": "as-given"}
    client.transcribe(blank, **contents)
    text = header(came[1], "X-Amzn-SageMaker-Custom-Attributes")
    assert protocol.options_of(text) == ReadingOptions(**contents)


def test_one_of_many_models_is_asked(front, served):
    came = served()
    blank = np.zeros((3, 4), np.uint8)
    EndpointClient("hands").transcribe(blank, target_model="anna.tar.gz")
    assert header(came[0], "X-Amzn-SageMaker-Target-Model") == "anna.tar.gz"
    EndpointClient(url=front.url + "/").transcribe(blank, target_model="anna/1")
    assert came[1].path == "/models/anna%2F1/invoke"


@pytest.mark.parametrize(
    ("status", "message", "error"),
    [
        (400, "the picture is damaged or cut off", ImageError),
        (413, "a page has at most 80,000,000 pixels", ImageError),
        (415, "Content-Type is one of image/png", ImageError),
        (400, "X-Amzn-SageMaker-Custom-Attributes: beam_width is 1 to 200", ConfigError),
        (404, "the model anna is not loaded", AwsNotFoundError),
        (500, "an error inside", AwsError),
        (503, "the queue is full", AwsError),
    ],
)
def test_what_the_container_refuses_is_told_in_its_words(client, served, status, message, error):
    served(status, refused(message, status))
    with pytest.raises(error, match=f"answered {status}: {message}"):
        client.transcribe(np.zeros((3, 4), np.uint8))


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"x"', b'{"message": null}'])
def test_an_error_without_json_is_told_too(client, served, body):
    served(500, body)
    with pytest.raises(AwsError, match="answered 500"):
        client.transcribe(np.zeros((3, 4), np.uint8))


@pytest.mark.parametrize("body", [b"{}", b"no json", b"[1]", b'{"schema_version": 99}', b"\xff"])
def test_an_answer_that_is_no_result_is_told(client, served, body):
    served(body=body)
    with pytest.raises(AwsError, match="the answer is not a result of htrlib"):
        client.transcribe(np.zeros((3, 4), np.uint8))


def test_a_server_that_does_not_answer_is_told(client, front):
    front.rules.append(lambda request: CUT)
    with pytest.raises(AwsError, match=r"does not answer|got no answer"):
        client.transcribe(np.zeros((3, 4), np.uint8))


def test_an_endpoint_that_is_not_there_is_told(front):
    message = b'{"Message": "Endpoint hands of account 123456789012 not found."}'
    headers = {"x-amzn-ErrorType": "ValidationError", "Content-Type": "application/json"}
    front.rules.append(lambda request: Answer(message, 400, headers))
    with pytest.raises(AwsNotFoundError, match="hands is not there"):
        EndpointClient("hands").transcribe(np.zeros((3, 4), np.uint8))


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF"])
def test_a_picture_that_is_too_large_is_sent_smaller_and_that_is_told(
    front, served, monkeypatch, caplog, form
):
    came = served()
    monkeypatch.setattr(client_module, "REQUEST_BYTES", 60_000)
    noise = np.random.default_rng(1).integers(100, 140, (300, 400)).astype(np.uint8)
    with caplog.at_level(logging.WARNING):
        EndpointClient("hands").transcribe(png(noise, form))
    assert "sending a page as JPEG" in caplog.text
    assert header(came[0], "Content-Type") == "image/jpeg"
    assert len(came[0].body) <= 60_000
    with Image.open(io.BytesIO(came[0].body)) as picture:
        assert picture.size == (400, 300)


def test_what_is_too_large_as_jpeg_too_is_refused(front, served, monkeypatch):
    came = served()
    monkeypatch.setattr(client_module, "REQUEST_BYTES", 1000)
    noise = np.random.default_rng(1).integers(0, 256, (300, 400)).astype(np.uint8)
    with pytest.raises(ImageError, match=r"400 x 300 pixels has .* bytes even as JPEG"):
        EndpointClient("hands").transcribe(noise)
    assert not came


def test_a_document_that_is_too_large_is_refused(front, served, monkeypatch):
    came = served()
    monkeypatch.setattr(client_module, "REQUEST_BYTES", 100)
    file = io.BytesIO()
    Image.new("L", (50, 50)).save(
        file, "TIFF", save_all=True, append_images=[Image.new("L", (50, 50))]
    )
    with pytest.raises(ImageError, match=r"in several pages, .* send its pages one by one"):
        EndpointClient("hands").transcribe(file.getvalue())
    assert not came


def test_what_is_no_picture_is_refused_here(client, served, tmp_path):
    came = served()
    with pytest.raises(ImageError):
        client.transcribe(b"no picture")
    with pytest.raises(ImageError, match=r"nothing\.png cannot be read"):
        client.transcribe(tmp_path / "nothing.png")
    with pytest.raises(ImageError):
        client.transcribe(np.zeros((3, 4), np.float32))
    assert not came


# ---- busy, and slow ----


def busy(front, *replies):
    """Answer with each of these in turn, then with the result."""
    left = list(replies)

    def rule(request):
        if request.method != "POST":
            return None
        came.append(request)
        return left.pop(0) if left else Answer(RESULT, headers={"Content-Type": "application/json"})

    came = []
    front.rules[:] = [rule]
    return came


def not_ready() -> Answer:
    headers = {"x-amzn-ErrorType": "ModelNotReadyException", "Content-Type": "application/json"}
    return Answer(b'{"Message": "still being provisioned"}', 429, headers)


def test_a_container_whose_queue_is_full_is_asked_again(front):
    came = busy(front, model_error(503, refused("the queue is full", 503)))
    assert EndpointClient("hands").transcribe(np.zeros((3, 4), np.uint8)) == PAGE
    assert len(came) == 2
    came = busy(front, Answer(refused("the queue is full", 503), 503))
    assert EndpointClient(url=front.url).transcribe(np.zeros((3, 4), np.uint8)) == PAGE
    assert len(came) == 2


@pytest.mark.parametrize("reply", [not_ready(), CUT], ids=["starts", "cut"])
def test_an_endpoint_that_starts_or_was_cut_is_asked_again(front, reply):
    came = busy(front, reply, reply)
    assert EndpointClient("hands").transcribe(np.zeros((3, 4), np.uint8)) == PAGE
    assert len(came) == 3


def test_an_endpoint_that_stays_busy_is_given_up(front):
    came = busy(front, *[not_ready()] * 9)
    with pytest.raises(AwsError, match="still being provisioned"):
        EndpointClient("hands").transcribe(np.zeros((3, 4), np.uint8))
    assert len(came) == 1 + len(client_module.PAUSES)


def test_a_reading_that_timed_out_is_not_repeated(front):
    release = threading.Event()
    came = []

    def rule(request):
        came.append(request)
        release.wait(60)
        return Answer(RESULT)

    front.rules[:] = [rule]
    patient = Aws(waits=Waits(5, 0.3, 6))
    try:
        with pytest.raises(AwsError, match="got no answer"):
            EndpointClient("hands", aws=patient).transcribe(np.zeros((3, 4), np.uint8))
    finally:
        release.set()
    assert len(came) == 1


@pytest.mark.parametrize(("serverless", "form"), [(True, "image/jpeg"), (False, "image/png")])
def test_a_serverless_endpoint_gets_smaller_requests(front, served, monkeypatch, serverless, form):
    monkeypatch.setattr(endpoint_client, "SERVERLESS_BYTES", 60_000)
    came = served()
    variant = {"CurrentServerlessConfig": {}} if serverless else {"CurrentInstanceCount": 1}
    described = {"EndpointName": "hands", "ProductionVariants": [variant]}
    front.rules.insert(0, lambda r: answer(described) if r.operation else None)
    noise = np.random.default_rng(1).integers(100, 140, (300, 400)).astype(np.uint8)
    EndpointClient("hands").transcribe(noise)
    assert header(came[-1], "Content-Type") == form
    assert (len(came[-1].body) <= 60_000) is serverless
    assert len(front.asked("DescribeEndpoint")) == 1


def test_a_small_request_needs_no_other_call(front, served):
    served()
    EndpointClient("hands").transcribe(np.zeros((3, 4), np.uint8))
    assert not front.asked("DescribeEndpoint")


def test_an_endpoint_or_a_url_is_named_and_not_both(front):
    with pytest.raises(ConfigError, match="either the name"):
        EndpointClient()
    with pytest.raises(ConfigError, match="either the name"):
        EndpointClient("hands", url=front.url)
    with pytest.raises(ConfigError, match="must begin with http"):
        EndpointClient(url="file:///etc/passwd")
