"""Checks before the server starts; test_faults covers the running server."""

from __future__ import annotations

import importlib.metadata
import resource
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, List, Tuple

import pytest

from htrlib.errors import BundleError
from htrlib.serving import server
from htrlib.serving.config import ServingConfig, configure


@pytest.fixture
def config(tiny_bundle: Path) -> ServingConfig:
    """A server of a model whose code requires a package that does not exist."""
    (tiny_bundle / "code").mkdir()
    (tiny_bundle / "code" / "requirements.txt").write_text("--no-index\nno-such-package-xyz==1\n")
    return ServingConfig(bundle=str(tiny_bundle))


def test_what_a_models_code_wants_is_installed_only_where_code_is_allowed(
    config: ServingConfig, capfd: pytest.CaptureFixture[str]
) -> None:
    server._prepare_bundle(config)
    with pytest.raises(BundleError, match=r"packages in .*requirements\.txt cannot be installed"):
        server._prepare_bundle(replace(config, allow_code=True))
    out, err = capfd.readouterr()
    assert out == "", "standard output has the server's log, one object a row"
    assert "no-such-package-xyz" in err


@pytest.mark.parametrize("given", ["argument", "environment"])
def test_a_model_in_the_current_folder_is_served(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    served: List[str] = []

    async def serve(config: ServingConfig, *others: Any) -> None:
        served.append(config.bundle)

    monkeypatch.chdir(tiny_bundle.parent)
    monkeypatch.setattr(server, "_serve", serve)
    for name in ("configure_logs", "_allow_many_files"):  # for this process they would last
        monkeypatch.setattr(server, name, lambda: None)
    libc = SimpleNamespace(prctl=lambda *arguments: 0)
    monkeypatch.setattr("htrlib.serving.server.ctypes.CDLL", lambda _: libc)
    monkeypatch.setattr("htrlib.serving.mms.launching.find_java", lambda environment: "java")
    monkeypatch.setattr("htrlib.serving.mms.launching.model_server_home", Path)
    if given == "argument":
        config = configure({}, bundle=tiny_bundle.name, port=0)
    else:
        config = configure({"HTRLIB_BUNDLE": tiny_bundle.name}, port=0)
    assert server.serve(config) == 0
    assert served == [str(tiny_bundle.resolve())]


def test_without_pip_is_told_what_to_do(
    config: ServingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", find)
    with pytest.raises(BundleError, match=r"pip is not available.*serve from an image"):
        server._prepare_bundle(replace(config, allow_code=True))


@pytest.mark.parametrize(
    ("before", "after"),
    [((1024, 4096), (4096, 4096)), ((1024, -1), (8192, -1)), ((20_000, 20_000), (20_000, 20_000))],
)
def test_more_files_than_a_shell_allows_may_be_open(
    before: Tuple[int, int], after: Tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = [before]
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, new: limits.append(new))
    server._allow_many_files()
    assert limits[-1] == after
