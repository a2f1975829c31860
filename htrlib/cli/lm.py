"""`htr lm build` and `htr lm score`: character language models."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import List, Tuple

from htrlib.errors import ConfigError
from htrlib.language.estimation import estimate
from htrlib.language.files import load_model, save_model
from htrlib.language.text import read_paragraphs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True)

    build = actions.add_parser("build", help="estimate a model from text files")
    build.add_argument("texts", metavar="TEXT", nargs="+", type=Path, help="text file in UTF-8")
    build.add_argument("--order", type=int, default=6, help="longest n-grams (default: 6)")
    build.add_argument(
        "--min-counts",
        metavar="N,N,...",
        default="1",
        help="fewest occurrences of the n-grams of length 1, 2, ... that are kept; the last holds "
        "for all longer ones (default: 1)",
    )
    build.add_argument(
        "--output",
        type=Path,
        required=True,
        help="file to write, an ARPA file if its name ends in .arpa",
    )
    build.set_defaults(run=run, act=_build)

    score = actions.add_parser("score", help="tell how well a model predicts text files")
    score.add_argument("model", metavar="MODEL", type=Path)
    score.add_argument("texts", metavar="TEXT", nargs="+", type=Path, help="text file in UTF-8")
    score.set_defaults(run=run, act=_score)


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit status."""
    status: int = args.act(args)
    return status


def _build(args: argparse.Namespace) -> int:
    paragraphs: List[str] = []
    for path in args.texts:
        paragraphs += read_paragraphs(path)
    model = estimate(paragraphs, args.order, _min_counts(args.min_counts))
    save_model(model, args.output)
    sizes = ", ".join(str(len(level)) for level in model.levels)
    print(
        f"{args.output}: order {model.order}, {len(model.characters)} characters, n-grams by "
        f"length {sizes}, {args.output.stat().st_size / 1e6:.2f} MB"
    )
    return 0


def _score(args: argparse.Namespace) -> int:
    model = load_model(args.model)
    for path in args.texts:
        characters, log_prob = 0, 0.0
        unknown: Tuple[str, ...] = ()
        for paragraph in read_paragraphs(path):
            log_prob += model.score(paragraph, begin=True)
            characters += len(paragraph)
            unknown = model.unknown(paragraph + "".join(unknown))
        bits = -log_prob / characters / math.log(2)
        print(f"{path}: {bits:.3f} bits a character, perplexity {2**bits:.2f}", end="")
        print(f", unknown characters: {''.join(unknown)}" if unknown else "")
    return 0


def _min_counts(text: str) -> Tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(
            f"--min-counts takes whole numbers with commas between, found {text!r}"
        ) from None
