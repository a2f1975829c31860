"""Start a larger recognizer from the weights of a bundle's, so that it reads alike at once.

    python grow_recognizer.py ../../htrlib/bundles/english runs/larger \
        --channels 40 80 128 192 192 --hidden 224 --layers 3

Channels and cells are copied, and what reads them shares its weights among the copies; a little
noise sets the copies apart (T. Chen, I. Goodfellow, J. Shlens, 2016, "Net2Net: Accelerating
Learning via Knowledge Transfer"). An added LSTM hands on what it sees, nearly. The new bundle has
the recognizer alone: a start for `train_twin.py --init`.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Dict, Sequence

import numpy as np
from numpy.typing import NDArray

from htrlib.bundle import load_bundle, write_bundle
from htrlib.engines.network_shapes import RecognizerConfig
from htrlib.engines.port import RECOGNIZER

NOISE = 0.05  # of the standard deviation of a copied weight
UNEVEN = 0.2  # copies of one channel differ by so much in how they are read
OPEN, PASSED = 2.5, 1.5  # bias of an added LSTM's gates, and weight of what it hands on
NORM = ("gamma", "beta", "running_mean", "running_var")

Array = NDArray[np.float32]
Parameters = Dict[str, Array]


class Copies:
    """Which old channel each new one is a copy of.

    Attributes:
        sources: (new,) int, the first of them every old channel in turn.
    """

    def __init__(self, old: int, new: int, random: np.random.Generator) -> None:
        if new < old:
            raise SystemExit(f"{old} channels cannot become {new}: a recognizer can only grow")
        self._random = random
        added = random.permutation(np.resize(np.arange(old), new - old))
        self.sources = np.concatenate([np.arange(old), added])
        weights = 1 + UNEVEN * random.uniform(-1, 1, new)
        self._shares = weights / np.bincount(self.sources, weights)[self.sources]

    def written(self, values: Array, exact: bool = False) -> Array:
        """The values of all channels, along the first axis."""
        copied = values[self.sources]
        old = len(values)
        if not exact:
            noise = self._random.normal(size=copied[old:].shape)
            copied[old:] += NOISE * values.std() * noise
        return copied.astype(np.float32)

    def read(self, weights: Array) -> Array:
        """The weights of what reads these channels, along the second axis."""
        shares = self._shares.reshape((1, -1) + (1,) * (weights.ndim - 2))
        return np.asarray(weights[:, self.sources] * shares, np.float32)

    def gates(self, values: Array) -> Array:
        """The values of the four gates of all cells, along the first axis."""
        return np.concatenate([self.written(gate) for gate in np.split(values, 4)])


def grow(parameters: Parameters, old: RecognizerConfig, new: RecognizerConfig) -> Parameters:
    """The parameters of a larger recognizer that gives nearly the same output.

    Args:
        parameters: Gluon name -> array.
        old, new: strides and classes are the same.
    """
    random = np.random.default_rng(0)
    grown: Parameters = {}

    def convolution(name: str, norm: str, inputs: Copies, outputs: Copies) -> None:
        grown[f"{name}.weight"] = outputs.written(inputs.read(parameters[f"{name}.weight"]))
        for part in NORM:
            grown[f"{norm}.{part}"] = outputs.written(parameters[f"{norm}.{part}"], exact=True)

    columns = Copies(old.stem, new.stem, random)
    convolution("stem_conv", "stem_norm", Copies(1, 1, random), columns)
    for number, ((before, _), (after, _)) in enumerate(zip(old.blocks, new.blocks)):
        name = f"blocks.{number}"
        inside, inputs = Copies(before, after, random), columns
        if f"{name}.conv3.weight" in parameters:
            columns = Copies(before, after, random)
            convolution(f"{name}.conv3", f"{name}.norm3", inputs, columns)
        convolution(f"{name}.conv1", f"{name}.norm1", inputs, inside)
        convolution(f"{name}.conv2", f"{name}.norm2", inside, columns)
    read = columns.read
    for lstm in old.lstms:
        sides = [Copies(old.hidden, new.hidden, random) for _ in "lr"]
        for side, cells in zip("lr", sides):
            cell = f"{lstm}._unfused.0.{side}_cell"
            grown[f"{cell}.i2h_weight"] = cells.gates(read(parameters[f"{cell}.i2h_weight"]))
            grown[f"{cell}.h2h_weight"] = cells.gates(cells.read(parameters[f"{cell}.h2h_weight"]))
            for part in ("i2h_bias", "h2h_bias"):
                grown[f"{cell}.{part}"] = cells.gates(parameters[f"{cell}.{part}"])
        read = _reader(sides)
    for lstm in new.lstms[old.layers :]:
        grown.update(_passing(lstm, new.hidden, random))
    grown["head.weight"] = read(parameters["head.weight"])
    grown["head.bias"] = parameters["head.bias"]
    return grown


def _reader(sides: Sequence[Copies]) -> Any:
    """What widens weights that read both directions of an LSTM."""

    def read(weights: Array) -> Array:
        halves = np.split(weights, 2, axis=1)
        return np.concatenate([side.read(half) for side, half in zip(sides, halves)], axis=1)

    return read


def _passing(lstm: str, hidden: int, random: np.random.Generator) -> Parameters:
    """The parameters of an LSTM that hands on what it sees, nearly, and remembers little."""
    made: Parameters = {}
    for number, side in enumerate("lr"):
        cell = f"{lstm}._unfused.0.{side}_cell"
        scale = 0.1 / np.sqrt(hidden)
        i2h = scale * random.normal(size=(4, hidden, 2 * hidden))
        i2h[2, :, number * hidden : (number + 1) * hidden] += PASSED * np.eye(hidden)
        bias = np.zeros((4, hidden))
        bias[[0, 3]], bias[1] = OPEN, -OPEN  # input, output and forget gate
        for name, value in (
            ("i2h_weight", i2h.reshape(4 * hidden, -1)),
            ("h2h_weight", scale * random.normal(size=(4 * hidden, hidden))),
            ("i2h_bias", bias.reshape(-1)),
            ("h2h_bias", np.zeros(4 * hidden)),
        ):
            made[f"{cell}.{name}"] = value.astype(np.float32)
    return made


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--channels", type=int, nargs="+", help="of each residual block")
    parser.add_argument("--hidden", type=int, help="cells of an LSTM in each direction")
    parser.add_argument("--layers", type=int, help="bidirectional LSTMs")
    args = parser.parse_args(arguments or None)
    bundle = load_bundle(args.bundle)
    section = bundle.network_config(RECOGNIZER)
    old = RecognizerConfig.from_dict(section)
    channels = args.channels or [count for count, _ in old.blocks]
    if len(channels) != len(old.blocks) or (args.layers or old.layers) < old.layers:
        raise SystemExit(f"the recognizer has {len(old.blocks)} blocks and {old.layers} LSTMs")
    new = replace(
        old,
        blocks=tuple((count, strides) for count, (_, strides) in zip(channels, old.blocks)),
        hidden=args.hidden or old.hidden,
        layers=args.layers or old.layers,
    )
    parameters = grow(dict(bundle.parameters(RECOGNIZER)), old, new)
    config = {**bundle.config, "networks": {RECOGNIZER: {**section, **asdict(new)}}}
    config["decoding"] = {}
    write_bundle(args.output, config, bundle.charset, {RECOGNIZER: parameters})


if __name__ == "__main__":
    main()
