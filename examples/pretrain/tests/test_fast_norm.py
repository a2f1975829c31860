"""Normalization by the kernels of `norm_kernels.c`, against PyTorch's own in single precision."""

from __future__ import annotations

import pytest
import torch

CHANNELS = (16, 24, 40, 80, 128, 192)


@pytest.fixture
def fast(script):
    return script("fast_norm")


@pytest.fixture
def kernels(fast):
    found = fast.compiled(fast.SOURCE)
    if found is None:
        pytest.skip("this machine has no AVX-512 with bfloat16, or no compiler that knows it")
    return found


@pytest.fixture
def calls(fast, kernels, monkeypatch):
    """How often the kernels normalized."""
    counted = []
    apply = fast._Normalized.apply
    monkeypatch.setattr(fast._Normalized, "apply", lambda *a: counted.append(1) or apply(*a))
    return counted


def norm_of(channels):
    torch.manual_seed(4)
    norm = torch.nn.BatchNorm2d(channels)
    torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
    torch.nn.init.normal_(norm.bias)
    return norm


def picture(channels, seed=1, shape=(2, 6, 32)):
    torch.manual_seed(seed)
    lines, height, width = shape
    x = torch.randn(lines, channels, height, width) * 2 + 0.5
    return x.bfloat16().to(memory_format=torch.channels_last)


def outcome(run, norm, arrays, exact):
    """What a function gives, the gradients of a weighted sum of it, and the running moments."""
    arrays = [array.detach().clone().requires_grad_() for array in arrays]
    torch.manual_seed(9)
    weight = torch.randn(arrays[0].shape)
    with torch.autocast("cpu", torch.bfloat16, enabled=not exact):
        out = run(norm, *arrays)
    wanted = [*arrays, norm.weight, norm.bias]
    gradients = torch.autograd.grad((out.float() * weight).sum(), wanted)
    return [out, *gradients, norm.running_mean, norm.running_var]


def distance(ours, theirs):
    """Of two arrays, relative to the second."""
    difference = ours.detach().float() - theirs.detach().float()
    return float(difference.norm() / theirs.detach().float().norm())


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("adds", [False, True])
@pytest.mark.parametrize("relu", [False, True])
def test_the_kernels_give_what_single_precision_gives(fast, calls, channels, adds, relu):
    arrays = [picture(channels), picture(channels, seed=2)][: 1 + adds]

    def ours(norm, x, added=None):
        return fast.normalized(norm, x, added, relu)

    def theirs(norm, x, added=0.0):
        y = norm(x) + added
        return torch.relu(y) if relu else y

    mine = outcome(ours, norm_of(channels), arrays, exact=False)
    assert calls
    true = outcome(theirs, norm_of(channels), [array.float() for array in arrays], exact=True)
    assert len(mine) == len(true) == 5 + 1 + adds
    for name, (got, expected) in enumerate(zip(mine, true)):
        assert distance(got, expected) < 0.01, name  # bfloat16 has eight bits


def test_many_numbers_are_summed_without_loss(fast, calls):
    norm = norm_of(16)
    norm.momentum = 1.0
    x = picture(16, shape=(8, 64, 1024)) + 30
    with torch.autocast("cpu", torch.bfloat16):
        fast.normalized(norm, x)
    assert calls
    assert torch.allclose(norm.running_mean, x.double().mean((0, 2, 3)).float(), rtol=1e-5)
    assert torch.allclose(norm.running_var, x.double().var((0, 2, 3)).float(), rtol=1e-3)


@pytest.mark.parametrize(
    "channels, layout, train",
    [
        (7, torch.channels_last, True),
        (16, torch.contiguous_format, True),
        (16, torch.channels_last, False),
    ],
)
def test_pytorchs_own_runs_where_the_kernels_cannot(fast, calls, channels, layout, train):
    norm, same = norm_of(channels), norm_of(channels)
    norm.train(train)
    same.train(train)
    x = picture(channels).contiguous(memory_format=layout)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(fast.normalized(norm, x), torch.relu(same(x)))
    assert not calls


def test_outside_autocast_numbers_stay_single(fast, calls):
    norm = norm_of(16)
    assert fast.normalized(norm, picture(16).float()).dtype == torch.float32
    assert not calls
