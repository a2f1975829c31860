from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from htrlib.bundle import load_bundle
from htrlib.engines import choice
from htrlib.errors import ConfigError, DeviceError


def install(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    """Hide other installed engine packages."""
    find = importlib.util.find_spec

    def found(name: str, *rest: Any) -> Any:
        hidden = name in choice.FASTEST_FIRST.values() and name not in packages
        return None if hidden else find(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", found)


@pytest.mark.parametrize(
    ("packages", "name"),
    [(["onnxruntime", "mxnet"], "onnx"), (["onnxruntime"], "onnx"), (["mxnet"], "mxnet")],
)
def test_the_fastest_engine_that_is_installed_is_taken(
    monkeypatch: pytest.MonkeyPatch, packages: Any, name: str
) -> None:
    install(monkeypatch, *packages)
    assert choice.default_engine() == name


def test_without_any_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    with pytest.raises(DeviceError, match="pip install onnxruntime"):
        choice.default_engine()


@pytest.mark.parametrize("engine", ["mxnet", "onnx", "onnx-float32"])
def test_the_environment_names_the_engine(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    monkeypatch.setenv(choice.ENVIRONMENT_VARIABLE, engine)
    assert load_bundle(tiny_bundle).engine(device="cpu").name == engine


def test_an_engine_is_made_once_for_each_name_and_device(tiny_bundle: Path) -> None:
    bundle = load_bundle(tiny_bundle)
    assert bundle.engine("onnx", "cpu") is bundle.engine("onnx", "cpu")
    assert bundle.engine("onnx", "cpu") is not bundle.engine("onnx-float32", "cpu")
    assert bundle.engine(bundle.engine("onnx", "cpu")) is bundle.engine("onnx", "cpu")


def test_an_unknown_engine_is_told_which_there_are(tiny_bundle: Path) -> None:
    with pytest.raises(ConfigError, match="no engine 'steam'; there are mxnet, onnx"):
        load_bundle(tiny_bundle).engine("steam")
