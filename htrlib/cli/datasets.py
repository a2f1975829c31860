"""The arguments by which every command takes labeled data."""

from __future__ import annotations

import argparse
import inspect
import json
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from htrlib import data
from htrlib.errors import ConfigError, DatasetError


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
    options: Tuple[str, ...] = (),
) -> data.Dataset:
    """The data set that the arguments mean.

    Raises:
        ConfigError: there is no such format, or it has no such option.
        DatasetError: no sample can be used, or none is in the split.
    """
    if format not in data.FORMATS:
        raise ConfigError(f"no data format {format!r}; there are {', '.join(sorted(data.FORMATS))}")
    if not Path(path).exists():
        raise DatasetError(f"{path}: there is no such file or folder")
    given: Dict[str, Any] = dict(map(_option, options))
    if images is not None:
        given["images"] = images
    known = _known_options(format)
    by_adapter = "split" in known
    if split is not None and by_adapter:
        given["split"] = split
    unknown = sorted(set(given) - set(known))
    if unknown:
        have = ", ".join(known) or "none"
        raise ConfigError(f"{format} has no option {unknown[0]!r}; it has {have}")
    missing = [name for name, required in known.items() if required and name not in given]
    if missing:
        raise ConfigError(f"{format} needs --option {missing[0]}=...")
    try:
        dataset = data.load(format, path, **given)
    except TypeError as error:
        raise ConfigError(f"an option of {format} has a value of the wrong kind: {error}") from None
    return dataset if split is None or by_adapter else _of_split(dataset, split)


def _of_split(dataset: data.Dataset, split: str) -> data.Dataset:
    found = dataset.filter(lambda sample: sample.split == split)
    if not found:
        splits = sorted({str(sample.split) for sample in dataset if sample.split is not None})
        have = f"there are {', '.join(splits)}" if splits else "the data names no splits"
        raise DatasetError(f"no sample is in the split {split!r}; {have}")
    return found


def _known_options(format: str) -> Dict[str, bool]:
    """The options of a format's `load`, and whether it needs them."""
    parameters: List[inspect.Parameter] = list(
        inspect.signature(data.FORMATS[format]).parameters.values()
    )
    return {
        parameter.name: parameter.default is parameter.empty
        for parameter in parameters
        if parameter.kind is parameter.KEYWORD_ONLY
    }


def _option(text: str) -> Tuple[str, Any]:
    """Name and value; what is JSON is taken as such, anything else as a string."""
    name, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f"--option takes NAME=VALUE, found {text!r}")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
