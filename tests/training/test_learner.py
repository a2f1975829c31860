"""One step, on one device and on several."""

from __future__ import annotations

from typing import Any, Dict, List

import numpy as np
import pytest
from numpy.typing import NDArray

from htrlib.networks import mx
from htrlib.networks.recognizer import LineRecognizer, RecognizerConfig, ResidualBlock
from htrlib.training.config import TrainerConfig
from htrlib.training.learner import Learner
from htrlib.training.recognition import _CtcLoss

CONFIG = TrainerConfig(freeze_batch_statistics=True)
SHAPE = RecognizerConfig(6, stem=8, blocks=((16, (2, 2)), (24, (2, 1))), hidden=12, dropout=0.0)


def batch() -> Dict[str, NDArray[Any]]:
    rng = np.random.default_rng(0)
    return {
        "ink": rng.integers(0, 255, (4, 1, 24, 64)).astype(np.uint8),
        "frames": np.array([16, 12, 16, 9], np.float32),
        "labels": rng.integers(0, 5, (4, 3)).astype(np.float32),
        "lengths": np.array([3, 2, 3, 1], np.float32),
    }


def learned(contexts: List[Any]) -> Dict[str, NDArray[np.float32]]:
    mx.random.seed(1)
    network = LineRecognizer(SHAPE, extra_head=True)
    network.initialize(mx.init.Xavier(), ctx=contexts)
    learner = Learner(network, lambda net: _CtcLoss(net, 0.1), contexts, CONFIG, lambda v: v)
    for number in range(3):
        loss, rows, *_ = learner.step(batch(), number, 1e-3, (0.0, 0.0)).asnumpy().tolist()
        assert rows == 4 and np.isfinite(loss)
    return learner.state()


def test_a_batch_in_parts_teaches_what_it_teaches_whole() -> None:
    whole, parts = learned([mx.cpu()]), learned([mx.cpu(0), mx.cpu(1)])
    assert not np.allclose(whole["mean"], 0.0)
    for name, vector in whole.items():
        np.testing.assert_allclose(parts[name], vector, rtol=1e-3, atol=2e-6, err_msg=name)


@pytest.mark.parametrize("inputs", [8, 16])
def test_a_block_for_training_computes_what_one_for_reading_does(inputs: int) -> None:
    mx.random.seed(1)
    block = ResidualBlock(inputs, 16, (2, 1), training=True)
    block.initialize(mx.init.Xavier())
    twin = ResidualBlock(inputs, 16, (2, 1))
    twin.initialize()
    values = block._collect_params_with_prefix()
    for name, parameter in twin._collect_params_with_prefix().items():
        parameter.set_data(values[name].data())
    x = mx.nd.random.normal(shape=(2, inputs, 8, 12))
    with mx.autograd.train_mode():
        expected, found = twin(x).asnumpy(), block(x).asnumpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)
