"""The creation time of files."""

from __future__ import annotations

import os
from datetime import datetime, timezone


def written_at() -> str:
    """The time now, in ISO 8601; that of SOURCE_DATE_EPOCH, so that files can be reproduced."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    now = (
        datetime.fromtimestamp(int(epoch), timezone.utc)
        if epoch.isdecimal()
        else datetime.now(timezone.utc)
    )
    return now.isoformat(timespec="seconds")
