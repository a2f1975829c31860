"""Arguments for labeled data, shared by several commands."""

from __future__ import annotations

import argparse
from typing import Dict, Optional, Sequence

from htrlib import data
from htrlib.data.selecting import select
from htrlib.errors import ConfigError


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that accompany a format and a path."""
    parser.add_argument("--images", metavar="DIR", help="folder of the images")
    parser.add_argument(
        "--split", help="use only this split of the data; for iam, a file with a list"
    )
    parser.add_argument(
        "--option",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="another option of the format, such as level=lines for iam; can be repeated",
    )


def load(
    format: str,
    path: str,
    *,
    images: Optional[str] = None,
    split: Optional[str] = None,
    options: Sequence[str] = (),
) -> data.Dataset:
    """Load the data named by the arguments. Raises as `htrlib.data.selecting.select`."""
    return select(format, path, images=images, split=split, options=pairs(options, "--option"))


def pairs(texts: Sequence[str], argument: str) -> Dict[str, str]:
    """Parse the values of a repeated NAME=VALUE argument.

    Raises:
        ConfigError: a value does not have the form NAME=VALUE.
    """
    values = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"{argument} takes NAME=VALUE, found {text!r}")
        values[name] = value
    return values
