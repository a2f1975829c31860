"""The examples of docs/extending.md, run verbatim."""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Dict, Iterator, List

import pytest

import htrlib
from htrlib import data
from htrlib.cli.main import main
from htrlib.engines.choice import ENGINES
from htrlib.errors import ConfigError
from htrlib.formats import FORMATS
from htrlib.reading.own_recognizer import load_recognizer

ROOT = Path(__file__).resolve().parents[1]
LETTER = ROOT / "examples" / "data" / "letter.png"
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")


def examples(title: str) -> List[str]:
    """The Python examples of a section."""
    section = PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]
    return re.findall(r"```python\n(.*?)```", section, re.S)


@pytest.fixture
def strokes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The recognizer of the page as a module in the current folder."""
    (tmp_path / "strokes.py").write_text(examples("A recognizer")[0], encoding="utf-8")
    (tmp_path / "letter.png").write_bytes(LETTER.read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("strokes")
    sys.modules.pop("strokes")


def words(lines: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
    return [word for line in lines for word in line["words"]]


def test_a_recognizer_of_one_s_own_gives_words_with_boxes(
    strokes: ModuleType, capsys: pytest.CaptureFixture[str], default_bundle: str
) -> None:
    exec(examples("A recognizer")[1], {})
    assert "Box(" in capsys.readouterr().out
    options = htrlib.ReadingOptions(language_model=None)
    pipeline = htrlib.Pipeline(recognize_lines=strokes.recognize_lines, options=options)
    result = pipeline.transcribe(LETTER)
    assert isinstance(result, htrlib.PageResult)
    found = [word for line in result.lines for word in line.transcription.words]
    assert len(found) > 20
    page = htrlib.load_image(LETTER)
    for word in found:
        assert set(word.text) == {"x"}
        assert word.box is not None
        left, top, right, bottom = map(int, word.box.as_tuple())
        assert page[top : bottom + 1, left : right + 1].min() < 128  # on ink
        assert 0 <= word.box.top < word.box.bottom <= result.size.height

    arguments = ["--recognizer", "strokes:recognize_lines", "--language-model", "none"]
    assert main(["transcribe", str(LETTER), "--format", "json", *arguments]) == 0
    assert json.loads(capsys.readouterr().out)["lines"] == result.to_dict()["lines"]


def test_the_server_s_worker_reads_with_it(strokes: ModuleType, default_bundle: str) -> None:
    pytest.importorskip("sagemaker_inference")
    from htrlib.serving.mms.stub import WorkerSettings
    from htrlib.serving.mms.transformer import BatchTransformer
    from tests.serving.mms.test_transformer import answers

    settings = WorkerSettings(
        "english", 40_000_000, 1 << 25, 1 << 25, recognizer="strokes:recognize_lines"
    )
    transformer = BatchTransformer(settings)
    transformer.validate_and_initialize()
    asked = {"X-Amzn-SageMaker-Custom-Attributes": "language_model=off"}
    ((status, _, body),) = answers(transformer, [(LETTER.read_bytes(), asked)])
    assert status == 200
    assert {letter for word in words(json.loads(body)["lines"]) for letter in word["text"]} == {"x"}


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("strokes", "module:function, found 'strokes'"),
        ("no_such_module:f", "cannot be imported: ModuleNotFoundError"),
        ("math:nothing", "the module math has no function 'nothing'"),
        ("math:pi", "must be a function, found 3.14"),
    ],
)
def test_a_recognizer_that_is_not_there_is_named(place: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_recognizer(place)


def test_a_format_of_one_s_own_is_written(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    default_bundle: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "letter.png").write_bytes(LETTER.read_bytes())
    names: Dict[str, Any] = {}
    try:
        for example in examples("A format"):
            exec(example, names)
        assert main(["transcribe", "letter.png", "--format", "shout"]) == 0
    finally:
        FORMATS.pop("shout", None)
    text = (tmp_path / "letter.loud").read_text(encoding="utf-8")
    assert capsys.readouterr().out == text
    assert text == text.upper() != text.lower()


@pytest.mark.slow
def test_an_engine_of_one_s_own_runs_the_networks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, default_bundle: str
) -> None:
    monkeypatch.chdir(LETTER.parent)
    names: Dict[str, Any] = {}
    for example in examples("An engine"):
        exec(example, names)
    assert capsys.readouterr().out.startswith("Box(")
    monkeypatch.setitem(ENGINES, "threshold", names["ThresholdEngine"])
    assert main(["transcribe", "letter.png", "--engine", "threshold"]) == 0


def test_a_dataset_adapter_of_one_s_own_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: Dict[str, Any] = {}
    exec(examples("A dataset adapter")[0], names)
    (tmp_path / "lines.tsv").write_text("letter.png\ta line", encoding="utf-8")
    monkeypatch.setitem(data.FORMATS, "tabbed", names["load"])
    arguments = ["tabbed", str(tmp_path / "lines.tsv"), "--images", str(LETTER.parent)]
    assert main(["data", "inspect", *arguments]) == 0
    loaded = data.load("tabbed", tmp_path / "lines.tsv", images=LETTER.parent)
    assert [line.text for line in loaded.lines] == ["a line"]
