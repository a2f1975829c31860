from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from PIL import Image

from htrlib import TrainerConfig
from htrlib.bundle import load_bundle
from htrlib.decoding.decoding_options import bundled_options
from htrlib.training import trainer

pytestmark = pytest.mark.slow

DOCS = Path(__file__).resolve().parents[2] / "docs" / "training.md"


@pytest.fixture(scope="module")
def text():
    return DOCS.read_text(encoding="utf-8")


def test_the_python_examples_run(text, lines, tmp_path, monkeypatch, default_bundle, capsys):
    for number, sample in enumerate(lines(5)):
        folder = tmp_path / "lines" / str(number)
        folder.mkdir(parents=True)
        Image.fromarray(sample.load_image()).save(folder / "a.png")
        (folder / "a.txt").write_text(sample.text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(trainer, "TUNING_LINES", 1)
    names = {}
    for example in re.findall(r"```python\n(.*?)```", text, re.S):
        exec(example, names)
    assert capsys.readouterr().out.rpartition("\n")[0].rpartition("\n")[2].startswith("epochs ")
    old, new = load_bundle(default_bundle), load_bundle("my-bundle")
    assert set(new.config["networks"]) == set(old.config["networks"])
    assert new.extra_files == old.extra_files
    assert new.decoding["language_models"] == old.decoding["language_models"]
    assert bundled_options(new).language_model.characters


def test_the_options_that_are_told_of_are_there(text):
    section = text.partition("## Options")[2].partition("## Characters")[0]
    named = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", section, re.M))))
    assert len(named) >= 8
    assert named <= {field.name for field in dataclasses.fields(TrainerConfig)}


def test_the_expression_finds_the_score_of_the_line(text):
    (line,) = re.findall(r"^ {4}(epoch=3;.*)$", text, re.M)
    (expression,) = re.findall(r"`(validation_cer=\(.*?\);)`", text)
    assert re.findall(expression, line) == ["0.0731"]


def test_every_task_is_told_of(text):
    table = text.partition("| task |")[2].partition("## Options")[0]
    assert set(re.findall(r"^\| `([\w-]+)` \|", table, re.M)) == set(trainer.TASKS)
