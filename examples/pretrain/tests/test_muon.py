"""The optimizer of the recognizer's twin: `muon.py`."""

from __future__ import annotations

import pytest
import torch

from htrlib.engines.network_shapes import RecognizerConfig


@pytest.fixture
def muon(script):
    return script("muon")


@pytest.mark.parametrize("shape", [(3, 24, 60), (2, 60, 24)])
def test_all_singular_values_come_close_to_one(muon, shape):
    torch.manual_seed(1)
    matrices = torch.randn(shape) * torch.logspace(-0.5, 0.5, shape[2])
    values = torch.linalg.svdvals(muon.orthogonalized(matrices))
    assert values.min() > 0.5
    assert values.max() < 1.4


def test_each_gate_is_a_matrix_of_its_own(muon):
    torch.manual_seed(1)
    gates = torch.randn(4, 16, 8)
    gates[2] *= 1000  # it would swallow the others in one matrix
    weight = torch.nn.Parameter(torch.zeros(64, 8))
    weight.grad = gates.reshape(64, 8)
    muon.Muon([(weight, 4)], rate=1.0, decay=0.0).step()
    sizes = weight.detach().reshape(4, -1).square().mean(1).sqrt()
    # 8 equal directions of 16 x 8: a root mean square of 1 / 4, times 0.2 x 4
    torch.testing.assert_close(sizes, torch.full((4,), 0.2), rtol=0.25, atol=0)


def test_steps_go_down_the_gradient(muon):
    torch.manual_seed(1)
    weight = torch.nn.Parameter(torch.randn(8, 4, 3, 3))
    before = weight.detach().clone()
    weight.grad = torch.randn(8, 4, 3, 3)
    muon.Muon([(weight, 1)], rate=0.1, decay=0.0).step()
    assert ((weight.detach() - before) * weight.grad).sum() < 0


def test_weights_without_a_gradient_decay(muon):
    weight = torch.nn.Parameter(torch.ones(8, 4))
    weight.grad = torch.zeros_like(weight)
    muon.Muon([(weight, 1)], rate=0.1, decay=0.5).step()
    torch.testing.assert_close(weight.detach(), torch.full((8, 4), 0.95))


def test_every_parameter_has_one_optimizer_and_the_heads_have_adam(muon, script):
    model = script("twin").TwinRecognizer(RecognizerConfig(9))
    for_muon, for_adam = muon.split_for_muon(model)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found = [names[id(p)] for p in [*(weight for weight, _ in for_muon), *for_adam]]
    assert sorted(found) == sorted(names.values())
    adams = {names[id(p)] for p in for_adam}
    assert {"head.weight", "extra_head.weight", "stem_conv.weight"} <= adams
    assert {count for weight, count in for_muon if names[id(weight)].startswith("rnn")} == {4}
