from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

import pytest

from htrlib.cli.main import main
from htrlib.serving import server
from htrlib.serving.config import ServingConfig
from tests.serving.running import needs


def test_arguments_become_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    got: Dict[str, Any] = {}

    def serve(config: ServingConfig) -> int:
        got["config"] = config
        return 0

    monkeypatch.setattr(server, "serve", serve)
    arguments = ["--bundle", "b", "--host", "::1", "--port", "81", "--workers", "3"]
    assert main(["serve", *arguments]) == 0
    config = got["config"]
    assert (config.bundle, config.host, config.port, config.workers) == ("b", "::1", 81, 3)
    assert config.models is None
    assert main(["serve", "--models", "m"]) == 0
    assert (got["config"].models, got["config"].host) == (Path("m"), "127.0.0.1")


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("htr: ")
    assert captured.err.count("\n") == 1
    return captured.err


def test_missing_java_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("aiohttp")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    assert main(["serve"]) != 0
    assert "apt-get install" in one_line(capsys)


@pytest.mark.parametrize("package", ["aiohttp", "mms", "sagemaker_inference"])
def test_a_missing_package_is_one_line(
    package: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    needs()
    find_spec = server.importlib.util.find_spec
    monkeypatch.setattr(
        server.importlib.util,
        "find_spec",
        lambda name: None if name == package else find_spec(name),
    )
    assert main(["serve"]) != 0
    error = one_line(capsys)
    assert package in error
    assert "htrlib[serve]" in error


def test_a_port_that_is_taken_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    needs()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["serve", "--port", str(port)]) != 0
    assert str(port) in one_line(capsys)


def test_there_is_no_model_where_none_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    needs()
    assert main(["serve", "--bundle", str(tmp_path / "none"), "--port", "0"]) != 0
    assert "none" in one_line(capsys)


def test_the_module_that_the_container_starts_ends_with_one_line_too(tmp_path: Path) -> None:
    needs()
    done = subprocess.run(
        [sys.executable, "-m", "htrlib.serving"],
        env={**os.environ, "HTRLIB_BUNDLE": str(tmp_path), "SAGEMAKER_BIND_TO_PORT": "0"},
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode != 0
    assert done.stderr.startswith("htrlib: ")
    assert done.stderr.count("\n") == 1


def test_the_module_that_the_container_starts_takes_no_arguments() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "htrlib.serving", "--workers", "2"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 2
    assert done.stderr == "htrlib: the environment configures this server; found '--workers 2'\n"
