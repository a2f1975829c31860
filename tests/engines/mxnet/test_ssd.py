from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, List, Tuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from htrlib.engines.mxnet import building, runner
from htrlib.engines.mxnet.framework import mx
from htrlib.engines.word_anchors import STDS, SsdConfig, anchor_boxes, decode_boxes
from htrlib.errors import ConfigError, TrainingError
from htrlib.training.batches.word_targets import anchors_of, import_gluoncv
from tests.ssd_coding import encode_boxes

TINY = SsdConfig(channels=(2, 2, 3, 4, 5))


@pytest.fixture
def gluoncv() -> None:
    try:
        import_gluoncv()
    except TrainingError as error:
        pytest.skip(str(error))


def sides() -> Any:
    return st.floats(4, 300, width=32)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-100, 900, width=32), st.floats(-100, 900, width=32), sides(), sides()),
        min_size=1,
        max_size=5,
    )
)
def test_decoding_inverts_encoding(found: List[Tuple[float, float, float, float]]) -> None:
    x, y, width, height = np.array(found, dtype=np.float32).T
    boxes = np.stack((x, y, x + width, y + height), axis=1)
    anchors = anchor_boxes(TINY, 64, 64)[: len(boxes)]
    decoded = decode_boxes(encode_boxes(boxes, anchors), anchors)
    np.testing.assert_allclose(decoded, boxes, atol=0.02)


def test_an_absurd_offset_does_not_overflow() -> None:
    anchors = anchor_boxes(TINY, 32, 32)[:1]
    assert np.isfinite(decode_boxes(np.full((1, 4), 1e6, np.float32), anchors)).all()


def test_the_network_answers_for_each_anchor() -> None:
    block = building.build("line-segmentation-ssd", asdict(TINY))
    block.initialize()
    logits, offsets = runner.run_all(block, np.zeros((2, 1, 64, 96), dtype=np.float32))
    count = len(anchor_boxes(TINY, 64, 96))
    assert logits.shape == (2, count, 2)
    assert offsets.shape == (2, count, 4)


def test_answers_are_in_the_order_of_the_anchors() -> None:
    block = building.build("line-segmentation-ssd", asdict(TINY))
    block.initialize()
    blank = np.zeros((1, 1, 256, 512), dtype=np.float32)
    inked = blank.copy()
    inked[0, 0, 40:60, 440:460] = 1
    before, after = (runner.run_all(block, image)[0][0] for image in (blank, inked))
    changed = np.abs(after - before).max(axis=1)
    anchors = anchor_boxes(TINY, 256, 512)
    finest = (np.arange(len(anchors)) < 32 * 64 * TINY.anchors_per_cell[0]) & (changed > 0)
    x, y = np.average(anchors[finest, :2], axis=0, weights=changed[finest])
    assert abs(x - 450) < 40
    assert abs(y - 50) < 40


def test_the_shape_survives_a_bundles_json() -> None:
    assert SsdConfig.from_dict(json.loads(json.dumps(asdict(TINY)))) == TINY


def test_a_shape_that_lacks_anchors_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="line-segmentation-ssd"):
        building.build("line-segmentation-ssd", {**asdict(TINY), "sizes": [[20, 30]]})


@pytest.mark.usefixtures("gluoncv")
def test_anchors_are_those_of_gluoncv() -> None:
    theirs = anchors_of(TINY, 96).asnumpy()[0]
    np.testing.assert_allclose(anchor_boxes(TINY, 96, 96), theirs, rtol=1e-6)


@pytest.mark.usefixtures("gluoncv")
def test_boxes_are_coded_as_gluoncv_codes_them() -> None:
    from gluoncv.nn.coder import NormalizedBoxCenterDecoder

    anchors = anchor_boxes(TINY, 64, 64)
    offsets = np.random.default_rng(0).normal(0, 2, anchors.shape).astype(np.float32)
    decoder = NormalizedBoxCenterDecoder(stds=STDS)
    theirs = decoder(mx.nd.array(offsets[np.newaxis]), mx.nd.array(anchors[np.newaxis]))
    np.testing.assert_allclose(decode_boxes(offsets, anchors), theirs.asnumpy()[0], atol=1e-3)
