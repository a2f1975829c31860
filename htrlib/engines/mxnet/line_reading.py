"""Recognize lines of any widths together, each independently of the others.

All lines lie side by side on one long strip, separated by as much paper as the convolutions reach,
so little is computed for padding. The convolutions process the strip in tiles of few widths, since
each new width must be planned, and each tile includes as much of its neighbors as its convolutions
reach. The LSTMs process a batch of lines with individual lengths, so padding after a line's end has
no effect on it.
"""

from __future__ import annotations

from typing import Any, Dict, List, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.engines.mxnet.framework import mx
from htrlib.engines.mxnet.recognizer import LineRecognizer, lstm_vector
from htrlib.engines.mxnet.runner import lock

TILES = (256, 512, 1024, 1536, 2048)  # columns of ink per tile of the convolutions
FRAMES_MULTIPLE = 32  # lengths of LSTM batches are multiples of this
BATCH = 16  # maximum lines per LSTM batch
Ink = NDArray[np.uint8]


def read_lines(network: LineRecognizer, lines: Sequence[Ink]) -> Tuple[NDArray[np.float32], ...]:
    """Compute the logits of lines.

    Args:
        network: recognizer with parameters, all on one device.
        lines: (H, W) uint8 ink each, 0 is paper, all of the network's height.
    Returns:
        For each line, (T, C) float32 logits, T = ceil(W / frame width).
    """
    with lock:
        if not lines:
            return ()
        frames = [-(-line.shape[1] // network.frame_width) for line in lines]
        strip, starts = _strip(network, lines, frames)
        encoded = _encode(network, strip)
        columns = [encoded[start : start + count] for start, count in zip(starts, frames)]
        logits: Dict[int, NDArray[np.float32]] = {}
        by_length = sorted(range(len(lines)), key=frames.__getitem__)
        for start in range(0, len(lines), BATCH):
            members = by_length[start : start + BATCH]
            lengths = [frames[index] for index in members]
            outputs = _sequence(network, [columns[index] for index in members], lengths)
            for row, (index, length) in enumerate(zip(members, lengths)):
                logits[index] = outputs[:length, row]
        return tuple(logits[index] for index in range(len(lines)))


def _strip(
    network: LineRecognizer, lines: Sequence[Ink], frames: Sequence[int]
) -> Tuple[NDArray[np.float32], List[int]]:
    """Return (H, W) ink of all lines, separated by paper, and the frames at which they start."""
    gap = network.reach // network.frame_width
    starts = [gap + int(before) for before in np.cumsum([0, *(count + gap for count in frames)])]
    strip = np.zeros((lines[0].shape[0], starts.pop() * network.frame_width), np.float32)
    for line, start in zip(lines, starts):
        left = start * network.frame_width
        strip[:, left : left + line.shape[1]] = line / np.float32(255.0)
    return strip, starts


def _encode(network: LineRecognizer, strip: NDArray[np.float32]) -> Any:
    """Compute (T, C) columns of a strip that begins and ends with paper, tile by tile."""
    device = network.head.weight.list_ctx()[0]
    height, width = strip.shape
    step = network.frame_width
    parts: List[Any] = []
    left = 0
    while left + 2 * network.reach < width or not parts:
        tile = next((tile for tile in TILES if left + tile >= width), TILES[-1])
        ink = np.zeros((1, 1, height, tile), np.float32)
        seen = strip[:, left : left + tile]
        ink[0, 0, :, : seen.shape[1]] = seen
        first = 0 if left == 0 else network.reach // step
        last = (tile - network.reach) // step
        parts.append(network.encode(mx.nd, mx.nd.array(ink, ctx=device))[first:last, 0])
        left += tile - 2 * network.reach
    return mx.nd.concat(*parts, dim=0)


def _sequence(
    network: LineRecognizer, columns: Sequence[Any], lengths: Sequence[int]
) -> NDArray[np.float32]:
    """Compute (T, N, C) logits of a batch of columns."""
    longest = -(-max(lengths) // FRAMES_MULTIPLE) * FRAMES_MULTIPLE
    device = network.head.weight.list_ctx()[0]
    batch = mx.nd.zeros((longest, len(columns), columns[0].shape[1]), ctx=device)
    for row, (line, length) in enumerate(zip(columns, lengths)):
        batch[:length, row] = line
    ends = mx.nd.array(lengths, ctx=device)
    for layer in network.lstms:
        batch = _bidirectional(layer, batch, ends)
    outputs: NDArray[np.float32] = network.head(batch).asnumpy()
    return outputs


def _bidirectional(layer: Any, batch: Any, lengths: Any) -> Any:
    """Run Gluon's bidirectional LSTM, with the backward direction starting at each line's end."""
    turned = mx.nd.SequenceReverse(batch, lengths, use_sequence_length=True)
    forward = _lstm(layer, "l0", batch)
    backward = mx.nd.SequenceReverse(_lstm(layer, "r0", turned), lengths, use_sequence_length=True)
    return mx.nd.concat(forward, backward, dim=2)


def _lstm(layer: Any, direction: str, batch: Any) -> Any:
    parts = ("i2h_weight", "h2h_weight", "i2h_bias", "h2h_bias")
    device = batch.context
    parameters = [getattr(layer, f"{direction}_{part}").data(device) for part in parts]
    state = mx.nd.zeros((1, batch.shape[1], layer._hidden_size), ctx=device)
    return mx.nd.RNN(
        batch,
        lstm_vector(mx.nd, parameters, layer._hidden_size),
        state,
        state,
        state_size=layer._hidden_size,
        num_layers=1,
        mode="lstm",
    )
