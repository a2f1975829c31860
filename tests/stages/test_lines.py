"""Which network finds the lines of a page."""

from __future__ import annotations

from pathlib import Path

import pytest

from htrlib.bundle import load_bundle, write_bundle
from htrlib.document.geometry import Box
from htrlib.errors import BundleError, ConfigError
from htrlib.stages.lines import WORDS_BUNDLE, segment_lines
from tests.written_pages import written_page

PAGE, WRITTEN = written_page(["we met at the river", "and went on by night"], 2)
EVERYWHERE = Box(0, 0, PAGE.shape[1], PAGE.shape[0])


@pytest.fixture
def without_networks(tmp_path: Path) -> Path:
    config = {"name": "bare", "version": "1", "networks": {}, "decoding": {}}
    write_bundle(tmp_path / "bare", config, load_bundle("english").charset, {})
    return tmp_path / "bare"


def test_a_bundle_without_a_word_detector_borrows_the_included_one(without_networks: Path) -> None:
    borrowed = segment_lines(PAGE, EVERYWHERE, method="ssd", bundle=without_networks)
    own = segment_lines(PAGE, EVERYWHERE, method="ssd", bundle=WORDS_BUNDLE)
    assert [line.box for line in borrowed] == [line.box for line in own]
    assert len(own) >= len(WRITTEN)


def test_lines_by_labels_need_the_labeler_of_the_bundle(without_networks: Path) -> None:
    with pytest.raises(BundleError):
        segment_lines(PAGE, EVERYWHERE, bundle=without_networks)


def test_an_unknown_method_or_kind_is_named() -> None:
    with pytest.raises(ConfigError, match="'words'"):
        segment_lines(PAGE, EVERYWHERE, method="words")
    with pytest.raises(ConfigError, match="'cursive'"):
        segment_lines(PAGE, EVERYWHERE, kinds=["cursive"])


def test_no_paragraph_has_no_lines() -> None:
    assert segment_lines(PAGE, None) == ()
