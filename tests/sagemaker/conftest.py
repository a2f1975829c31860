"""The scripts of examples/sagemaker, and a local moto server."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Callable, Iterator

import pytest

from tests.training.conftest import launch  # noqa: F401

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "sagemaker"


@pytest.fixture(scope="session")
def script() -> Iterator[Callable[[str], ModuleType]]:
    """Imports a script of examples/sagemaker by name."""
    pytest.importorskip("boto3", reason="boto3 is not installed: pip install 'htrlib[aws]'")
    folders = [str(EXAMPLES), str(EXAMPLES / "ground_truth")]
    sys.path[:0] = folders
    yield importlib.import_module
    for folder in folders:
        sys.path.remove(folder)


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    """A separate moto server on a free local port."""
    server_module = pytest.importorskip("moto.server", reason="moto[server] is not installed")
    server = server_module.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(moto_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable]:
    """Creates boto3 clients; all in this process call moto, with an empty account."""
    import boto3
    import urllib3

    for name, value in {
        "AWS_ENDPOINT_URL": moto_url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    urllib3.request("POST", f"{moto_url}/moto-api/reset")
    yield boto3.client
    boto3.DEFAULT_SESSION = None
