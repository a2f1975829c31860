"""The inner loops of reading in C, where they were built: setuptools leaves them out without a
compiler, and Python does the same, slower.
"""

from __future__ import annotations

import contextlib
from types import ModuleType
from typing import Optional

library: Optional[ModuleType] = None
"""The module `htrlib._compiled`; None where it was not built."""

with contextlib.suppress(ImportError):
    from htrlib import _compiled

    library = _compiled


def runs_lstms() -> bool:
    """Return whether the C part is there and can run 8-bit LSTMs, which takes AVX-512 VNNI."""
    return library is not None and bool(library.knows_recurrence())
