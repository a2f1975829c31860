"""Labeled data as commands and jobs name it: a format, a path, and options that are texts."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional

from htrlib import data
from htrlib.errors import ConfigError, DatasetError


def select(
    format: str,
    path: str,
    *,
    images: Optional[str] = None,
    split: Optional[str] = None,
    options: Optional[Mapping[str, str]] = None,
) -> data.Dataset:
    """The data set that the arguments mean.

    Args:
        format: one of `htrlib.data.FORMATS`.
        path: the annotation file or folder.
        images: folder of the pictures.
        split: only what the data puts into this split; of iam, the file of a list.
        options: others of the format; what is JSON is taken as such, anything else as a string.
    Raises:
        ConfigError: there is no such format, or it has no such option.
        DatasetError: no sample can be used, or none is in the split.
    """
    if format not in data.FORMATS:
        raise ConfigError(f"no data format {format!r}; there are {', '.join(data.FORMATS)}")
    if not Path(path).exists():
        raise DatasetError(f"{path}: there is no such file or folder")
    given: Dict[str, Any] = {name: _value(text) for name, text in (options or {}).items()}
    if images is not None:
        given["images"] = images
    known = options_of(format)
    by_adapter = "split" in known
    if split is not None and by_adapter:
        given["split"] = split
    unknown = sorted(set(given) - set(known))
    if unknown:
        have = ", ".join(known) or "none"
        raise ConfigError(f"{format} has no option {unknown[0]!r}; it has {have}")
    missing = [name for name, required in known.items() if required and name not in given]
    if missing:
        raise ConfigError(f"{format} needs the option {missing[0]!r}")
    try:
        dataset = data.load(format, path, **given)
    except TypeError as error:
        raise ConfigError(f"an option of {format} has a value of the wrong kind: {error}") from None
    return dataset if split is None or by_adapter else _of_split(dataset, split)


def options_of(format: str) -> Dict[str, bool]:
    """The options of a format's `load`, and whether it needs them."""
    parameters: List[inspect.Parameter] = list(
        inspect.signature(data.FORMATS[format]).parameters.values()
    )
    return {
        parameter.name: parameter.default is parameter.empty
        for parameter in parameters
        if parameter.kind is parameter.KEYWORD_ONLY
    }


def _of_split(dataset: data.Dataset, split: str) -> data.Dataset:
    found = dataset.filter(lambda sample: sample.split == split)
    if not found:
        splits = sorted({str(sample.split) for sample in dataset if sample.split is not None})
        have = f"there are {', '.join(splits)}" if splits else "the data names no splits"
        raise DatasetError(f"no sample is in the split {split!r}; {have}")
    return found


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
