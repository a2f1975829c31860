"""Signals that ask a program to end, and which of them this process heeds."""

from __future__ import annotations

import signal
from typing import Tuple

ENDING_SIGNALS = tuple(
    signal.Signals[name]
    for name in ("SIGINT", "SIGTERM", "SIGHUP")
    if name in signal.Signals.__members__  # Windows has no SIGHUP
)


def heeded_signals() -> Tuple[signal.Signals, ...]:
    """Return those that were not set to be ignored, as nohup sets SIGHUP."""
    return tuple(n for n in ENDING_SIGNALS if signal.getsignal(n) != signal.SIG_IGN)
