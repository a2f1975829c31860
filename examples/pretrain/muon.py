"""Muon: steps of one size in all directions of a weight matrix.

After K. Jordan et al., 2024, "Muon: an optimizer for hidden layers in neural networks", with the
step size of J. Liu et al., 2025, "Muon is scalable for LLM training", so that one learning rate
fits it and Adam. `torch.optim.Muon` takes neither convolutions nor the gates of an LSTM.
"""

from __future__ import annotations

from typing import Any, Iterable, List, Tuple

import torch
from precision import fastest
from torch import Tensor, nn

MOMENTUM = 0.95
ADAM_STEP = 0.2  # root mean square of Adam's steps, in learning rates
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # coefficients of x, x^3 and x^5
ITERATIONS = 5
GATES = 4  # of an LSTM; their matrices are stacked in one weight


class Muon(torch.optim.Optimizer):
    """Muon with Nesterov momentum and decoupled weight decay.

    Args:
        weights: each with the number of matrices that are stacked in its first dimension.
        rate: learning rate.
    """

    def __init__(self, weights: Iterable[Tuple[Tensor, int]], rate: float, decay: float) -> None:
        stacks = list(weights)
        super().__init__([weight for weight, _ in stacks], {"lr": rate, "decay": decay})
        self._counts = [count for _, count in stacks]

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        group = self.param_groups[0]
        for weight, count in zip(group["params"], self._counts):
            state = self.state[weight]
            if not state:
                state["mean"] = torch.zeros_like(weight)
            mean = state["mean"].lerp_(weight.grad, 1 - MOMENTUM)
            ahead = weight.grad.lerp(mean, MOMENTUM)
            matrices = ahead.reshape(count, len(weight) // count, -1)
            size = ADAM_STEP * max(matrices.shape[1:]) ** 0.5
            weight.mul_(1 - group["lr"] * group["decay"])
            step = orthogonalized(matrices).reshape(weight.shape)
            weight.add_(step, alpha=-group["lr"] * size)


def orthogonalized(matrices: Tensor) -> Tensor:
    """Bring the singular values of (N, R, C) matrices close to 1, by Newton-Schulz iterations."""
    first, third, fifth = NEWTON_SCHULZ
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.transpose(1, 2) if tall else matrices
    x = x.to(fastest())
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(ITERATIONS):
        square = x @ x.transpose(1, 2)
        square = torch.baddbmm(square, square, square, beta=third, alpha=fifth)
        x = torch.baddbmm(x, square, x, beta=first)
    return (x.transpose(1, 2) if tall else x).float()


def split_for_muon(model: nn.Module) -> Tuple[List[Tuple[Tensor, int]], List[Tensor]]:
    """Split a twin's parameters into weights for `Muon` and those for Adam.

    Adam gets the first and last layers, biases, and what normalizes.
    """
    for_muon: List[Tuple[Tensor, int]] = []
    for_adam: List[Tensor] = []
    for name, parameter in model.named_parameters():
        if parameter.ndim < 2 or name.startswith(("stem", "head", "extra_head")):
            for_adam.append(parameter)
        else:
            for_muon.append((parameter, GATES if name.startswith("rnn") else 1))
    return for_muon, for_adam
