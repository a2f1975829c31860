from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import List, Optional, Tuple

import numpy as np
import pytest
from PIL import Image

from htrlib.data import Dataset
from htrlib.evaluation import evaluate_lines, evaluate_pages, worst_lines, write_worst_lines
from htrlib.evaluation.measuring import Evaluation
from tests.evaluation.staged import blank, page, reader

TEXTS = ["right", "wrong", "<b>&\"'", "longer wrong"]
READ = ["right", "wrxng", '<script>alert("1")</script>', "lxngxr wrxxg"]


def evaluated(placed: bool = True) -> Evaluation:
    return evaluate_pages(Dataset((page(TEXTS, placed=placed),)), *reader(READ))


class Parsed(HTMLParser):
    """The tags that are open at each piece of text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: List[str] = []
        self.texts: List[Tuple[str, str]] = []
        self.sources: List[Optional[str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: List[Tuple[str, Optional[str]]]) -> None:
        if tag == "img":
            self.sources.append(dict(attributes)["src"])
        elif tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))


def test_the_worst_come_first_and_those_without_error_not_at_all() -> None:
    lines = evaluate_lines(Dataset((page(["abc", "ab", "abcd"]),)), *reader(["xyz", "ab", "abxd"]))
    assert [(rate, line.reference) for rate, line in worst_lines(lines)] == [
        (1.0, "abc"),
        (0.25, "abcd"),
    ]
    assert len(worst_lines(lines, count=1)) == 1
    assert len(worst_lines(lines, "upper")) == 3


def test_the_page_is_whole_escaped_and_marks_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "worst.html"
    write_worst_lines(path, evaluated())
    text = path.read_text(encoding="utf-8")
    parsed = Parsed(text)
    assert not parsed.open
    assert "<script" not in text
    body = [piece for tag, piece in parsed.texts if tag in ("dd", "ins")]
    assert '<script>alert("1")</script>' in "".join(body)
    assert ("del", "o") in parsed.texts
    assert ("ins", "x") in parsed.texts


def test_the_page_needs_no_other_file(tmp_path: Path) -> None:
    path = tmp_path / "worst.html"
    write_worst_lines(path, evaluated())
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"https?:|url\(|<link|@import", text)
    assert all(
        (source or "").startswith("data:image/png;base64,") for source in Parsed(text).sources
    )


def test_each_line_has_its_own_picture(tmp_path: Path) -> None:
    def image() -> np.ndarray:
        pixels = blank(4)
        for number in range(4):
            pixels[20 * number : 20 * number + 15, 10:-10] = 40 * number
        return pixels

    samples = Dataset((page(["a", "b", "c", "d"], image=image),))
    write_worst_lines(
        tmp_path / "worst.html", evaluate_lines(samples, *reader(["a", "x", "c", "xy"]))
    )
    sources = Parsed((tmp_path / "worst.html").read_text(encoding="utf-8")).sources
    pictures = [
        Image.open(io.BytesIO(base64.b64decode((source or "").partition(",")[2])))
        for source in sources
    ]
    middles = [int(np.asarray(p)[p.height // 2, p.width // 2]) for p in pictures]
    assert middles == [120, 40]  # d read as xy, b read as x


def test_lines_without_a_place_have_no_picture(tmp_path: Path) -> None:
    write_worst_lines(tmp_path / "worst.html", evaluated(placed=False))
    text = (tmp_path / "worst.html").read_text(encoding="utf-8")
    assert not Parsed(text).sources
    assert text.count("place is not known") == 3


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="none"):
        write_worst_lines(tmp_path / "none" / "worst.html", evaluated())
