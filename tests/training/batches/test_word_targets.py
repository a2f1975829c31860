from __future__ import annotations

import sys

import numpy as np
import pytest

from htrlib.document.geometry import Box
from htrlib.engines.mxnet.framework import mx
from htrlib.engines.word_anchors import STDS, SsdConfig, anchor_boxes, decode_boxes
from htrlib.errors import TrainingError
from htrlib.training.batches import word_targets
from htrlib.training.batches.word_targets import WordTargets, loss_weight, multi_box_loss, word_crop

CONFIG = SsdConfig()
SIDE = 128
WORDS = np.array([[10, 12, 70, 34], [78, 14, 92, 33], [5, 60, 120, 100]], dtype=np.float32)


@pytest.fixture
def targets() -> WordTargets:
    try:
        return WordTargets(CONFIG, SIDE)
    except TrainingError as error:
        pytest.skip(str(error))


def test_each_word_has_anchors_whose_targets_decode_to_it(targets: WordTargets) -> None:
    classes, offsets = targets(WORDS)
    found = decode_boxes(offsets, anchor_boxes(CONFIG, SIDE, SIDE))[classes == 1]
    distances = np.abs(found[:, np.newaxis] - WORDS).max(axis=2)
    assert distances.min(axis=1).max() < 0.1
    assert set(distances.argmin(axis=1)) == {0, 1, 2}


def test_anchors_far_from_words_change_no_target(targets: WordTargets) -> None:
    _, generator, _ = word_targets.import_gluoncv()
    whole = generator(iou_thresh=0.5, negative_mining_ratio=-1, stds=STDS)
    anchors = mx.nd.array(anchor_boxes(CONFIG, SIDE, SIDE)[np.newaxis])
    theirs, their_offsets, _ = whole(
        anchors, None, mx.nd.array(WORDS[np.newaxis]), mx.nd.zeros((1, len(WORDS)))
    )
    classes, offsets = targets(WORDS)
    np.testing.assert_array_equal(classes, theirs.asnumpy()[0])
    np.testing.assert_allclose(offsets, their_offsets.asnumpy()[0], atol=1e-5)


def test_a_crop_without_words_is_all_background_and_still_teaches(targets: WordTargets) -> None:
    classes, offsets = targets(np.empty((0, 4), np.float32))
    assert not classes.any()
    assert not offsets.any()
    logits = mx.nd.zeros((1, len(classes), 2))
    total, _, _ = multi_box_loss()(
        logits, mx.nd.zeros((1, len(classes), 4)), mx.nd.array([classes]), mx.nd.array([offsets])
    )
    assert total[0].asscalar() > 0


def test_a_batch_without_words_weighs_no_more_than_one_with_words(targets: WordTargets) -> None:
    losses = []
    for words in (WORDS, np.empty((0, 4), np.float32)):
        classes, offsets = (np.stack([part] * 4) for part in targets(words))
        logits, moves = mx.nd.zeros((*classes.shape, 2)), mx.nd.array(offsets)
        total, _, _ = multi_box_loss()(logits, moves, mx.nd.array(classes), moves)
        losses.append(total[0].sum().asscalar() * loss_weight(classes))
    assert 0 < losses[1] <= losses[0] < 2 * losses[1]


def test_without_gluoncv_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "gluoncv"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "gluoncv", None)
    with pytest.raises(TrainingError, match=r"htrlib\[train\]"):
        word_targets.import_gluoncv()


def test_the_boxes_of_a_crop_lie_on_its_ink() -> None:
    page = np.full((600, 500), 230, np.uint8)
    words = [Box(60, 80, 160, 110), Box(200, 85, 240, 112), Box(90, 400, 300, 440)]
    for word in words:
        page[int(word.top) : int(word.bottom), int(word.left) : int(word.right)] = 20
    found = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        ink, boxes = word_crop(page, words, float(rng.uniform(0.4, 1.2)), SIDE, rng)
        assert ink.shape == (SIDE, SIDE)
        found += len(boxes)
        for left, top, right, bottom in np.rint(boxes).astype(int):
            assert 0 <= left < right <= SIDE
            assert 0 <= top < bottom <= SIDE
            inside = ink[top:bottom, left:right]
            assert np.median(inside) > 1.5 * np.median(ink) + 40
    assert found > 6
