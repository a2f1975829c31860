"""Formats of results and labeled pages, one per module."""

from __future__ import annotations

from htrlib.formats.saving import FORMATS as FORMATS
from htrlib.formats.saving import Format as Format
from htrlib.formats.saving import WriteOptions as WriteOptions
from htrlib.formats.saving import register as register
from htrlib.formats.saving import save as save
