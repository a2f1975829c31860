from __future__ import annotations

import numpy as np
import pytest

from htrlib.document.kinds import HANDWRITTEN, KINDS
from htrlib.synthesis.handwriting import BUNDLED_FONTS


@pytest.fixture
def prepare_pages(script, monkeypatch):
    module = script("prepare_pages")
    monkeypatch.setattr(module, "words", lambda root: ["a", "red", "door"])
    return module


def test_on_forms_only_writing_is_text_and_nothing_is_left_open(script, prepare_pages, tmp_path):
    store = script("page_store")
    with store.PageWriter(tmp_path / "forms") as writer:
        prepare_pages.add_forms(writer, BUNDLED_FONTS, tmp_path, seed=1, count=4)
    pages = store.PageReader(tmp_path / "forms")
    assert len(pages.entries) == 4
    found = np.concatenate([pages.page(number)[1].ravel() for number in range(4)])
    text = found[found & store.AREA > 0]
    assert len(text) and not (found & store.UNSURE).any()
    assert set(text >> store.KIND_SHIFT & 3) == {1 + KINDS.index(HANDWRITTEN)}
