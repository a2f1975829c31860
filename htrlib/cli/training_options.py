"""The options of `htr train` that come from `TrainerConfig`: names, defaults and help texts."""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import re
from typing import Dict

from htrlib.training.config import TrainerConfig


def add_training_options(parser: argparse.ArgumentParser) -> None:
    """Add an option for each field; values stay strings, which `TrainerConfig.from_dict` parses."""
    texts = field_descriptions(TrainerConfig)
    defaults = TrainerConfig().to_dict()
    for field in dataclasses.fields(TrainerConfig):
        number = str(field.type).replace("Optional[", "").startswith(("int", "float"))
        choices = field.metadata.get("choices")
        text = f"{_as_option_names(texts[field.name])} (default: {_shown(defaults[field.name])})"
        parser.add_argument(
            f"--{field.name.replace('_', '-')}",
            choices=choices,
            metavar=None if choices else "N" if number else "VALUE",
            help=text.replace("%", "%%"),
        )


def training_settings(parsed: argparse.Namespace) -> Dict[str, str]:
    """Return the given options by field name."""
    names = (field.name for field in dataclasses.fields(TrainerConfig))
    given = {name: getattr(parsed, name) for name in names}
    return {name: value for name, value in given.items() if value is not None}


def field_descriptions(cls: type) -> Dict[str, str]:
    """Return field -> its description in the `Attributes` section of the class's docstring."""
    section = inspect.cleandoc(cls.__doc__ or "").partition("Attributes:\n")[2]
    entries = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", section, re.MULTILINE)
    return {name: re.sub(r"\s+", " ", text).rstrip(".") for name, text in entries}


def _as_option_names(text: str) -> str:
    """Replace Python names with option names."""
    text = re.sub(r"`(\w+)`", lambda match: f"--{match[1].replace('_', '-')}", text)
    return text.replace("None", "none")


def _shown(value: object) -> str:
    """Format a default as a user would type it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:g}"
    if value is None:
        return "none"
    return "on" if isinstance(value, dict) else str(value)
