"""Registries of parts by name: those of the library and those that installed packages add."""

from __future__ import annotations

import importlib
import sys
from importlib import metadata
from typing import Dict, Generic, Iterator, Mapping, MutableMapping, TypeVar, Union

from htrlib.errors import ConfigError

Value = TypeVar("Value")


class Registry(MutableMapping[str, Value], Generic[Value]):
    """A mapping from names to parts, each imported on first use.

    Args:
        group: entry point group in which other packages add parts.
        own: name -> `module:attribute` of the library's parts. Packages cannot replace these.

    >>> registry = Registry("htrlib.examples", {"pi": "math:pi"})
    >>> list(registry), round(registry["pi"], 2)
    (['pi'], 3.14)
    """

    def __init__(self, group: str, own: Mapping[str, str]) -> None:
        self._group = group
        self._parts: Dict[str, Union[str, Value]] = dict(own)
        self._complete = False

    def __getitem__(self, name: str) -> Value:
        if name not in self._parts:
            self._complete_names()
        part = self._parts[name]
        if isinstance(part, str):
            part = self._parts[name] = self._load(name, part)
        return part

    def __setitem__(self, name: str, part: Value) -> None:
        self._parts[name] = part

    def __delitem__(self, name: str) -> None:
        del self._parts[name]

    def __iter__(self) -> Iterator[str]:
        self._complete_names()
        return iter(sorted(self._parts))

    def __len__(self) -> int:
        self._complete_names()
        return len(self._parts)

    def _complete_names(self) -> None:
        if not self._complete:
            self._complete = True
            for point in _entry_points(self._group):
                self._parts.setdefault(point.name, point.value)

    def _load(self, name: str, place: str) -> Value:
        module, _, attribute = place.partition(":")
        try:
            value: Value = getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise ConfigError(
                f"entry point {name!r} of {self._group} is {place}, which cannot be imported "
                f"({error}); fix or uninstall the package that provides it"
            ) from error
        return value


def _entry_points(group: str) -> Iterator[metadata.EntryPoint]:
    if sys.version_info >= (3, 10):
        return iter(metadata.entry_points(group=group))
    return iter(metadata.entry_points().get(group, ()))
