"""Fixtures of the tests that need the packages of `examples/pretrain/requirements.txt`."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest


@pytest.fixture
def script(monkeypatch):
    """Import a script of `examples/pretrain` by its name."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1]))
    return importlib.import_module
