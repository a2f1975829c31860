from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from htrlib import load_image

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


@pytest.fixture()
def rendered(tmp_path, monkeypatch):
    """The folder of sample pages, generated again."""
    spec = importlib.util.spec_from_file_location("samples", EXAMPLES / "make_sample_pages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    module.main()
    return tmp_path


@pytest.mark.slow
def test_the_script_renders_the_sample_pages_and_their_texts(rendered):
    for name in ("letter", "form", "hard"):
        stored = EXAMPLES / "data" / f"{name}.png"
        assert stored.stat().st_size < 300_000
        made, kept = load_image(rendered / f"{name}.png"), load_image(stored)
        assert made.shape == kept.shape
        # Another FreeType draws the same page, if not the same bytes.
        assert np.mean(np.abs(made.astype(int) - kept) > 100) < 0.02
        text = (EXAMPLES / "data" / f"{name}.txt").read_text(encoding="utf-8")
        assert (rendered / f"{name}.txt").read_text(encoding="utf-8") == text
        assert len(text.splitlines()) >= 6


def test_asking_for_help_renders_nothing():
    command = [sys.executable, str(EXAMPLES / "make_sample_pages.py"), "--help"]
    before = (EXAMPLES / "data" / "letter.png").stat().st_mtime_ns
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Render the sample pages" in done.stdout
    assert (EXAMPLES / "data" / "letter.png").stat().st_mtime_ns == before
