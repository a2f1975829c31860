"""`__all__` is complete: every name in it exists, and no public name is missing."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path

import pytest

import htrlib
from htrlib import errors

SOURCE = ast.parse(Path(htrlib.__file__).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", htrlib.__all__)
def test_every_public_name_is_there(name: str) -> None:
    value = getattr(htrlib, name)
    assert value.__name__ == name
    assert value.__module__.startswith("htrlib.")


def test_names_are_sorted_and_stand_once() -> None:
    assert htrlib.__all__ == sorted(set(htrlib.__all__))


def test_type_checkers_see_the_same_names() -> None:
    (block,) = (node for node in SOURCE.body if isinstance(node, ast.If))
    seen = [alias.name for node in block.body for alias in node.names]  # type: ignore[attr-defined]
    assert sorted(seen) == htrlib.__all__


@pytest.mark.parametrize(
    "module", ["errors", "document.geometry", "document.results", "document.charset"]
)
def test_every_class_of_the_types_is_public(module: str) -> None:
    home = importlib.import_module(f"htrlib.{module}")
    for name, value in inspect.getmembers(home, inspect.isclass):
        if value.__module__ == home.__name__ and not name.startswith("_"):
            assert name in htrlib.__all__


def test_every_error_stands_in_the_drawn_tree() -> None:
    for name, value in inspect.getmembers(errors, inspect.isclass):
        if issubclass(value, errors.HtrError):
            assert name in (errors.__doc__ or "")


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="transcribble"):
        htrlib.transcribble  # noqa: B018


def test_dir_has_the_names_before_they_are_loaded() -> None:
    assert set(htrlib.__all__) <= set(dir(htrlib))
