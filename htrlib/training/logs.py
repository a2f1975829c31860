"""Training logs: a progress bar, plain lines, JSON Lines, TensorBoard."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any, Iterable, Mapping, Optional

from tqdm import tqdm

from htrlib.training.events import EventFile

STEPS = 50  # between two entries
ENTRIES = "log.jsonl"


class Log:
    """Writes to a run's directory, to standard output and, the bar, to standard error.

    Args:
        directory: gets `log.jsonl` and `events/`; None writes nothing anywhere.
    """

    def __init__(self, directory: Optional[Path]) -> None:
        self._directory = directory
        self._bar: Any = None
        self._events: Optional[EventFile] = None

    def start_epoch(self, epoch: int, batches: int, done: int) -> None:
        """Open the bar of an epoch."""
        if self._directory is not None:
            self._bar = tqdm(
                total=batches, initial=done, desc=f"epoch {epoch}", unit="batch", disable=None
            )

    def advance(self, loss: float) -> None:
        """A batch is done."""
        if self._bar is not None:
            self._bar.update()
            self._bar.set_postfix(loss=f"{loss:.3f}", refresh=False)

    def end_epoch(self) -> None:
        """Close the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def write(self, event: str, step: int, values: Mapping[str, float]) -> None:
        """An entry for machines."""
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
        """A line on standard output: `epoch=3; train_loss=0.2; validation_cer=0.0731;`."""
        self._print(" ".join(f"{name}={_plain(value)};" for name, value in values.items()))

    def tell(self, sentences: Iterable[str]) -> None:
        """Lines for readers."""
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
