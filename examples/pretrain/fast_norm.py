"""Batch normalization, a sum and ReLU in one go, on a CPU with AVX-512.

PyTorch takes each by itself, and each goes through the whole array once or twice: a quarter of the
recognizer's training time.
"""

from __future__ import annotations

import ctypes
import math
from typing import Any, Optional, Tuple

import torch
from compiled_kernels import address, compiled
from torch import Tensor, nn
from torch.nn import functional

SOURCE = "norm_kernels.c"
VECTOR = 16  # numbers that the kernels take at once
PERIODS = (1, 2, 3, 4, 5, 8, 12)  # vectors of a period that they know


def normalized(
    norm: nn.BatchNorm2d, x: Tensor, added: Optional[Tensor] = None, relu: bool = True
) -> Tensor:
    """relu(norm(x) + added), by the kernels where they can be used.

    They can in training in a CPU's bfloat16 autocast, with the channels last.

    Args:
        x: (N, C, H, W).
        added: the same, or None.
    Returns:
        The same.
    """
    library = compiled(SOURCE) if _fits(norm, x, added) else None
    if library is None:
        y = norm(x) if added is None else norm(x) + added
        return functional.relu(y) if relu else y
    y, mean, variance = _Normalized.apply(library, x, norm.weight, norm.bias, added, norm.eps, relu)
    with torch.no_grad():
        count = x.numel() // x.shape[1]
        norm.running_mean.lerp_(mean, norm.momentum)
        norm.running_var.lerp_(variance * (count / max(1, count - 1)), norm.momentum)
        norm.num_batches_tracked += 1
    return y  # type: ignore[no-any-return]


def _fits(norm: nn.BatchNorm2d, x: Tensor, added: Optional[Tensor]) -> bool:
    period = math.lcm(x.shape[1], VECTOR)
    return (
        norm.training
        and torch.is_autocast_enabled("cpu")
        and period // VECTOR in PERIODS
        and x.numel() % period == 0
        and all(
            array is None
            or (
                array.dtype == torch.bfloat16
                and array.is_contiguous(memory_format=torch.channels_last)
            )
            for array in (x, added)
        )
    )


class _Normalized(torch.autograd.Function):
    """x, scale and shift of each channel, what is added -> y, means and variances of channels."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any,
        library: ctypes.CDLL,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        added: Optional[Tensor],
        eps: float,
        relu: bool,
    ) -> Tuple[Tensor, Tensor, Tensor]:
        mean, square = (_sums(library, x) / (x.numel() // x.shape[1])).unbind()
        variance = (square - mean * mean).clamp_(min=0.0)
        rate = (variance + eps).rsqrt()
        scale = weight.double() * rate
        shift = bias.double() - mean * scale
        y = torch.empty_like(x)
        factors = _repeated(torch.stack((scale, shift)))
        library.norm_apply(
            *(address(x), address(added), address(factors[0]), address(factors[1])),
            *(*_size(x), int(relu), address(y)),
        )
        ctx.save_for_backward(x, y if relu else None, mean, rate, scale)
        ctx.library, ctx.adds = library, added is not None
        mean, variance = mean.float(), variance.float()
        ctx.mark_non_differentiable(mean, variance)
        return y, mean, variance

    @staticmethod
    def backward(  # type: ignore[override]
        ctx: Any, gradients: Tensor, *_: Tensor
    ) -> Tuple[None, Tensor, Tensor, Tensor, Optional[Tensor], None, None]:
        x, y, mean, rate, scale = ctx.saved_tensors
        gradients = gradients.contiguous(memory_format=torch.channels_last)
        total, product = _sums(ctx.library, x, gradients, y).unbind()
        product = (product - mean * total) * rate
        count = x.numel() // x.shape[1]
        slope = -scale * rate * product / count
        factors = _repeated(torch.stack((scale, slope, -scale * total / count - slope * mean)))
        dx = torch.empty_like(x)
        dadded = torch.empty_like(x) if ctx.adds else None
        ctx.library.norm_gradient(
            *(address(x), address(gradients), address(y), address(factors), *_size(x)),
            *(address(dx), address(dadded)),
        )
        return None, dx, product.float(), total.float(), dadded, None, None


def _sums(
    library: ctypes.CDLL, x: Tensor, gradients: Optional[Tensor] = None, y: Optional[Tensor] = None
) -> Tensor:
    """(2, C) sums of each channel, as `norm_sums` has them."""
    periods, vectors = _size(x)
    totals = torch.empty(2, vectors * VECTOR, dtype=torch.float64)
    library.norm_sums(
        *(address(x), address(gradients), address(y), periods, vectors, address(totals))
    )
    return totals.view(2, -1, x.shape[1]).sum(1)


def _size(x: Tensor) -> Tuple[ctypes.c_long, int]:
    """The periods of an array, and the vectors of each."""
    period = math.lcm(x.shape[1], VECTOR)
    return ctypes.c_long(x.numel() // period), period // VECTOR


def _repeated(factors: Tensor) -> Tensor:
    """(K, C) -> (K, period), single precision."""
    channels = factors.shape[1]
    return factors.float().repeat(1, math.lcm(channels, VECTOR) // channels)
