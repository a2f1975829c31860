from __future__ import annotations

from types import SimpleNamespace

import numpy
import pytest

from htrlib import compiled
from htrlib._version import __version__
from htrlib.cli.main import main
from htrlib.engines import choice
from htrlib.errors import DeviceError


def test_versions_engines_and_bundles_are_shown(
    default_bundle: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    assert f"htrlib {__version__}, Python " in out
    assert f"numpy {numpy.__version__}" in out
    assert f"default engine: {choice.default_engine()}" in out
    assert f"bundle {default_bundle} " in out


C_PART = SimpleNamespace(knows_recurrence=lambda: False)


@pytest.mark.parametrize(
    ("library", "told"),
    [(C_PART, "decoding: in C\n8-bit LSTMs: by ONNX Runtime"), (None, "decoding: in Python")],
)
def test_the_language_that_decodes_is_shown(
    library: object,
    told: str,
    default_bundle: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compiled, "library", library)
    assert main(["info"]) == 0
    assert told in capsys.readouterr().out


def test_an_engine_that_is_missing_is_told_and_no_failure(
    default_bundle: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(networks: object, device: object) -> None:
        raise DeviceError("steam is out")

    monkeypatch.setitem(choice.ENGINES, "mxnet", missing)  # type: ignore[arg-type]
    monkeypatch.setattr("htrlib.bundle._loaded", {})
    assert main(["info"]) == 0
    assert "(steam is out)" in capsys.readouterr().out


def test_an_engine_of_another_package_is_listed(
    default_bundle: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Abacus:
        name, device = "abacus", "table"

    monkeypatch.setitem(choice.ENGINES, "abacus", lambda networks, device: Abacus())  # type: ignore[arg-type,return-value]
    monkeypatch.setattr("htrlib.bundle._loaded", {})
    assert main(["info"]) == 0
    assert "engine abacus: installed, device table" in capsys.readouterr().out
