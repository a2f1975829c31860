"""Import a user's recognizer by module and function name."""

from __future__ import annotations

import importlib
from typing import Optional

from htrlib.errors import ConfigError
from htrlib.reading.pipeline import Recognizer


def load_recognizer(place: Optional[str]) -> Optional[Recognizer]:
    """Import a recognizer; importing runs its module's code.

    Args:
        place: `module:function`. The function takes a page, (H, W) uint8, and its `TextLine`s, and
            returns a `LogProbs` for each line, as `htrlib.recognize_lines` does. Several threads
            may call it at once. None means the bundle's recognizer.
    Returns:
        The `recognize_lines` argument of `Pipeline`.
    Raises:
        ConfigError: the module cannot be imported or does not define such a function.
    """
    if place is None:
        return None
    module, colon, name = place.partition(":")
    if not (module and colon and name):
        raise ConfigError(f"a recognizer must be given as module:function, found {place!r}")
    try:
        imported = importlib.import_module(module)
    except Exception as error:  # whatever the user's module raises
        raise ConfigError(
            f"recognizer {place} cannot be imported: {type(error).__name__}: {error}; install its "
            "module, or add its folder to PYTHONPATH"
        ) from error
    found: Optional[Recognizer] = getattr(imported, name, None)
    if found is None:
        raise ConfigError(f"recognizer {place}: the module {module} has no function {name!r}")
    if not callable(found):
        raise ConfigError(f"recognizer {place} must be a function, found {found!r}")
    return found
