"""The arguments by which every command takes labeled data."""

from __future__ import annotations

import argparse
from typing import Dict, Optional, Sequence

from htrlib import data
from htrlib.data.selecting import select
from htrlib.errors import ConfigError


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what goes with a format and a path."""
    parser.add_argument("--images", metavar="DIR", help="folder of the pictures")
    parser.add_argument(
        "--split", help="only what the data puts into this split; of iam, the file of a list"
    )
    parser.add_argument(
        "--option",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="another option of the format, as level=lines for iam; can be repeated",
    )


def load(
    format: str,
    path: str,
    *,
    images: Optional[str] = None,
    split: Optional[str] = None,
    options: Sequence[str] = (),
) -> data.Dataset:
    """The data set that the arguments mean. Raises as `htrlib.data.selecting.select`."""
    return select(format, path, images=images, split=split, options=pairs(options, "--option"))


def pairs(texts: Sequence[str], argument: str) -> Dict[str, str]:
    """The names and values of an argument that is repeated.

    Raises:
        ConfigError: one is not of the form NAME=VALUE.
    """
    values = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"{argument} takes NAME=VALUE, found {text!r}")
        values[name] = value
    return values
