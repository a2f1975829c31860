"""The server's log: JSON Lines, one line per request or event, without any content."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any

_logger = logging.getLogger("htrlib.serving")


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = {"time": round(record.created, 3), "event": record.getMessage()}
        fields.update(getattr(record, "fields", {}))
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=True, default=str)


def configure_logs() -> None:
    """Send the log to standard output."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_JsonLines())
    _logger.handlers[:] = [handler]
    _logger.propagate = False
    _logger.setLevel(logging.INFO)


def log(event: str, **fields: Any) -> None:
    """Write one line to the log."""
    _logger.info(event, extra={"fields": fields})


def log_exception(event: str) -> None:
    """Log the exception being handled, with its traceback; for unexpected errors."""
    _logger.error(event, exc_info=True)


def milliseconds_since(start: float) -> int:
    """Return the milliseconds since a `time.monotonic()`."""
    return round(1000 * (time.monotonic() - start))
