"""Training logs: progress, text lines, JSON Lines and TensorBoard events."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any, Iterable, Mapping, Optional

from tqdm import tqdm

from htrlib.progress import Heartbeat
from htrlib.training.events import EventFile

STEPS = 50  # steps between two entries
ENTRIES = "log.jsonl"


class Log:
    """Logs to a run's directory and standard output; the progress goes to standard error.

    Args:
        directory: directory for `log.jsonl` and `events/`; None turns all logging off.
    """

    def __init__(self, directory: Optional[Path]) -> None:
        self._directory = directory
        self._bar: Any = None
        self._heartbeat: Optional[Heartbeat] = None
        self._done = 0
        self._events: Optional[EventFile] = None

    def start_epoch(self, epoch: int, batches: int, done: int) -> None:
        """Open the progress bar of an epoch, or begin the lines that replace it in a log file."""
        self._done = done
        if self._directory is not None:
            self._heartbeat = Heartbeat(f"epoch {epoch}", batches, "batches")
            self._bar = tqdm(
                total=batches, initial=done, desc=f"epoch {epoch}", unit="batch", disable=None
            )

    def advance(self, loss: float) -> None:
        """Show that another batch is done."""
        self._done += 1
        if self._heartbeat is not None:
            self._heartbeat.beat(self._done)
        if self._bar is not None:
            self._bar.update()
            self._bar.set_postfix(loss=f"{loss:.3f}", refresh=False)

    def end_epoch(self) -> None:
        """Close the progress bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def write(self, event: str, step: int, values: Mapping[str, float]) -> None:
        """Write an entry to the JSON and TensorBoard logs."""
        if self._directory is None:
            return
        entry = {"event": event, "time": round(time.time(), 3), "step": step}
        entry.update({name: _rounded(value) for name, value in values.items()})
        with (self._directory / ENTRIES).open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        if self._events is None:
            self._events = EventFile(self._directory / "events")
        self._events.scalars(step, values)

    def say(self, values: Mapping[str, float]) -> None:
        """Print metrics in one line: `epoch=3; train_loss=0.2; validation_cer=0.0731;`."""
        self._print(" ".join(f"{name}={_plain(value)};" for name, value in values.items()))

    def tell(self, sentences: Iterable[str]) -> None:
        """Print lines of text."""
        for sentence in sentences:
            self._print(sentence)

    def close(self) -> None:
        self.end_epoch()
        if self._events is not None:
            self._events.close()

    def _print(self, text: str) -> None:
        if self._directory is not None:
            with tqdm.external_write_mode(file=sys.stdout):
                sys.stdout.write(text + "\n")
                sys.stdout.flush()


def _plain(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.4f}"


def _rounded(value: float) -> float:
    return value if isinstance(value, int) else round(float(value), 6)
