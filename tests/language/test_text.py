from __future__ import annotations

from pathlib import Path

import pytest

from htrlib.errors import LanguageModelError
from htrlib.language.text import read_paragraphs


def test_wrapped_lines_become_paragraphs_in_plain_characters(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("\ufeff“Don’t,” she\nsaid—so\u00a0there.\n \n\n\nAu revoir\n", encoding="utf-8")
    assert read_paragraphs(path) == ('"Don\'t," she said--so there.', "Au revoir")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(LanguageModelError, match="cannot read"):
        read_paragraphs(tmp_path / "a.txt")


def test_a_file_that_is_not_utf8_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("déjà".encode("latin-1"))
    with pytest.raises(LanguageModelError, match="not text in UTF-8"):
        read_paragraphs(tmp_path / "a.txt")


def test_an_empty_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(" \n\n")
    with pytest.raises(LanguageModelError, match="contains no text"):
        read_paragraphs(tmp_path / "a.txt")
