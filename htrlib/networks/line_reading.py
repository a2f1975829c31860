"""Read lines of any widths with the recognizer at once, each as if it stood alone.

The convolutions see all lines side by side on one long strip, with so much paper between them that
no line reaches into another's columns: nothing is computed for padding. The LSTMs see a batch of
lines, each of its own length: what comes after a line's end tells its other end nothing.
"""

from __future__ import annotations

from typing import Any, Dict, List, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.networks import mx
from htrlib.networks.recognizer import LineRecognizer
from htrlib.networks.runner import lock

STRIP = 4096  # columns of ink on a strip; a line that is wider has a strip of its own
STRIP_MULTIPLE = 512  # widths of strips are padded to it, so that few shapes occur
FRAMES_MULTIPLE = 32  # so are the lengths of a batch
BATCH = 16  # lines that the LSTMs see at once, at most
Ink = NDArray[np.uint8]


def read_lines(network: LineRecognizer, lines: Sequence[Ink]) -> Tuple[NDArray[np.float32], ...]:
    """The logits of lines.

    Args:
        network: with parameters, all on one device.
        lines: (H, W) uint8 ink each, 0 is paper, all of the network's height.
    Returns:
        for each line (T, C) float32 logits, T = ceil(W / frame width).
    """
    with lock:
        frames = [-(-line.shape[1] // network.frame_width) for line in lines]
        columns: Dict[int, Any] = {}
        for members in _strips([line.shape[1] for line in lines], network):
            columns.update(_encode(network, lines, frames, members))
        logits: Dict[int, NDArray[np.float32]] = {}
        by_length = sorted(range(len(lines)), key=frames.__getitem__)
        for start in range(0, len(lines), BATCH):
            members = by_length[start : start + BATCH]
            lengths = [frames[index] for index in members]
            said = _sequence(network, [columns[index] for index in members], lengths)
            for row, (index, length) in enumerate(zip(members, lengths)):
                logits[index] = said[:length, row]
        return tuple(logits[index] for index in range(len(lines)))


def _room(width: int, network: LineRecognizer) -> int:
    """Columns that a line takes on a strip, with the paper after it."""
    whole = -(-width // network.frame_width) * network.frame_width
    return whole + network.reach


def _strips(widths: Sequence[int], network: LineRecognizer) -> List[List[int]]:
    """Which lines share a strip."""
    strips: List[List[int]] = []
    free = 0
    for index, width in enumerate(widths):
        room = _room(width, network)
        if not strips or room > free:
            strips.append([])
            free = STRIP - network.reach
        strips[-1].append(index)
        free -= room
    return strips


def _encode(
    network: LineRecognizer, lines: Sequence[Ink], frames: Sequence[int], members: Sequence[int]
) -> Dict[int, Any]:
    """The (T, C) columns of the lines on a strip."""
    starts = np.cumsum(
        [network.reach, *(_room(lines[index].shape[1], network) for index in members)]
    )
    width = -(-int(starts[-1]) // STRIP_MULTIPLE) * STRIP_MULTIPLE
    strip = np.zeros((1, 1, lines[0].shape[0], width), np.float32)
    for start, index in zip(starts, members):
        strip[0, 0, :, start : start + lines[index].shape[1]] = lines[index] / np.float32(255.0)
    device = network.head.weight.list_ctx()[0]
    columns = network.encode(mx.nd, mx.nd.array(strip, ctx=device))[:, 0]
    return {
        index: columns[start // network.frame_width : start // network.frame_width + frames[index]]
        for start, index in zip(starts.tolist(), members)
    }


def _sequence(
    network: LineRecognizer, columns: Sequence[Any], lengths: Sequence[int]
) -> NDArray[np.float32]:
    """(T, N, C) logits of a batch of columns."""
    longest = -(-max(lengths) // FRAMES_MULTIPLE) * FRAMES_MULTIPLE
    device = network.head.weight.list_ctx()[0]
    batch = mx.nd.zeros((longest, len(columns), columns[0].shape[1]), ctx=device)
    for row, (line, length) in enumerate(zip(columns, lengths)):
        batch[:length, row] = line
    ends = mx.nd.array(lengths, ctx=device)
    for layer in (network.rnn1, network.rnn2):
        batch = _bidirectional(layer, batch, ends)
    said: NDArray[np.float32] = network.head(batch).asnumpy()
    return said


def _bidirectional(layer: Any, batch: Any, lengths: Any) -> Any:
    """A bidirectional LSTM layer of Gluon's, whose backward half starts at each line's end."""
    turned = mx.nd.SequenceReverse(batch, lengths, use_sequence_length=True)
    forward = _lstm(layer, "l0", batch)
    backward = mx.nd.SequenceReverse(_lstm(layer, "r0", turned), lengths, use_sequence_length=True)
    return mx.nd.concat(forward, backward, dim=2)


def _lstm(layer: Any, direction: str, batch: Any) -> Any:
    parts = ("i2h_weight", "h2h_weight", "i2h_bias", "h2h_bias")
    device = batch.context
    weights = [getattr(layer, f"{direction}_{part}").data(device).reshape(-1) for part in parts]
    state = mx.nd.zeros((1, batch.shape[1], layer._hidden_size), ctx=device)
    return mx.nd.RNN(
        batch,
        mx.nd.concat(*weights, dim=0),
        state,
        state,
        state_size=layer._hidden_size,
        num_layers=1,
        mode="lstm",
    )
