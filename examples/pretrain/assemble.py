"""Put the trained networks and the language model together as a bundle.

    python assemble.py OUTPUT --finder runs/line-segmentation-ssd \
        --recognizer runs/recognizer/last.pt --language-model runs/english-french.lm

With nothing to put together the bundle is a charset, which is what the first training starts from.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Dict

import numpy as np
import torch
from texts import CHARACTERS
from twin import RecognizerConfig, mean_state, parameters_for_bundle

from htrlib.bundle import load_bundle, write_bundle
from htrlib.charset import Charset

LANGUAGE_MODEL = "english-french.lm"
HEIGHT = 64  # of the recognizer's input
MAX_WIDTH = 3072  # wider lines are cut


def halved(arrays: Dict[str, Any]) -> Dict[str, Any]:
    """float16: half the size; the error is far below what the networks tell apart."""
    return {name: np.asarray(values).astype(np.float16) for name, values in arrays.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--finder", type=Path, help="bundle of the networks that find lines")
    parser.add_argument(
        "--recognizer", type=Path, nargs="+", help="its twin's checkpoint; the mean of several"
    )
    parser.add_argument("--language-model", type=Path)
    parser.add_argument("--decoding", type=Path, help="JSON of the bundle's decoding section")
    parser.add_argument("--name", default="english")
    parser.add_argument("--version", default="0.1")
    args = parser.parse_args()
    charset = Charset(tuple(CHARACTERS))
    parameters: Dict[str, Any] = {}
    networks: Dict[str, Any] = {}
    if args.finder:
        finder = load_bundle(args.finder)
        networks = {name: finder.network_config(name) for name in finder.config["networks"]}
        parameters = {name: halved(finder.parameters(name)) for name in networks}
    if args.recognizer:
        states = [torch.load(path, map_location="cpu")["average"] for path in args.recognizer]
        parameters["line-recognition"] = halved(parameters_for_bundle(mean_state(states)))
        networks["line-recognition"] = {
            **asdict(RecognizerConfig(len(charset) + 1)),
            "height": HEIGHT,
            "max_width": MAX_WIDTH,
        }
    decoding: Dict[str, Any] = {}
    extra: Dict[str, bytes] = {}
    if args.language_model:
        decoding = {"language_models": {"en-fr": LANGUAGE_MODEL}}
        extra[LANGUAGE_MODEL] = args.language_model.read_bytes()
    if args.decoding:
        decoding = json.loads(args.decoding.read_text(encoding="utf-8"))
    config = {
        "name": args.name,
        "version": args.version,
        "networks": networks,
        "decoding": decoding,
    }
    write_bundle(args.output, config, charset, parameters, extra)


if __name__ == "__main__":
    main()
