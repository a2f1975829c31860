"""`htr lm build` and `htr lm score`: character language models."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from pathlib import Path
from typing import List, Tuple

from htrlib.errors import ConfigError
from htrlib.language.estimation import estimate
from htrlib.language.files import load_model, save_model
from htrlib.language.text import read_paragraphs


@dataclass(frozen=True)
class BuildConfig:
    """Texts and settings to estimate a language model with.

    Attributes:
        texts: text files in UTF-8.
        output: file to write; in ARPA format if its name ends in `.arpa` or `.arpa.gz`.
        order: length of the longest n-grams.
        min_counts: minimum number of occurrences of n-grams of length 1, 2, ... to keep.
    """

    texts: Tuple[Path, ...]
    output: Path
    order: int = 6
    min_counts: Tuple[int, ...] = (1,)


@dataclass(frozen=True)
class ScoreConfig:
    """A language model, and text files to test it on."""

    model: Path
    texts: Tuple[Path, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True)

    builder = actions.add_parser("build", help="estimate a model from text files")
    builder.add_argument("texts", metavar="TEXT", nargs="+", type=Path, help="text file in UTF-8")
    builder.add_argument(
        "--order",
        type=int,
        default=BuildConfig.order,
        help="length of the longest n-grams (default: %(default)s)",
    )
    builder.add_argument(
        "--min-counts",
        metavar="N,N,...",
        default="1",
        help="minimum count of n-grams of length 1, 2, ... to keep; the last number "
        "applies to all longer ones (default: 1)",
    )
    builder.add_argument(
        "--output",
        type=Path,
        required=True,
        help="file to write; in ARPA format if its name ends in .arpa or .arpa.gz",
    )
    builder.set_defaults(run=_build_parsed)

    scorer = actions.add_parser("score", help="measure how well a model predicts text files")
    scorer.add_argument("model", metavar="MODEL", type=Path)
    scorer.add_argument("texts", metavar="TEXT", nargs="+", type=Path, help="text file in UTF-8")
    scorer.set_defaults(run=_score_parsed)


def _build_parsed(parsed: argparse.Namespace) -> int:
    counts = _min_counts(parsed.min_counts)
    return build(BuildConfig(tuple(parsed.texts), parsed.output, parsed.order, counts))


def _score_parsed(parsed: argparse.Namespace) -> int:
    return score(ScoreConfig(parsed.model, tuple(parsed.texts)))


def build(config: BuildConfig) -> int:
    """Estimate a model, write it, and return the exit status.

    Raises:
        ConfigError, LanguageModelError, OSError: see `estimate` and `save_model`.
    """
    paragraphs: List[str] = []
    for path in config.texts:
        paragraphs += read_paragraphs(path)
    model = estimate(paragraphs, config.order, config.min_counts)
    save_model(model, config.output)
    sizes = ", ".join(str(len(level)) for level in model.levels)
    print(
        f"{config.output}: order {model.order}, {len(model.characters)} characters, n-grams by "
        f"length {sizes}, {config.output.stat().st_size / 1e6:.2f} MB"
    )
    return 0


def score(config: ScoreConfig) -> int:
    """Print how well a model predicts each text, and return the exit status.

    Raises:
        LanguageModelError: the model cannot be read.
    """
    model = load_model(config.model)
    for path in config.texts:
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
            f"--min-counts takes whole numbers separated by commas, found {text!r}"
        ) from None
