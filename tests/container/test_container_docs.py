from __future__ import annotations

import re
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "container" / "README.md").read_text(encoding="utf-8")


class Endpoint(BaseHTTPRequestHandler):
    """Answers like an endpoint; the AWS stand-in of other tests does not accept pictures."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = f"{self.path} {self.headers['Content-Type']} {body[1:4].decode()}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@pytest.fixture
def endpoint(monkeypatch):
    server = HTTPServer(("127.0.0.1", 0), Endpoint)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", address)
    yield
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.usefixtures("endpoint")
def test_the_calls_of_boto3_are_such_as_aws_takes(monkeypatch, capsys):
    moto = pytest.importorskip("moto", reason="moto, which stands in for AWS, is not installed")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.chdir(ROOT)
    names = {
        "image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/htrlib:serve",
        "role": "arn:aws:iam::123456789012:role/htr",
        "bucket": "labels",
    }
    with moto.mock_aws():
        for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
            exec(block, names)
        jobs = names["boto3"].client("sagemaker").list_training_jobs()["TrainingJobSummaries"]
    assert [job["TrainingJobName"] for job in jobs] == ["hands-of-anna"]
    assert capsys.readouterr().out == "/endpoints/hands-of-anna/invocations image/png PNG\n"


def test_every_script_and_page_that_is_named_is_there():
    named = set(re.findall(r"container/\w+\.sh", README))
    named |= {f"container/{path}" for path in re.findall(r"\]\((\.\./[\w/.-]+)\)", README)}
    assert len(named) > 4
    assert not [path for path in sorted(named) if not (ROOT / path).exists()]


def test_the_hyperparameters_and_channels_are_those_that_training_knows():
    from htrlib.sagemaker.training_job import CHANNELS
    from htrlib.training.trainer import TASKS

    for name in (*CHANNELS, *TASKS):
        assert f"`{name}`" in README
