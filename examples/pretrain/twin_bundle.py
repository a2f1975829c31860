"""Write a bundle with the recognizer of a twin's checkpoint, or of the mean of several.

    python twin_bundle.py BASE OUTPUT runs/twin/last.pt --version 1.0

The rest of the new bundle is that of BASE. With `--share 0.85` the weights are 0.85 parts the new
ones and 0.15 parts those of BASE, from which the training started: such a mean forgets less of what
BASE was good at (M. Wortsman et al., 2022, "Robust fine-tuning of zero-shot models").
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Sequence

import numpy as np
import torch
from assemble import mixed
from twin import mean_state, parameters_for_bundle
from twin_training import grown

from htrlib.bundle import load_bundle, write_bundle
from htrlib.document.charset import Charset

RECOGNIZER = "line-recognition"


def run(
    base: Path, output: Path, checkpoints: Sequence[Path], version: str, share: float = 1.0
) -> None:
    """Write the bundle; weights are stored as float16, whose error the networks do not notice."""
    bundle = load_bundle(base)
    saved = [torch.load(path) for path in checkpoints]
    charset = Charset(tuple(saved[0]["symbols"]))
    networks = {name: dict(bundle.network_config(name)) for name in bundle.config["networks"]}
    networks[RECOGNIZER].update(saved[0]["config"])
    parameters = {name: bundle.parameters(name) for name in networks if name != RECOGNIZER}
    new = parameters_for_bundle(mean_state([one["average"] for one in saved]))
    if share < 1:
        old = grown(dict(bundle.parameters(RECOGNIZER)), bundle.charset, charset)
        new = mixed(new, old, share)
    parameters[RECOGNIZER] = new
    small = {
        network: {name: array.astype(np.float16) for name, array in arrays.items()}
        for network, arrays in parameters.items()
    }
    config = {**bundle.config, "version": version, "networks": networks}
    extra = {path.name: path.read_bytes() for path in base.glob("*.lm")}
    write_bundle(output, config, charset, small, extra)


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("base", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("checkpoints", type=Path, nargs="+")
    parser.add_argument("--version", default="1.0")
    parser.add_argument("--share", type=float, default=1.0, help="of the new weights")
    args = parser.parse_args(arguments or None)
    run(args.base, args.output, args.checkpoints, args.version, args.share)


if __name__ == "__main__":
    main()
