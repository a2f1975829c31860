"""The tables of docs/serving.md are complete."""

from __future__ import annotations

import re
from pathlib import Path

from htrlib.serving import config, protocol

DOCS = (Path(__file__).parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")


def test_every_variable_of_the_environment_is_documented_and_heeded() -> None:
    source = Path(config.__file__).read_text(encoding="utf-8")
    heeded = set(re.findall(r'"((?:SAGEMAKER|HTRLIB|OMP)_[A-Z0-9_]+)"', source))
    section = DOCS.split("## Environment")[1].split("## ")[0]
    documented = set(re.findall(r"^\| `([A-Z0-9_]+)` \|", section, re.MULTILINE))
    assert documented - {"TMPDIR"} == heeded


def test_content_types_and_options_are_documented() -> None:
    for name in (*protocol.CONTENT_TYPES, *protocol.STAGES, "beam_width", "language_model"):
        assert f"`{name}`" in DOCS


def test_forms_of_answers_are_documented() -> None:
    for kind in (protocol.JSON, protocol.TEXT, *protocol.answer_formats()):
        assert f"`{kind}`" in DOCS
