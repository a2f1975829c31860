"""The creation time of files."""

from __future__ import annotations

import os
from datetime import datetime, timezone


def written_at() -> str:
    """Return the current time in ISO 8601, or SOURCE_DATE_EPOCH for reproducible files."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    try:
        now = datetime.fromtimestamp(int(epoch), timezone.utc)
    except (ValueError, OverflowError, OSError):  # none, or no time
        now = datetime.now(timezone.utc)
    return now.isoformat(timespec="seconds")
