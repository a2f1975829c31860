"""Assemble a bundle from trained networks and language models.

    python assemble.py OUTPUT --networks runs/recognizer \
        --language-models runs/english.lm runs/french.lm

With nothing to put together the bundle is a charset, which is what the first training starts from.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, Dict, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from texts import CHARACTERS

from htrlib.bundle import Bundle, load_bundle, write_bundle
from htrlib.document.charset import Charset

Weights = Mapping[str, NDArray[np.floating]]


def mean_parameters(bundles: Sequence[Bundle], network: str) -> Dict[str, NDArray[np.float16]]:
    """Average a network's weights over bundles trained from each other, as float16.

    It often reads better than any of them; after M. Wortsman et al., 2022, "Model soups: averaging
    weights of multiple fine-tuned models improves accuracy without increasing inference time". The
    error of float16 is far below what the networks tell apart.
    """
    parts = [bundle.parameters(network) for bundle in bundles]
    return {
        name: np.mean([part[name] for part in parts], axis=0).astype(np.float16)
        for name in parts[0]
    }


def mixed(new: Weights, old: Weights, share: float) -> Dict[str, NDArray[np.float16]]:
    """Average new weights, which have a share, with those from which their training started."""
    return {
        name: (share * np.float32(array) + (1 - share) * np.float32(old[name])).astype(np.float16)
        for name, array in new.items()
    }


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument(
        "--networks",
        type=Path,
        nargs="+",
        default=[],
        help="bundle of the networks; of several, which have the same, the mean",
    )
    parser.add_argument(
        "--other",
        nargs=2,
        action="append",
        default=[],
        metavar=("NETWORK", "BUNDLE"),
        help="take one network from another bundle",
    )
    parser.add_argument(
        "--weights",
        nargs=2,
        action="append",
        default=[],
        metavar=("FILE", "SHARE"),
        help="mix the weights that train_labeler.py wrote into those of the same network",
    )
    parser.add_argument(
        "--language-models",
        type=Path,
        nargs="+",
        default=[],
        help="a page is read with the one that fits it; the most common language comes first",
    )
    parser.add_argument(
        "--internal-model", type=Path, help="of the training texts, see build_internal_model.py"
    )
    parser.add_argument("--internal-weight", type=float, default=0.4, help="default: %(default)s")
    parser.add_argument("--decoding", type=Path, help="JSON of the bundle's decoding section")
    parser.add_argument("--name", default="english")
    parser.add_argument("--version", default="0.1")
    args = parser.parse_args(arguments or None)
    bundles = [load_bundle(path) for path in args.networks]
    networks: Dict[str, Any] = {}
    charset = Charset(tuple(CHARACTERS))
    if bundles:
        networks = {name: bundles[0].network_config(name) for name in bundles[0].config["networks"]}
        charset = bundles[0].charset
    parameters = {name: mean_parameters(bundles, name) for name in networks}
    for name, path in args.other:
        other = load_bundle(path)
        networks[name] = other.network_config(name)
        parameters[name] = mean_parameters([other], name)
    for file, share in args.weights:
        network = Path(file).stem
        parameters[network] = mixed(dict(np.load(file)), parameters[network], float(share))
    decoding: Dict[str, Any] = {}
    if args.decoding:
        decoding = json.loads(args.decoding.read_text(encoding="utf-8"))
    if args.language_models:
        models = {path.stem: path.name for path in args.language_models}
        decoding = {**decoding, "language_models": models}
    extra = {path.name: path.read_bytes() for path in args.language_models}
    if args.internal_model:
        weight = args.internal_weight
        internal = {"internal_model": args.internal_model.name, "internal_weight": weight}
        decoding = {**decoding, **internal}
        extra[args.internal_model.name] = args.internal_model.read_bytes()
    config = {
        "name": args.name,
        "version": args.version,
        "networks": networks,
        "decoding": decoding,
    }
    write_bundle(args.output, config, charset, parameters, extra)


if __name__ == "__main__":
    main()
