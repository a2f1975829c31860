"""Valid names of jobs, models and endpoints in SageMaker."""

from __future__ import annotations

import re
import time

from htrlib.errors import ConfigError

STAMP_LENGTH = 16
"""Length of the suffix that `stamped` adds."""

_LONGEST = 63
_STAMP = "-%Y%m%d-%H%M%S"
_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*")


def checked(name: str, room: int = 0) -> str:
    """Return the name if it is valid even with `room` more characters.

    Raises:
        ConfigError: the name is invalid.
    """
    if not _NAME.fullmatch(name) or len(name) + room > _LONGEST:
        raise ConfigError(
            f"a name has letters, digits and hyphens, {_LONGEST - room} at most, and no hyphen at "
            f"either end; found {name!r}"
        )
    return name


def stamped(name: str) -> str:
    """Append the time to a name, which makes it unique. Raises like `checked`."""
    return checked(name, STAMP_LENGTH) + time.strftime(_STAMP, time.gmtime())


def is_stamped(name: str, base: str) -> bool:
    """Return whether `stamped` created a name from `base`.

    >>> is_stamped("hands-20260501-120000", "hands"), is_stamped("hands-of-anna", "hands")
    (True, False)
    """
    return re.fullmatch(re.escape(base) + r"-\d{8}-\d{6}", name) is not None
