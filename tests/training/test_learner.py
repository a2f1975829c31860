"""One step, on one device and on several."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
import pytest
from numpy.typing import NDArray

from htrlib.engines.cpu_features import has_bfloat16
from htrlib.engines.mxnet.framework import mx
from htrlib.engines.mxnet.recognizer import LineRecognizer, ResidualBlock
from htrlib.engines.network_shapes import RecognizerConfig
from htrlib.training.config import TrainerConfig
from htrlib.training.learner import Learner
from htrlib.training.tasks.line_recognition import _CtcLoss

CONFIG = TrainerConfig(freeze_batch_statistics=True)
HALVED = RecognizerConfig(  # with blocks before and after those in bfloat16
    6, stem=8, blocks=((16, (2, 2)), (16, (1, 1)), (32, (2, 1)), (24, (1, 1))), hidden=12, dropout=0
)
SHAPE = RecognizerConfig(6, stem=8, blocks=((16, (2, 2)), (24, (2, 1))), hidden=12, dropout=0.0)


def batch() -> Dict[str, NDArray[Any]]:
    rng = np.random.default_rng(0)
    return {
        "ink": rng.integers(0, 255, (4, 1, 24, 64)).astype(np.uint8),
        "frames": np.array([16, 12, 16, 9], np.float32),
        "labels": rng.integers(0, 5, (4, 3)).astype(np.float32),
        "lengths": np.array([3, 2, 3, 1], np.float32),
    }


def learned(
    contexts: List[Any], dropout: float = 0.0, rows: Sequence[int] = range(4), steps: int = 3
) -> Dict[str, NDArray[np.float32]]:
    mx.random.seed(1)
    network = LineRecognizer(replace(SHAPE, dropout=dropout), height=24, extra_head=True)
    network.initialize(mx.init.Xavier(), ctx=contexts)
    learner = Learner(network, lambda net: _CtcLoss(net, 0.1), contexts, CONFIG, lambda v: v)
    chosen = {name: values[list(rows)] for name, values in batch().items()}
    for number in range(steps):
        loss, count, *_ = learner.step(chosen, number, 1e-3, (0.0, 0.0)).asnumpy().tolist()
        assert count == len(rows) and np.isfinite(loss)
    return learner.state()


def test_a_batch_in_parts_teaches_what_it_teaches_whole() -> None:
    whole, parts = learned([mx.cpu()]), learned([mx.cpu(0), mx.cpu(1)])
    assert not np.allclose(whole["mean"], 0.0)
    for name, vector in whole.items():
        np.testing.assert_allclose(parts[name], vector, rtol=1e-3, atol=2e-6, err_msg=name)


def test_each_part_drops_features_of_its_own_and_the_same_ones_again() -> None:
    one = learned([mx.cpu()], 0.5, [0], steps=1)
    two, again = (learned([mx.cpu(0), mx.cpu(1)], 0.5, [0, 0], steps=1) for _ in range(2))
    np.testing.assert_array_equal(two["mean"], again["mean"])
    # Of two equal rows that lacked the same features the mean gradient would be that of one.
    assert not np.allclose(two["mean"], one["mean"], rtol=1e-3, atol=2e-6)


def logits_and_gradients(
    bfloat16: bool, height: Optional[int] = 24
) -> Tuple[NDArray[np.float32], Dict[str, NDArray[np.float32]]]:
    """Logits and gradients of a network with the same weights each time."""
    mx.random.seed(1)
    network = LineRecognizer(HALVED, height=height, bfloat16=bfloat16)
    network.initialize(mx.init.Xavier())
    ink = mx.nd.array(batch()["ink"], dtype="float32") / 255
    with mx.autograd.record():
        logits = network(ink)
        loss = mx.nd.square(logits).sum()
    loss.backward()
    parameters = network._collect_params_with_prefix()
    gradients = {n: p.grad().asnumpy() for n, p in parameters.items() if p.grad_req != "null"}
    return logits.asnumpy(), gradients


def test_a_known_height_changes_no_result() -> None:
    expected, gradients = logits_and_gradients(bfloat16=False, height=None)
    found, others = logits_and_gradients(bfloat16=False)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    for name, gradient in gradients.items():
        np.testing.assert_allclose(others[name], gradient, rtol=1e-3, atol=1e-3, err_msg=name)


@pytest.mark.skipif(not has_bfloat16(), reason="the CPU has no instructions for bfloat16")
def test_bfloat16_gives_nearly_the_same_gradients() -> None:
    expected, gradients = logits_and_gradients(bfloat16=False)
    found, others = logits_and_gradients(bfloat16=True)
    assert not np.array_equal(found, expected)
    np.testing.assert_allclose(found, expected, atol=0.02 * np.abs(expected).max())
    assert all(gradient.dtype == np.float32 for gradient in others.values())
    exact, rounded = (
        np.concatenate([one[name].ravel() for name in gradients]) for one in (gradients, others)
    )
    assert np.linalg.norm(rounded - exact) < 0.1 * np.linalg.norm(exact)


def test_bfloat16_needs_no_numpy_that_knows_its_name() -> None:
    code = f"""
import sys
sys.modules["ml_dtypes"] = None  # which tells NumPy the name
from htrlib.engines.mxnet.framework import mx
from htrlib.engines.mxnet.recognizer import LineRecognizer
from htrlib.engines.network_shapes import RecognizerConfig
network = LineRecognizer({HALVED!r}, height=24, bfloat16=True)
print(network(mx.sym.var("ink")).tojson(remove_amp_cast=False))
"""
    graph = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert '"bfloat16"' in graph.stdout


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
