from __future__ import annotations

import argparse
from pathlib import Path
from typing import List

import pytest

from htrlib.cli import lm
from htrlib.errors import ConfigError, LanguageModelError
from htrlib.language.files import load_model

TEXT = "The rain in Spain\nstays mainly in the plain.\n\nIn Hartford, Hereford and Hampshire.\n" * 4


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    lm.add_arguments(parser)
    parsed = parser.parse_args(arguments)
    status: int = parsed.run(parsed)
    return status


@pytest.fixture
def text(tmp_path: Path) -> str:
    (tmp_path / "text.txt").write_text(TEXT)
    return str(tmp_path / "text.txt")


def test_a_model_is_built_and_scores_text(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = str(tmp_path / "rain.lm")
    assert run("build", text, "--order", "4", "--output", output) == 0
    assert "order 4, 22 characters" in capsys.readouterr().out
    (tmp_path / "other.txt").write_text("Xylophones! Rain")
    assert run("score", output, text, str(tmp_path / "other.txt")) == 0
    own, other = capsys.readouterr().out.splitlines()
    assert float(own.split()[1]) < float(other.split()[1])
    assert "unknown" not in own and other.endswith("unknown characters: !RX")


def test_an_arpa_file_is_written_and_rare_ngrams_are_left_out(text: str, tmp_path: Path) -> None:
    sizes: List[int] = []
    for least in ("1", "1,1,1,5"):
        output = tmp_path / "rain.arpa"
        run("build", text, "--min-counts", least, "--order", "5", "--output", str(output))
        assert output.read_text().startswith("\\data\\")
        sizes.append(len(load_model(output).levels[-1]))
    assert sizes[1] < sizes[0]


def test_bad_input_is_told(text: str, tmp_path: Path) -> None:
    output = str(tmp_path / "a.lm")
    (tmp_path / "empty.txt").write_text(" ")
    with pytest.raises(LanguageModelError, match="contains no text"):
        run("build", str(tmp_path / "empty.txt"), "--output", output)
    with pytest.raises(ConfigError, match="whole numbers"):
        run("build", text, "--min-counts", "few", "--output", output)
    with pytest.raises(ConfigError, match="order"):
        run("build", text, "--order", "0", "--output", output)
