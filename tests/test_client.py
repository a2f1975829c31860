from __future__ import annotations

import http.client
import json
from typing import Iterator, List

import numpy as np
import pytest

from htrlib import client as client_module
from htrlib.client import EndpointClient
from htrlib.errors import (
    ConfigError,
    EndpointError,
    EndpointNotFoundError,
    HtrError,
    ImageError,
)
from htrlib.formats.json_format import to_json
from tests.aws.front import CUT, Answer, Front, Request
from tests.formats.results import page

BLANK = np.zeros((3, 4), np.uint8)
PAGE = page(["one", "two"])
GOOD = Answer(to_json(PAGE).encode())


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    """A server whose answers the test sets."""
    monkeypatch.setattr(client_module, "PAUSES", (0.0, 0.0))
    front = Front("127.0.0.1:9")  # nothing is passed on
    yield front
    front.close()


def replies(server: Front, *answers: object) -> List[Request]:
    """Answer with each of these in turn, then repeat the last one; return the requests."""
    left = list(answers)
    server.rules[:] = [lambda _: left.pop(0) if len(left) > 1 else left[0]]
    return server.requests


def refusal(status: int, message: str) -> Answer:
    return Answer(json.dumps({"message": message}).encode(), status)


def test_a_page_is_read_by_a_server(server: Front) -> None:
    requests = replies(server, GOOD)
    assert EndpointClient(f"{server.url}/").transcribe(BLANK) == PAGE
    assert [request.path for request in requests] == ["/invocations"]
    assert requests[0].headers["Content-Type"] == "image/png"


def test_one_of_several_models_can_be_chosen(server: Front) -> None:
    requests = replies(server, GOOD)
    EndpointClient(server.url).transcribe(BLANK, target_model="old/hands", beam_width=3)
    assert requests[0].path == "/models/old%2Fhands/invoke"
    assert requests[0].headers["X-Amzn-Sagemaker-Custom-Attributes"] == "beam_width=3"


def test_a_pdf_is_sent_as_it_is(server: Front) -> None:
    requests = replies(server, GOOD)
    EndpointClient(server.url).transcribe(b"%PDF-1.7 ...")
    assert requests[0].body == b"%PDF-1.7 ..."
    assert requests[0].headers["Content-Type"] == "application/pdf"


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (refusal(400, "cut off"), ImageError, "answered 400: cut off"),
        (refusal(400, "X-Amzn-SageMaker-Custom-Attributes: x"), ConfigError, "answered 400"),
        (refusal(404, "not loaded"), EndpointNotFoundError, "answered 404: not loaded"),
        (refusal(500, "broken"), EndpointError, "answered 500: broken"),
        (refusal(503, "the queue is full"), EndpointError, "answered 503: the queue is full"),
        (Answer(b"<html>"), EndpointError, "the answer is not a result of htrlib"),
        (Answer(b'{"pages": [3]}'), EndpointError, "the answer is not a result of htrlib"),
        (Answer(b"[" * 100_000), EndpointError, "the answer is not a result of htrlib"),
        (Answer(b"[" * 100_000, 500), EndpointError, "answered 500"),
        (CUT, EndpointError, "does not answer"),
    ],
)
def test_what_goes_wrong_is_reported_in_the_server_s_words(
    server: Front, answer: object, error: type, message: str
) -> None:
    replies(server, answer)
    with pytest.raises(HtrError, match=message) as raised:
        EndpointClient(server.url).transcribe(BLANK)
    assert type(raised.value) is error


def test_a_busy_server_is_asked_again(server: Front) -> None:
    requests = replies(server, refusal(503, "full"), refusal(503, "full"), GOOD)
    assert EndpointClient(server.url).transcribe(BLANK) == PAGE
    assert len(requests) == 3


def test_a_busy_server_whose_words_are_cut_off_is_asked_again(
    server: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = replies(server, refusal(503, "full"), GOOD)
    monkeypatch.setattr("urllib.error.HTTPError.read", cut_off, raising=False)
    assert EndpointClient(server.url).transcribe(BLANK) == PAGE
    assert len(requests) == 2


def cut_off(error: object) -> bytes:
    raise http.client.IncompleteRead(b'{"mess', 100)


@pytest.mark.parametrize("stage", ["✓", "a\nb", "é"])
def test_an_option_that_cannot_be_sent_is_told(server: Front, stage: str) -> None:
    with pytest.raises(ConfigError, match="stage consists of printable ASCII"):
        EndpointClient(server.url).transcribe(BLANK, stage=stage)


@pytest.mark.parametrize("url", ["http://[::1", "http://localhost:99999", "http://localhost:1/ü"])
def test_an_address_that_is_no_url_is_told(url: str) -> None:
    with pytest.raises(ConfigError, match="URL"):
        EndpointClient(url).transcribe(BLANK)


def test_a_path_that_cannot_be_one_is_no_picture(server: Front) -> None:
    with pytest.raises(ImageError, match="is not a path"):
        EndpointClient(server.url).transcribe("a\0b")


def test_only_http_is_spoken() -> None:
    with pytest.raises(ConfigError, match="must begin with http"):
        EndpointClient("file:///etc/passwd")
