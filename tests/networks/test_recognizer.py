from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from htrlib import networks
from htrlib.networks import runner
from htrlib.networks.recognizer import RecognizerConfig

PRETRAIN = Path(__file__).parents[2] / "examples" / "pretrain"
CONFIG = RecognizerConfig(num_classes=7, stem=4, blocks=((6, (2, 2)), (8, (2, 1))), hidden=5)


def test_a_config_survives_its_dictionary() -> None:
    assert RecognizerConfig.from_dict(asdict(CONFIG)) == CONFIG


@pytest.mark.parametrize("width", [8, 31, 64])
def test_frames_are_the_columns_over_the_frame_width_rounded_up(width: int) -> None:
    block = networks.build("line-recognition", asdict(CONFIG))
    block.initialize()
    logits = runner.run(block, np.zeros((2, 1, 32, width), np.float32))
    assert logits.shape == (2, -(-width // CONFIG.frame_width), 7)


def test_the_twin_in_pytorch_gives_the_same_output(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch", reason="the twin needs PyTorch")
    monkeypatch.syspath_prepend(str(PRETRAIN))
    import twin

    torch.manual_seed(3)
    model = twin.TwinRecognizer(twin.RecognizerConfig(**asdict(CONFIG))).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2.0)
    block = networks.build("line-recognition", asdict(CONFIG))
    runner.set_parameters(block, twin.parameters_for_bundle(model.state_dict()))
    block.hybridize()
    lines = np.random.default_rng(0).random((3, 1, 48, 70), dtype=np.float32)
    with torch.no_grad():
        expected, _ = model(torch.from_numpy(lines))
    np.testing.assert_allclose(runner.run(block, lines), expected.numpy(), atol=1e-4)
    again = twin.state_from_bundle(
        twin.TwinRecognizer(twin.RecognizerConfig(**asdict(CONFIG))),
        twin.parameters_for_bundle(model.state_dict()),
    )
    for name, value in model.state_dict().items():
        if not name.startswith("extra_head") and not name.endswith("num_batches_tracked"):
            assert torch.equal(again[name], value)
    for name, value in twin.mean_state([model.state_dict(), again]).items():
        assert value.dtype == again[name].dtype and value.shape == again[name].shape
        if value.is_floating_point():
            expected = (model.state_dict()[name] + again[name]) / 2
            assert torch.allclose(value, expected)
    del sys.modules["twin"]
