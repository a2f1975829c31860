"""A moto server, a proxy in front of it, and an account whose calls go there."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Iterator

import pytest

from htrlib import client
from htrlib.aws import endpoints, session
from htrlib.aws.endpoints import EndpointConfig, ModelConfig, deploy
from htrlib.aws.session import Aws
from tests.aws.front import Front

ACCESS_KEY, SECRET_KEY, TOKEN = "AKIAWHOLLYUNREAL0001", "t0pSecretKey/never+seen", "t0k3n//never"
REGION = "eu-west-1"
ROLE = "arn:aws:iam::123456789012:role/htrlib-test"
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/htrlib:serve"
BUCKET = "pages-of-hands"
MODEL = ModelConfig(IMAGE, ROLE, "s3://pages/models/1/model.tar.gz", environment={"A": "1"})
BETTER = ModelConfig(IMAGE, ROLE, "s3://pages/models/2/model.tar.gz")
OLD, NEW = "hands-20260101-000000", "hands-20260102-000000"  # their names in SageMaker

_VARIABLES = {"sdk.py": "HTRLIB_SAGEMAKER_PYTHON", "sdk_v3.py": "HTRLIB_SAGEMAKER_V3_PYTHON"}
SDK_PYTHONS = {
    script: os.environ[variable]
    for script, variable in _VARIABLES.items()
    if variable in os.environ
}
"""Interpreters that have the library of each script: `sagemaker<3` and `sagemaker>=3`."""

collect_ignore = [] if SDK_PYTHONS else ["test_sdk_libraries.py"]


@pytest.fixture(scope="session")
def moto_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Host and port of a moto server."""
    for library in ("boto3", "moto"):
        pytest.importorskip(library, reason=f"needs {library}: pip install 'htrlib[test]'")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = (tmp_path_factory.mktemp("moto") / "log").open("w")
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=log,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    address = f"127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                reset(address)
                break
            except OSError:
                if server.poll() is not None:
                    pytest.fail(f"moto ended: {Path(log.name).read_text()}")
                time.sleep(0.1)
        else:
            pytest.fail("moto does not answer within a minute")
        yield address
    finally:
        server.terminate()
        server.wait(30)
        log.close()


def reset(address: str) -> None:
    """Empty moto's account."""
    request = urllib.request.Request(f"http://{address}/moto-api/reset", method="POST")
    urllib.request.urlopen(request, timeout=5).close()


@pytest.fixture(scope="session")
def loader(moto_address: str) -> Iterator[None]:
    """Read boto3's descriptions of services once, and not for each `Aws`."""
    import botocore.loaders

    loader = botocore.loaders.create_loader()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.loaders, "create_loader", lambda *_: loader)
        yield


@pytest.fixture
def front(
    moto_address: str, loader: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Front]:
    """The proxy that receives every AWS call of a test."""
    reset(moto_address)
    front = Front(moto_address)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_SESSION_TOKEN": TOKEN,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": front.url,
        "AWS_CONFIG_FILE": str(tmp_path / "no-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "no-credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "no_proxy": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(session, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(session, "ATTEMPTS", 3)
    monkeypatch.setattr(client, "PAUSES", (0.0, 0.0))
    yield front
    front.close()


@pytest.fixture
def aws(front: Front) -> Aws:
    return Aws()


@pytest.fixture
def bucket(aws: Aws) -> str:
    """A bucket, as s3://NAME."""
    aws.client("s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    return f"s3://{BUCKET}"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time at which the old model of the endpoint is made."""
    monkeypatch.setattr(endpoints, "stamped", lambda _: OLD)


@pytest.fixture
def deployed(aws: Aws, clock: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint that serves the old model."""
    deploy(EndpointConfig("hands", MODEL), aws)
    monkeypatch.setattr(endpoints, "stamped", lambda _: NEW)
