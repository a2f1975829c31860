"""How a worker of the model server handles batches, in this process."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict, List, Tuple

import pytest

import htrlib
from htrlib.cli.main import main
from htrlib.document.results import PageResult
from htrlib.errors import ConfigError
from htrlib.serving.mms.stub import WorkerSettings
from tests.serving.damaged import damaged_in_the_middle

MEGABYTES = 1 << 20


class Context:
    """The part of the model server's context that the handler uses."""

    def __init__(self, headers: List[Dict[str, str]]) -> None:
        self._headers = headers
        self.statuses: Dict[int, int] = {}
        self.types: Dict[int, str] = {}
        self.request_processor = [
            SimpleNamespace(report_status=lambda code, phrase, index=index: self.set(index, code))
            for index in range(len(headers))
        ]

    def set(self, index: int, code: int) -> None:
        self.statuses[index] = code

    def get_all_request_header(self, index: int) -> Dict[str, str]:
        return self._headers[index]

    def set_response_header(self, index: int, name: str, value: str) -> None:
        assert (name, value) == ("X-Htrlib-Answer", "1")

    def set_response_content_type(self, index: int, value: str) -> None:
        self.types[index] = value


Asked = List[Tuple[bytes, Dict[str, str]]]


@pytest.fixture(scope="module")
def transformer() -> Any:
    pytest.importorskip("sagemaker_inference")
    from htrlib.serving.mms.transformer import BatchTransformer

    made = BatchTransformer(WorkerSettings("english", 40_000_000, 25 * MEGABYTES, 25 * MEGABYTES))
    made.validate_and_initialize()
    return made


def answers(transformer: Any, asked: Asked) -> List[Tuple[int, str, bytes]]:
    context = Context([{"content-type": "image/png", **headers} for _, headers in asked])
    bodies = transformer.transform([{"body": bytearray(body)} for body, _ in asked], context)
    return [
        (context.statuses[index], context.types[index], body) for index, body in enumerate(bodies)
    ]


def test_each_request_of_a_batch_has_its_own_answer(transformer: Any, pages: Path) -> None:
    content = (pages / "page.png").read_bytes()
    expected = htrlib.transcribe(content)
    assert isinstance(expected, PageResult)
    got = answers(
        transformer,
        [
            (content, {}),
            (b"no picture", {}),
            (content, {"Accept": "text/plain"}),
            (content[:-500], {}),
            (content, {"X-Amzn-SageMaker-Custom-Attributes": "stage=paragraph"}),
            (content, {"X-Htrlib-Deadline": str(time.time() - 1)}),
            ((pages / "blank.png").read_bytes(), {}),
            ((pages / "two.tif").read_bytes(), {"content-type": "image/tiff"}),
        ],
    )
    assert [status for status, _, _ in got] == [200, 400, 200, 400, 200, 504, 200, 200]
    assert json.loads(got[0][2])["lines"] == expected.to_dict()["lines"]
    assert got[2][1:] == ("text/plain; charset=utf-8", (expected.text + "\n").encode())
    assert got[1][1] == got[3][1] == "application/json"
    assert json.loads(got[4][2])["lines"] == []
    first, second = json.loads(got[7][2])["pages"]
    assert (first["lines"], second["lines"]) == (expected.to_dict()["lines"], [])


def test_pages_beside_a_damaged_one_are_answered_and_it_is_named(transformer: Any) -> None:
    content = damaged_in_the_middle()
    kinds = ("application/json", "text/plain", "application/json; form=aws", "application/pdf")
    got = answers(transformer, [(content, {"Accept": kind}) for kind in kinds])
    assert [status for status, _, _ in got] == [200, 400, 400, 400]
    answered = json.loads(got[0][2])
    assert [page["number"] for page in answered["pages"]] == [1, 3]
    assert len(answered["errors"]) == 1
    assert "page 2" in answered["errors"][0]
    for _, _, body in got[1:]:
        assert "page 2" in json.loads(body)["message"]
        assert "accept application/json" in json.loads(body)["message"]


@pytest.mark.slow
def test_the_worker_and_the_command_agree_to_the_last_digit(
    transformer: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = sorted((Path(__file__).parents[3] / "examples" / "data").glob("*.png"))
    assert samples
    got = answers(transformer, [(sample.read_bytes(), {}) for sample in samples])
    for sample, (status, _, body) in zip(samples, got):
        assert main(["transcribe", str(sample), "--format", "json"]) == 0
        printed, answered = json.loads(capsys.readouterr().out), json.loads(body)
        assert status == 200
        assert (printed["paragraph"], printed["lines"]) == (
            answered["paragraph"],
            answered["lines"],
        )


def test_a_page_on_which_a_stage_fails_fails_alone(
    transformer: Any, pages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from htrlib.stages import recognition

    right = recognition.recognize_pages

    def fails_on_the_blank(pages_read: Any, lines: Any, **more: Any) -> Any:
        if any(len(page) == 60 for page in pages_read):
            raise RuntimeError("secret")
        return right(pages_read, lines, **more)

    monkeypatch.setattr(recognition, "recognize_pages", fails_on_the_blank)
    content = (pages / "page.png").read_bytes()
    got = answers(transformer, [((pages / "blank.png").read_bytes(), {}), (content, {})])
    assert [status for status, _, _ in got] == [500, 200]
    assert b"secret" not in got[0][2]


def test_a_thorough_request_fails_where_any_network_does(
    transformer: Any, pages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from htrlib.stages import recognition

    blank, thorough = (pages / "blank.png").read_bytes(), {"X-Htrlib-Thorough": "1"}
    assert [status for status, _, _ in answers(transformer, [(blank, thorough)])] == [200]

    def fails(*_: Any, **__: Any) -> Any:
        raise RuntimeError("broken")

    monkeypatch.setattr(recognition, "recognize_lines", fails)
    got = answers(transformer, [(blank, {}), (blank, thorough)])
    assert [status for status, _, _ in got] == [200, 500]


class Ended(BaseException):
    """Replaces the end of the process."""


@pytest.mark.slow
def test_a_worker_that_can_read_no_page_of_its_own_either_ends(
    transformer: Any, pages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from htrlib.serving.mms import transformer as module
    from htrlib.stages import recognition

    def end(status: int) -> None:
        raise Ended(status)

    right, least = recognition.recognize_pages, 300  # rows of a page on which it fails

    def fails(pages_read: Any, lines: Any, **more: Any) -> Any:
        if any(len(page) >= least for page in pages_read):
            raise RuntimeError("broken")
        return right(pages_read, lines, **more)

    def statuses(content: bytes, times: int, **headers: str) -> List[int]:
        return [answers(transformer, [(content, headers)])[0][0] for _ in range(times)]

    content = (pages / "page.png").read_bytes()
    monkeypatch.setattr(transformer, "_failures", 0)
    monkeypatch.setattr(module.os, "_exit", end)
    monkeypatch.setattr(recognition, "recognize_pages", fails)
    assert statuses(content, module.MOST_FAILURES + 1) == [500] * (module.MOST_FAILURES + 1)
    least = 0
    assert statuses(content, module.MOST_FAILURES - 2) == [500] * (module.MOST_FAILURES - 2)
    easy = {"X-Amzn-SageMaker-Custom-Attributes": "stage=paragraph"}
    assert statuses(content, 1, **easy) == [200]  # that hides nothing
    assert statuses(content, 1) == [500]
    with pytest.raises(Ended):
        statuses(b"no picture", 1)
    least = 1000
    assert statuses(content, 1) == [200]


def test_a_model_s_code_is_passed_over_unless_it_is_allowed(
    obedient: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("sagemaker_inference")
    from htrlib.errors import BundleMismatchError
    from htrlib.serving.mms.transformer import BatchTransformer

    settings = WorkerSettings(str(obedient), MEGABYTES, MEGABYTES, MEGABYTES)
    with pytest.raises(BundleMismatchError, match="paragraph"):  # it reads by itself, or would
        BatchTransformer(settings).validate_and_initialize()
    assert "HTRLIB_ALLOW_CODE=1" in caplog.text


def test_a_worker_reads_with_the_engine_that_it_is_told() -> None:
    pytest.importorskip("sagemaker_inference")
    from htrlib.serving.mms.transformer import BatchTransformer

    settings = WorkerSettings("english", MEGABYTES, MEGABYTES, MEGABYTES, engine="steam")
    with pytest.raises(ConfigError, match="no engine 'steam'"):
        BatchTransformer(settings).validate_and_initialize()


def test_a_worker_without_work_gives_memory_back(
    transformer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from htrlib.serving.mms import transformer as module

    given_back = threading.Event()
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.0)
    monkeypatch.setattr(module, "return_free_memory", given_back.set)
    answers(transformer, [(b"no picture", {})])
    assert given_back.wait(60.0)
