"""The precision in which this CPU trains fastest.

Where it has no AVX-512, PyTorch's products of bfloat16 take ten times as long as those of float32.
"""

from __future__ import annotations

import functools

import torch


@functools.cache
def fastest() -> torch.dtype:
    """The type of numbers for matrix products: bfloat16, or float32 on CPUs without AVX-512."""
    has_bfloat16 = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.bfloat16 if has_bfloat16 else torch.float32


def autocast() -> torch.autocast:
    """A context in which networks compute in that type."""
    return torch.autocast("cpu", torch.bfloat16, enabled=fastest() is torch.bfloat16)
