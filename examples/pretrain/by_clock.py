"""Common parts of the trainings: initial bundle, time limit, and resulting bundle."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Optional, Sequence

from htrlib import Trainer, TrainerConfig, data
from htrlib.bundle import check_replaceable

INTERRUPTED = 130


def parser_of(description: str) -> argparse.ArgumentParser:
    """Create the parser of the common arguments."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, required=True, help="folder of the collections")
    parser.add_argument("--init", type=Path, required=True, help="bundle to start from")
    parser.add_argument("--minutes", type=float, required=True, help="of training, in all")
    parser.add_argument("--output", type=Path, required=True, help="the new bundle")
    parser.add_argument("--seed", type=int, default=1)
    return parser


def parsed(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the arguments, and check that the output can be written."""
    args = parser.parse_args(arguments or None)
    check_replaceable(args.output)
    return args


def train(
    task: str,
    args: argparse.Namespace,
    learned: data.Dataset,
    chosen: Optional[data.Dataset],
    **options: Any,
) -> int:
    """Train or resume a training, and write the bundle.

    Args:
        learned: training data.
        chosen: validation data.
        options: options of `TrainerConfig`.
    Returns:
        The exit status.
    """
    config = TrainerConfig(
        epochs=10**6,  # ended by the time limit
        minutes=args.minutes,
        patience=None,
        seed=args.seed,
        **options,
    )
    directory = args.output.with_name(f"{args.output.name}.training")
    trainer = Trainer(task, config=config, init=args.init, directory=directory)
    if trainer.fit(learned, chosen).reason == "interrupted":
        return INTERRUPTED
    trainer.save(args.output, refit=False)  # decoding is tuned after assembly
    return 0
