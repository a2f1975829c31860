from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Dict

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs" / "decoding.md"


def test_the_examples_run_and_print_what_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = DOCS.read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names: Dict[str, Any] = {}
    for example in re.findall(r"```python\n(.*?)```", page, re.S):
        exec(example, names)
    said = re.findall(r"This prints `(.*?)` and `(.*?)`", page)
    assert capsys.readouterr().out.splitlines() == [*said[0], "a macska"]


def test_every_parameter_is_described() -> None:
    import inspect

    from htrlib import decode

    page = DOCS.read_text(encoding="utf-8")
    described = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", page, re.M)))
    assert set(described) == set(inspect.signature(decode).parameters) - {"log_probs"}
