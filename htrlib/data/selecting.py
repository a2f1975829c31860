"""Load labeled data as commands and jobs specify it: format, path, and options as strings."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional

from htrlib import data
from htrlib.data.splitting import of_split
from htrlib.errors import ConfigError, DatasetError, HtrError


def select(
    format: str,
    path: str,
    *,
    images: Optional[str] = None,
    split: Optional[str] = None,
    options: Optional[Mapping[str, str]] = None,
) -> data.Dataset:
    """Load a data set.

    Args:
        format: one of `htrlib.data.FORMATS`.
        path: the annotation file or folder.
        images: folder of the pictures.
        split: load only this split; for iam, the file of a list.
        options: other options of the format; values are parsed as JSON if possible, or else taken
            as strings.
    Raises:
        ConfigError: the format, or an option of it, does not exist.
        DatasetError: no sample can be used, or none belongs to the split.
    """
    if format not in data.FORMATS:
        raise ConfigError(f"unknown data format {format!r}; choose {', '.join(data.FORMATS)}")
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
    except HtrError:
        raise
    except (TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"an option of {format} has a value of the wrong type: {error}") from None
    return dataset if split is None or by_adapter else _of_split(dataset, split)


def options_of(format: str) -> Dict[str, bool]:
    """Return the options of a format's `load`, and whether each is required."""
    parameters: List[inspect.Parameter] = list(
        inspect.signature(data.FORMATS[format]).parameters.values()
    )
    return {
        parameter.name: parameter.default is parameter.empty
        for parameter in parameters
        if parameter.kind is parameter.KEYWORD_ONLY
    }


def _of_split(dataset: data.Dataset, split: str) -> data.Dataset:
    of_split({n: sample.split for n, sample in enumerate(dataset) if sample.split}, split)
    return dataset.filter(lambda sample: sample.split == split)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
