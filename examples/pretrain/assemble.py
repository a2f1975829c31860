"""Put the trained networks together as a bundle.

    python assemble.py --recognizer runs/recognizer/last.pt --lines runs/lines.npz ... OUTPUT
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any, Dict

import numpy as np
import torch
from texts import CHARACTERS
from twin import RecognizerConfig, parameters_for_bundle

from htrlib.bundle import write_bundle
from htrlib.charset import Charset
from htrlib.networks.labeler import LabelerConfig


def halved(arrays: Dict[str, Any]) -> Dict[str, Any]:
    """float16: half the size; the error is far below what the networks tell apart."""
    return {name: np.asarray(values).astype(np.float16) for name, values in arrays.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--recognizer", type=Path, required=True)
    parser.add_argument("--lines", type=Path, required=True)
    parser.add_argument("--paragraph", type=Path, required=True)
    parser.add_argument("--name", default="english")
    parser.add_argument("--version", default="0.1")
    args = parser.parse_args()
    charset = Charset(tuple(CHARACTERS))
    recognizer = torch.load(args.recognizer, map_location="cpu")["average"]
    parameters = {"line-recognition": halved(parameters_for_bundle(recognizer))}
    networks: Dict[str, Any] = {
        "line-recognition": {
            **asdict(RecognizerConfig(len(charset) + 1)),
            "height": 64,
            "width_multiple": 128,
            "max_width": 3072,
        }
    }
    for name, path, labels in (
        ("paragraph", args.paragraph, 1),
        ("line-segmentation", args.lines, 2),
    ):
        with np.load(path) as saved:
            parameters[name] = halved(dict(saved))
        networks[name] = asdict(LabelerConfig(labels))
    config = {
        "name": args.name,
        "version": args.version,
        "networks": networks,
        "decoding": {"method": "greedy"},
    }
    write_bundle(args.output, config, charset, parameters)


if __name__ == "__main__":
    main()
