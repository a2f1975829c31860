from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Dict, Set

import numpy as np
import pytest
from PIL import Image

from htrlib.cli.main import build_parser
from htrlib.data import Dataset, PageSample
from htrlib.evaluation import Evaluation, evaluate_pages, to_dict
from tests.evaluation.staged import page, reader

DOCS = Path(__file__).resolve().parents[2] / "docs" / "evaluation.md"


@pytest.fixture(scope="module")
def text() -> str:
    return DOCS.read_text(encoding="utf-8")


def write_dataset(folder: Path, sample: PageSample) -> None:
    """`pages.json` with the first two lines of a page."""
    Image.fromarray(np.asarray(sample.load_image())).save(folder / "a.png")
    lines = [
        {"text": line.text, "box": line.line.box.as_tuple()}
        for line in sample.lines[:2]
        if line.line is not None
    ]
    pages = {"a.png": {"lines": lines, "split": "dev"}}
    (folder / "pages.json").write_text(json.dumps(pages), encoding="utf-8")


def test_the_python_example_runs(
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    default_bundle: str,
    synthetic_page: PageSample,
) -> None:
    write_dataset(tmp_path, synthetic_page)
    monkeypatch.chdir(tmp_path)
    names: Dict[str, Any] = {}
    for example in re.findall(r"```python\n(.*?)```", text, re.S):
        exec(example, names)
    assert "1 page, 2 lines" in capsys.readouterr().out
    assert "<img" in (tmp_path / "worst.html").read_text() or not names["result"].confusions(
        "language model"
    )


def test_the_json_example_has_the_keys(text: str) -> None:
    (example,) = map(json.loads, re.findall(r"```json\n(.*?)```", text, re.S))
    found = to_dict(evaluate_pages(Dataset((page(["ab"]),)), *reader(["ba"])))
    assert keys(example["decoders"]["best path"]) == keys(found["decoders"]["plain"])
    assert keys(example["layout"]) == keys(found["layout"])
    assert set(example) == set(found)


def keys(value: Dict[str, Any]) -> Set[str]:
    """Return all keys, including those of nested dictionaries."""
    inner = {
        f"{name}.{key}" for name, part in value.items() if isinstance(part, dict) for key in part
    }
    return set(value) | inner


def test_what_the_result_has_is_there(text: str) -> None:
    table = text.partition("| of the result |")[2].partition("\n\n")[0]
    named = set(re.findall(r"`(\w+)[\[(`]", re.sub(r"\|[^|]*\|$", "|", table, flags=re.M)))
    assert named == {"rates", "confusions", "lines", "layout", "unknown", "unread", "problems"}
    assert named <= set(dir(Evaluation)) | set(Evaluation.__dataclass_fields__)


def test_every_command_can_be_parsed(text: str) -> None:
    commands = re.findall(r"^    htr (.*)$", text, re.M)
    assert len(commands) == 3
    for command in commands:
        build_parser().parse_args(command.split())


def test_every_option_is_described(text: str) -> None:
    parser = build_parser()
    table = " ".join(re.findall(r"^\| (.*)$", text, re.M))
    for option in vars(parser.parse_args(["evaluate", "--data", "alto", "x"])):
        name = {"unit": "lines"}.get(option, option)
        if name not in ("command", "run"):
            assert f"--{name}" in table
