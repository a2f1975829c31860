"""LSTMs by the kernels of `lstm_kernels.c`, against PyTorch's own."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture
def fast(script):
    return script("fast_lstm")


@pytest.fixture
def kernels(fast):
    found = fast.kernels()
    if found is None:
        pytest.skip("this machine has no AVX-512 with bfloat16, or no compiler that knows it")
    return found


def outcome(run, lstm, x, weight):
    """What a function gives for x, and the gradients of a weighted sum of it."""
    with torch.autocast("cpu", torch.bfloat16):
        out = run(lstm, x)
    gradients = torch.autograd.grad((out.float() * weight).sum(), [x, *lstm.parameters()])
    return [out, *gradients]


def distance(ours, theirs):
    """Of two arrays, relative to the second."""
    return float((ours.detach().float() - theirs.detach()).norm() / theirs.detach().norm())


@pytest.mark.parametrize("frames, lines, inputs", [(1, 16, 64), (7, 5, 192), (40, 33, 128)])
def test_the_kernels_give_what_single_precision_gives(fast, kernels, frames, lines, inputs):
    torch.manual_seed(3)
    lstm = torch.nn.LSTM(inputs, 64, bidirectional=True)
    x = torch.randn(frames, lines, inputs, requires_grad=True)
    weight = torch.randn(frames, lines, 128)
    exact, _ = lstm(x)
    gradients = torch.autograd.grad((exact * weight).sum(), [x, *lstm.parameters()])
    ours = outcome(fast.bidirectional, lstm, x, weight)
    assert ours[0].dtype == torch.bfloat16, "PyTorch's own LSTM ran"
    for mine, true in zip(ours, [exact, *gradients]):
        if frames == 1 and not true.any():  # one frame has no state before it
            assert not mine.any()
        else:
            assert distance(mine, true) < 0.01  # bfloat16 has eight bits


def test_saturated_gates_give_numbers(fast, kernels):
    lstm = torch.nn.LSTM(64, 64, bidirectional=True)
    x = torch.full((5, 16, 64), 1e4, requires_grad=True)
    for array in outcome(fast.bidirectional, lstm, x, torch.ones(5, 16, 128)):
        assert torch.isfinite(array).all()


def test_pytorchs_own_lstm_runs_where_the_kernels_cannot(fast, script, monkeypatch):
    monkeypatch.setattr(fast, "kernels", lambda: None)
    lstm = torch.nn.LSTM(64, 64, bidirectional=True)
    x = torch.randn(5, 2, 64)
    with torch.no_grad(), script("precision").autocast():
        assert torch.equal(fast.bidirectional(lstm, x), lstm(x)[0])


def test_outside_autocast_numbers_stay_single(fast):
    lstm = torch.nn.LSTM(64, 64, bidirectional=True)
    assert fast.bidirectional(lstm, torch.randn(5, 2, 64)).dtype == torch.float32
