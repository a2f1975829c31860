from __future__ import annotations

import pytest
import torch

from htrlib.document.kinds import HANDWRITTEN, KINDS, PRINTED


@pytest.fixture
def store(script):
    return script("page_store")


@pytest.fixture
def labels(store):
    """One row: writing, print, text of unknown kind, what may be text, and paper."""
    text = store.CORE | store.AREA
    written, printed = (1 + KINDS.index(k) << store.KIND_SHIFT for k in (HANDWRITTEN, PRINTED))
    return torch.tensor(
        [[[text | written, text | printed, text, store.UNSURE, 0]]], dtype=torch.uint8
    )


def test_for_handwriting_alone_print_is_paper_and_unknown_text_is_ignored(script, store, labels):
    text, kinds = store.CORE | store.AREA, 3 << store.KIND_SHIFT
    places = script("train_labeler").handwriting_alone(labels) & ~kinds
    assert places.flatten().tolist() == [text, 0, text | store.IGNORED, store.UNSURE, 0]


def test_a_labeler_of_handwriting_alone_learns_places_but_no_kinds(script, labels):
    train_labeler = script("train_labeler")
    labels = train_labeler.handwriting_alone(labels)
    right = torch.tensor([9.0, -9.0, -9.0, -9.0, -9.0]).expand(1, 2, 1, 5)
    core, area, kind = train_labeler.losses(right, labels)
    assert core < 0.001 and area < 0.001 and kind == 0
    assert train_labeler.losses(-right, labels)[0] > 4
