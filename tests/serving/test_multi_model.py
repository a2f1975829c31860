"""Several models in one server: load, list, invoke and unload, as SageMaker does."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import time
from pathlib import Path
from typing import Any, Iterator

import pytest

from tests.replies import Reply
from tests.serving.running import Served, serving, until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def root(obedient: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of models, and of files that must not be loaded."""
    root = tmp_path_factory.mktemp("root")
    for name in ("one", "two"):
        shutil.copytree(obedient, root / "models" / name / "model")
    (root / "models" / "empty").mkdir()
    (root / "models" / "archive.tar.gz").write_bytes(b"an archive")
    shutil.copytree(obedient, root / "outside")
    (root / "models" / "link").symlink_to(root / "outside")
    return root


@pytest.fixture(scope="module")
def several(root: Path) -> Iterator[Served]:
    # on a busy machine a start may take a minute
    environment = {"HTRLIB_ALLOW_CODE": "1", "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS": "110"}
    with serving(["--models", str(root / "models")], environment) as server:
        yield server


def load(server: Served, name: Any, url: Any) -> Reply:
    body = json.dumps({"model_name": name, "url": str(url)}).encode()
    return server.ask("POST", "/models", body, {"Content-Type": "application/json"})


def invoke(server: Served, name: str, body: bytes = b"hello") -> Reply:
    return server.ask("POST", f"/models/{name}/invoke", body, {"Content-Type": "image/png"})


def test_the_life_of_models(several: Served, root: Path) -> None:
    one, two = root / "models/one/model", root / "models/two/model"
    assert several.ask().status == 200
    assert several.ask(path="/models").json == {"models": []}
    assert invoke(several, "one").status == 404
    assert load(several, "one", one).status == 200
    assert load(several, "one", one).status == 409
    assert load(several, "two", two).status == 200
    assert several.ask(path="/models").json == {
        "models": [
            {"modelName": "one", "modelUrl": str(one)},
            {"modelName": "two", "modelUrl": str(two)},
        ]
    }
    assert several.ask(path="/models?limit=1").json["nextPageToken"] == "1"
    assert len(several.ask(path="/models?limit=1&next_page_token=1").json["models"]) == 1
    assert several.ask(path="/models?limit=x").status == 400
    assert several.ask(path="/models/two").json == {"modelName": "two", "modelUrl": str(two)}
    readers = [invoke(several, name).body for name in ("one", "two")]
    assert len(set(readers)) == 2
    os.kill(several.family()["java"][0], signal.SIGKILL)
    assert invoke(several, "one").status == 200, "models are there again after a restart"
    assert several.ask("DELETE", "/models/one").status == 200
    assert several.ask("DELETE", "/models/one").status == 404
    assert several.ask(path="/models/one").status == 404
    assert invoke(several, "one").status == 404
    assert invoke(several, "two").status == 200
    until(lambda: len(several.family()["listener"]) == 1, "its processes end")
    assert load(several, "one", one).status == 200
    assert invoke(several, "one").status == 200


def test_a_client_that_goes_while_a_model_is_loaded_leaves_it_loaded(
    several: Served, root: Path
) -> None:
    place = root / "models/one/model"
    body = json.dumps({"model_name": "left", "url": str(place)}).encode()
    with socket.create_connection(("127.0.0.1", several.port)) as client:
        client.sendall(b"POST /models HTTP/1.1\r\nHost: x\r\n")
        client.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        time.sleep(0.3)
    until(lambda: several.ask(path="/models/left").status == 200, "it is loaded")
    assert invoke(several, "left").status == 200
    assert load(several, "left", place).status == 409
    assert several.ask("DELETE", "/models/left").status == 200
    assert load(several, "left", place).status == 200
    assert several.ask("DELETE", "/models/left").status == 200


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/model.mar",
        "s3://bucket/model.tar.gz",
        "file:///opt/ml/models/one",
        "{root}/models/archive.tar.gz",
        "{root}/models/one/../../outside",
        "{root}/outside",
        "{root}/models/link",
        "{root}/models",
        "../outside",
        "one/../../outside",
        "/x" * 9000,
        "/\ud800",
        "{root}/models/\x00",
        "/",
        "",
    ],
)
def test_only_directories_below_the_root_are_loaded(several: Served, root: Path, url: str) -> None:
    reply = load(several, "bad", url.format(root=root))
    assert reply.status == 400
    assert set(reply.json) == {"code", "type", "message"}
    assert "bad" not in [model["modelName"] for model in several.ask(path="/models").json["models"]]


def test_what_is_no_model_is_refused(several: Served, root: Path) -> None:
    assert load(several, "bad", root / "models/empty").status == 400
    assert load(several, "bad", root / "models/none").status == 404
    assert load(several, "bad", "models/one/model").status == 404  # below the root of models
    for name in ("../bad", "", ".bad", "b/d", "b d", 7, "x" * 300):
        assert load(several, name, root / "models/one/model").status == 400
    for body in (b"", b"{", b"[]", b'"x"', b"\xff", b"[" * 50_000):
        reply = several.ask("POST", "/models", body, {"Content-Type": "application/json"})
        assert reply.status == 400
    assert several.ask("POST", "/models", bytes(100_000)).status == 413


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/models/two?min_worker=50"),
        ("POST", "/models/two"),
        ("OPTIONS", "/models"),
        ("GET", "/models/two/invoke"),
        ("POST", "/models/two/1.0/invoke"),
        ("POST", "/invocations"),
        ("POST", "/predictions/two"),
        ("GET", "/models/..%2f..%2fetc"),
    ],
)
def test_the_rest_of_the_management_api_is_out_of_reach(
    several: Served, method: str, path: str
) -> None:
    assert several.ask(method, path, b"" if method in ("POST", "PUT") else None).status in (
        404,
        405,
    )


def test_a_model_that_the_memory_does_not_hold_is_507(root: Path) -> None:
    environment = {"HTRLIB_ALLOW_CODE": "1", "HTRLIB_MODEL_MEMORY_IN_MB": "100000000"}
    with serving(["--models", str(root / "models")], environment) as server:
        assert load(server, "one", root / "models/one/model").status == 507
        assert server.ask().status == 200
