"""What the model server is told when it is started."""

from __future__ import annotations

import locale
from pathlib import Path

import pytest

from htrlib.errors import ConfigError
from htrlib.serving.config import ServingConfig
from htrlib.serving.mms.launching import choose_sockets, write_configuration


def test_a_temporary_directory_may_have_any_name(tmp_path: Path) -> None:
    directory = tmp_path / "ü\\n 𝔄"
    directory.mkdir()
    write_configuration(ServingConfig(), directory, (directory / "one", directory / "two"))
    rows = (directory / "config.properties").read_text(encoding="ascii").splitlines()
    settings = dict(row.split("=", 1) for row in rows)
    assert settings["model_store"] == f"{tmp_path}/\\u00fc\\\\n \\ud835\\udd04/models"
    assert settings["management_address"].endswith("\\ud835\\udd04/two")
    assert settings["use_native_io"] == "true"


def test_a_temporary_directory_that_java_cannot_find_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path.parent.parent / "ü"
    directory.mkdir(exist_ok=True)
    monkeypatch.setattr(locale, "nl_langinfo", lambda _: "ANSI_X3.4-1968")
    with pytest.raises(ConfigError, match=r"this locale, ANSI_X3\.4-1968, has not; set"):
        choose_sockets(directory)
    assert choose_sockets(directory.parent)[0].name == "inference"
    monkeypatch.setattr(locale, "nl_langinfo", lambda _: "UTF-8")
    assert choose_sockets(directory)[0].parent == directory
