"""Bidirectional LSTMs that train faster on a CPU than PyTorch's.

PyTorch's took half of the recognizer's training time, though they are a third of its operations:
each frame multiplies few rows by a matrix, and PyTorch starts anew for it. `lstm_kernels.c` goes
through all frames in one call, which takes a third of the time with AMX, and two thirds with
AVX-512's bfloat16.
"""

from __future__ import annotations

import ctypes
import functools
from typing import Any, Optional, Tuple

import torch
from compiled_kernels import address, compiled
from torch import Tensor, nn
from torch.nn import functional

SOURCE = "lstm_kernels.c"
ROWS = 16  # the kernels take multiples of this many lines
DEPTH = 64  # and of hidden units
GATES = 4


@functools.cache
def kernels() -> Optional[ctypes.CDLL]:
    """The compiled kernels; None where they cannot be used."""
    library = compiled(SOURCE)
    return None if library is None or library.lstm_request() else library


def bidirectional(lstm: nn.LSTM, x: Tensor) -> Tensor:
    """What a bidirectional `lstm` of one layer gives for x, by the kernels where they can be used.

    They can in a CPU's bfloat16 autocast alone.

    Args:
        x: (T, N, C) frames of lines.
    Returns:
        (T, N, 2 * hidden).
    """
    fits = lstm.hidden_size % DEPTH == 0 and torch.is_autocast_enabled("cpu")
    library = kernels() if fits else None
    if library is None:
        return lstm(x)[0]  # type: ignore[no-any-return]
    weights = [
        (
            getattr(lstm, f"weight_ih_l0{side}"),
            getattr(lstm, f"weight_hh_l0{side}"),
            getattr(lstm, f"bias_ih_l0{side}") + getattr(lstm, f"bias_hh_l0{side}"),
        )
        for side in ("", "_reverse")
    ]
    incoming, recurrent, bias = (torch.cat(pair) for pair in zip(*weights))
    lines = x.shape[1]
    if lines % ROWS:
        x = functional.pad(x, (0, 0, 0, ROWS - lines % ROWS))
    with torch.autocast("cpu", enabled=False):
        gates = functional.linear(x.bfloat16(), incoming.bfloat16(), bias.bfloat16())
        return _Recurrence.apply(library, gates, recurrent.bfloat16())[:, :lines]


class _Recurrence(torch.autograd.Function):
    """(T, N, 8 H) inputs of the gates of both directions, (8 H, H) weights -> (T, N, 2 H).

    The gates are written over, first by what they let through, then by their gradients.
    """

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, library: ctypes.CDLL, gates: Tensor, recurrent: Tensor
    ) -> Tensor:
        frames, rows, hidden = *gates.shape[:2], recurrent.shape[1]
        recurrent = recurrent.contiguous()
        out = gates.new_empty(frames, rows, 2 * hidden)
        cells = gates.new_empty(2, frames, rows, hidden, dtype=torch.float32)
        _run(library.lstm_forward, gates, recurrent, cells, out)
        ctx.save_for_backward(recurrent, cells, out)
        ctx.library, ctx.gates = library, gates
        return out

    @staticmethod
    def backward(  # type: ignore[override]
        ctx: Any, gradients: Tensor
    ) -> Tuple[None, Tensor, Tensor]:
        recurrent, cells, out = ctx.saved_tensors
        gates, hidden = ctx.gates, recurrent.shape[1]
        _run(ctx.library.lstm_backward, gates, recurrent, cells, gradients.contiguous())
        ahead, back = gates.split(GATES * hidden, 2)
        before, after = out.split(hidden, 2)
        products = (_product(ahead[1:], before[:-1]), _product(back[:-1], after[1:]))
        return None, gates, torch.cat(products)


def _run(kernel: Any, gates: Tensor, recurrent: Tensor, cells: Tensor, states: Tensor) -> None:
    """Call a kernel for either direction; `states` are the layer's output or its gradients."""
    frames, rows, hidden = cells.shape[1:]
    for side in range(2):
        weights, _ = _at(recurrent, side * GATES * hidden * hidden)
        failed = kernel(
            *_at(gates, side * GATES * hidden),
            *(weights, address(cells[side])),
            *_at(states, side * hidden),
            *(frames, rows, hidden, side),
        )
        if failed:
            raise MemoryError("no memory for the weights of an LSTM")


def _product(gates: Tensor, states: Tensor) -> Tensor:
    """(T, N, 4 H) and (T, N, H): the gradient of (4 H, H) recurrent weights."""
    return gates.flatten(0, 1).T @ states.flatten(0, 1)


def _at(array: Tensor, offset: int) -> Tuple[ctypes.c_void_p, ctypes.c_long]:
    """Where the last axis of a bfloat16 array starts from an offset, and the step of its rows."""
    return address(array, offset), ctypes.c_long(array.shape[-1])
