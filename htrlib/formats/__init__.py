"""What results are written as, and labeled pages read from: one format a module."""

from __future__ import annotations

from htrlib.formats.registry import FORMATS as FORMATS
from htrlib.formats.registry import Format as Format
from htrlib.formats.registry import WriteOptions as WriteOptions
from htrlib.formats.registry import register as register
from htrlib.formats.registry import save as save
