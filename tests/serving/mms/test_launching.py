"""What the model server is told when it is started."""

from __future__ import annotations

from pathlib import Path

from htrlib.serving.config import ServingConfig
from htrlib.serving.mms.launching import write_configuration


def test_a_temporary_directory_may_have_any_name(tmp_path: Path) -> None:
    directory = tmp_path / "ü\\n 𝔄"
    directory.mkdir()
    write_configuration(ServingConfig(), directory, (directory / "one", directory / "two"))
    rows = (directory / "config.properties").read_text(encoding="ascii").splitlines()
    settings = dict(row.split("=", 1) for row in rows)
    assert settings["model_store"] == f"{tmp_path}/\\u00fc\\\\n \\ud835\\udd04/models"
    assert settings["management_address"].endswith("\\ud835\\udd04/two")
    assert settings["use_native_io"] == "true"
