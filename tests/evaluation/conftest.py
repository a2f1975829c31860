from __future__ import annotations

from pathlib import Path

import pytest

from htrlib import data
from htrlib.data import PageSample
from htrlib.synthesis.handwriting import BUNDLED_FONTS
from htrlib.synthesis.pages import PageConfig

TEXT = "A quiet harbor lay behind the hills and boats came in with the tide\n"
CONFIG = PageConfig(
    kinds={"letter": 1.0}, width=(700, 700), lines=(10, 10), slope=1.0, touching=0.0, wear=0.2
)


@pytest.fixture
def synthetic_page(tmp_path: Path) -> PageSample:
    """A tidy letter."""
    text = tmp_path / "text.txt"
    text.write_text(TEXT * 5, encoding="utf-8")
    (page,) = data.load("synthetic", BUNDLED_FONTS, text=text, pages=1, seed=4, config=CONFIG).pages
    return page
