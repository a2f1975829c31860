"""Estimate what the recognizer learned of the language: pairs of letters of its training lines.

    python build_internal_model.py runs/internal.lm --lines runs/lines --mixture mixture.json

Lines count as often as the mixture draws them. See `htrlib.language.internal`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import List, Mapping, Sequence

import numpy as np
from line_store import load

from htrlib.language.estimation import estimate
from htrlib.language.files import save_model

PAIRS = 2  # characters: the order of the model
TRAIN = "_train"  # the end of the names of files of training lines


def drawn_texts(folder: Path, weights: Mapping[str, float]) -> List[str]:
    """Return the texts of training lines, each about as often as its collection's weight says."""
    rng = np.random.default_rng(0)
    texts: List[str] = []
    for path in sorted(folder.glob(f"*{TRAIN}.json")):
        lines = load(path)
        times = rng.poisson(weights.get(path.stem[: -len(TRAIN)], 0.0), len(lines))
        texts += [line.text for line, count in zip(lines, times) for _ in range(count)]
    return [text for text in texts if text]


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--lines", type=Path, required=True, help="what cut_lines.py wrote")
    parser.add_argument("--mixture", type=Path, required=True, help="JSON with the weights")
    args = parser.parse_args(arguments or None)
    weights = json.loads(args.mixture.read_text(encoding="utf-8"))["weights"]
    save_model(estimate(drawn_texts(args.lines, weights), PAIRS), args.output)


if __name__ == "__main__":
    main()
