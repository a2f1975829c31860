from __future__ import annotations

from typing import Any, List

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from htrlib.engines.mxnet import building, line_reading, runner
from htrlib.engines.mxnet.framework import mx
from htrlib.engines.mxnet.line_reading import read_lines

CONFIG = {
    "num_classes": 4,
    "stem": 4,
    "blocks": [[6, [2, 2]], [8, [2, 1]]],
    "hidden": 5,
    "dropout": 0.0,
}


@pytest.fixture(scope="module")
def network() -> Any:
    block = building.build("line-recognition", CONFIG)
    block.initialize(mx.init.Normal(0.4))
    runner.run(block, np.zeros((1, 1, 32, 64), dtype=np.float32))
    for name, parameter in block._collect_params_with_prefix().items():
        if name.endswith("running_mean"):  # paper then says something too
            parameter.set_data(mx.nd.random.normal(0, 0.3, parameter.shape))
    return block


def ink(width: int) -> Any:
    return np.random.default_rng(width).integers(0, 256, (32, width)).astype(np.uint8)


@settings(deadline=None, max_examples=15)
@given(widths=st.lists(st.integers(1, 300), min_size=1, max_size=6))
def test_what_a_line_says_does_not_depend_on_its_neighbors(network: Any, widths: List[int]) -> None:
    for width, said in zip(widths, read_lines(network, [ink(width) for width in widths])):
        (alone,) = read_lines(network, [ink(width)])
        assert said.shape == (-(-width // 4), 4)
        np.testing.assert_allclose(said, alone, atol=1e-4)


def test_lines_that_fill_several_tiles_and_batches_come_back_in_order(
    network: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [ink(width) for width in (90, 10, 200, 64, 130)]
    expected = read_lines(network, lines)
    monkeypatch.setattr(line_reading, "TILES", (64, 128))
    monkeypatch.setattr(line_reading, "BATCH", 2)
    for said, other in zip(read_lines(network, lines), expected):
        np.testing.assert_allclose(said, other, atol=1e-4)


def test_no_lines_give_no_logits(network: Any) -> None:
    assert read_lines(network, []) == ()


def test_both_directions_together_are_gluons_layer(network: Any) -> None:
    batch = mx.nd.random.normal(shape=(7, 3, 8))
    whole = line_reading._bidirectional(network.rnn1, batch, mx.nd.array([7, 7, 7]))
    np.testing.assert_allclose(whole.asnumpy(), network.rnn1(batch).asnumpy(), atol=1e-5)


def test_the_columns_between_lines_are_as_many_as_convolutions_see(network: Any) -> None:
    lone = np.zeros((1, 1, 32, 400), np.float32)
    reach = network.reach
    lone[..., 200] = 1.0
    with runner.lock:
        blank = network.encode(mx.nd, mx.nd.zeros(lone.shape)).asnumpy()
        seen = network.encode(mx.nd, mx.nd.array(lone)).asnumpy()
    changed = np.flatnonzero(np.abs(seen - blank).max(axis=(1, 2)) > 0) * 4
    assert 200 - reach < changed.min() and changed.max() + 4 <= 200 + reach + 4
