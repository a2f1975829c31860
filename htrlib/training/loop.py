"""The training loop: steps, epochs, validation, checkpoints and stopping."""

from __future__ import annotations

import contextlib
import json
import math
import signal
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, Dict, Iterator, Optional, Tuple

from htrlib.ending_signals import heeded_signals
from htrlib.errors import NonFiniteLossError, TrainingError
from htrlib.training.batches.loader import Loader
from htrlib.training.checkpoint import Progress, read_checkpoint, write_checkpoint
from htrlib.training.config import FREE_ON_RESUME
from htrlib.training.distributed import Machines
from htrlib.training.learner import Learner
from htrlib.training.logs import STEPS, Log
from htrlib.training.tasks.task import Parameters, Task

LAST, BEST = "last.npz", "best.npz"
LONGEST_WARMUP = 0.1  # of a run at most, so that short ones reach the full rate
PARENT = "init.parameters"  # of whose checksum the identity of a training is made


class Run:
    """A training run in a directory.

    Args:
        task: task with prepared data.
        device: device for validation.
    """

    def __init__(
        self,
        task: Task,
        learner: Learner,
        machines: Machines,
        directory: Path,
        device: Optional[str],
        log: Log,
    ) -> None:
        self._task, self._learner, self._machines = task, learner, machines
        self._directory, self._device, self._log = directory, device, log
        self._config = task.config
        self.progress = Progress(aligned=task.parent is not None)
        self._pending: Optional[Tuple[Any, Any]] = None
        self._asked_to_stop = False
        self._stop = ""
        self._saved = time.monotonic()
        self._clock = 0.0  # seconds of training on the first machine, which count for all
        self._columns = self._span = 0.0  # since the last report, across epochs
        self._waited = 0.0

    def resume(self) -> None:
        """Resume from the directory's last checkpoint, if there is one.

        Raises:
            TrainingError: the checkpoint belongs to another training.
        """
        saved = read_checkpoint(self._directory / LAST) if self._machines.rank == 0 else None
        known = json.dumps(saved[1] if saved else {}, ensure_ascii=False)
        numbers = json.loads(self._machines.tell(known))
        if not numbers:
            if self._machines.rank == 0:  # left by another training
                (self._directory / BEST).unlink(missing_ok=True)
            return
        try:
            self._check(numbers["identity"])
            self.progress = Progress(**numbers["progress"])
            self._clock = self.progress.seconds
        except (KeyError, TypeError) as error:
            raise TrainingError(
                f"{self._directory / LAST} was written by another version of htrlib ({error}); "
                "choose another directory, or remove this one to start over"
            ) from error
        arrays = saved[0] if saved else self._learner.state()
        self._learner.load_state({n: self._machines.share(a) for n, a in arrays.items()})

    def train(self) -> str:
        """Take steps until a limit is reached or the run is interrupted.

        Returns:
            The reason to stop: "epochs", "minutes", "patience" or "interrupted".
        """
        started = self.progress.step
        with (
            self._interruptions(),
            Loader(self._task.source, self._config.processes) as self._loader,
        ):
            while not self._over():
                self._epoch()
                if not self._stop:
                    self._end_epoch()
            if self._stop == "minutes" and self.progress.batch and self.progress.step > started:
                self._validate()
            self._checkpoint()
        # If interrupted during the last validation, the caller must not refit: time is short.
        return "interrupted" if self._asked_to_stop else self._stop

    def best(self) -> Parameters:
        """Return the averaged parameters with the best score, or the last ones if not validated."""
        found = read_checkpoint(self._directory / BEST)
        return self._learner.average() if found is None else found[0]

    def _over(self) -> bool:
        """Return whether training should stop, and record the reason."""
        progress, config = self.progress, self._config
        if self._stop:
            return True
        if progress.epoch >= config.epochs:
            self._stop = "epochs"
        elif config.minutes is not None and self._clock >= 60 * config.minutes:
            self._stop = "minutes"
        elif (
            config.patience is not None
            and progress.best is not None
            and progress.epoch - progress.best_epoch >= config.patience
        ):
            self._stop = "patience"
        return bool(self._stop)

    def _epoch(self) -> None:
        """Train on the remaining batches of the epoch."""
        progress, machines = self.progress, self._machines
        plans = self._task.plan(progress.epoch, progress.aligned)
        todo = [plan.share(machines.rank, machines.count) for plan in plans[progress.batch :]]
        self._log.start_epoch(progress.epoch, len(plans), progress.batch)
        clock = time.monotonic()
        for plan, batch in self._loader.batches(todo):
            self._columns += float(batch.pop("columns").sum())
            rate = self._rate(progress.batch / len(plans), len(plans))
            clock_told = progress.seconds if machines.rank == 0 else 0.0
            asked = (float(self._asked_to_stop), clock_told)
            sums = self._learner.step(batch, progress.step, rate, asked)
            self._settle()
            self._pending = (sums, (progress.epoch, progress.batch, plan))
            progress.step += 1
            progress.batch += 1
            now = time.monotonic()
            progress.seconds += now - clock
            self._span += now - clock
            clock = now
            if progress.step % STEPS == 0:
                self._report(rate)
            if self._stop:
                break
            self._checkpoint_if_due()
        self._settle()
        self._log.end_epoch()

    def _rate(self, share: float, batches: int) -> float:
        """Return the learning rate: linear warm-up, flat, then half a cosine down.

        Args:
            share: completed fraction of the epoch.
            batches: number of batches in the epoch.
        """
        config, progress = self._config, self.progress
        done = (progress.epoch + share) / config.epochs
        if config.minutes is not None:
            done = max(done, self._clock / (60 * config.minutes))
        fall = min(1.0, max(0.0, (done - config.flat) / (1 - config.flat)))
        warmup = min(config.warmup, LONGEST_WARMUP * config.epochs * batches)
        rise = min(1.0, max((progress.step + 1) / max(1.0, warmup), done / LONGEST_WARMUP))
        return config.learning_rate * rise * (0.505 + 0.495 * math.cos(math.pi * fall))

    def _settle(self) -> None:
        """Read the result of the previous step.

        Raises:
            NonFiniteLossError: the loss is not finite.
        """
        if self._pending is None:
            return
        pending, (epoch, batch, plan) = self._pending
        loss, rows, norm, asked, seconds = pending.asnumpy().tolist()
        self._pending = None
        if not math.isfinite(loss) or not math.isfinite(norm):
            raise NonFiniteLossError(epoch, batch, self._task.samples(plan))
        self._clock = seconds
        self.progress.loss += loss
        self.progress.rows += rows
        self._log.advance(loss / rows)
        minutes = self._config.minutes
        if asked:
            self._stop = "interrupted"
        elif minutes is not None and self._clock >= 60 * minutes:
            self._stop = "minutes"

    def _report(self, rate: float) -> None:
        values = {
            "epoch": self.progress.epoch,
            "minutes": self.progress.minutes,
            "train_loss": self.progress.loss / max(1.0, self.progress.rows),
            "learning_rate": rate,
            "columns_per_second": self._columns / self._span,
            "loader_share": (self._loader.waited - self._waited) / self._span,
        }
        self._columns, self._span, self._waited = 0.0, 0.0, self._loader.waited
        self._log.write("steps", self.progress.step, values)

    def _end_epoch(self) -> None:
        progress = self.progress
        loss = progress.loss / max(1.0, progress.rows)
        progress.aligned = progress.aligned or self._task.aligned(loss)
        progress.epoch += 1
        self._validate()
        progress.batch, progress.loss, progress.rows = 0, 0.0, 0.0
        self._checkpoint()

    def _validate(self) -> None:
        """Score the averaged parameters, and save them if they are the best so far."""
        progress, start = self.progress, time.monotonic()
        scores: Dict[str, float] = {}
        average = self._learner.average()
        if self._task.validates and self._machines.rank == 0:
            scores = self._task.score(average, self._device)
        progress.seconds += time.monotonic() - start
        received = self._machines.tell(json.dumps([scores, progress.seconds]))
        scores, self._clock = json.loads(received)
        values: Dict[str, float] = {
            "epoch": progress.epoch,
            "step": progress.step,
            "minutes": progress.minutes,
            "train_loss": progress.loss / max(1.0, progress.rows),
            **{f"validation_{name}": score for name, score in scores.items()},
        }
        self._log.say(values)
        self._log.write("epoch", progress.step, values)
        if not scores:
            return
        score = scores[self._task.criterion]
        # A recognizer that outputs nothing yet stays at an error rate of 1 while it learns.
        silent = score == progress.best == 1.0 or not progress.aligned
        if progress.best is None or score < progress.best or silent:
            progress.best, progress.best_epoch = score, progress.epoch
            if self._machines.rank == 0:
                write_checkpoint(self._directory / BEST, average, {"scores": scores})

    def _checkpoint_if_due(self) -> None:
        if time.monotonic() - self._saved >= 60 * self._config.checkpoint_minutes:
            self._checkpoint()

    def _checkpoint(self) -> None:
        """Write the state from which a resumed run takes exactly the same steps."""
        self._settle()
        state = self._learner.state()
        if self._machines.rank == 0:
            numbers = {"progress": asdict(self.progress), "identity": self._identity()}
            write_checkpoint(self._directory / LAST, state, numbers)
        self._saved = time.monotonic()

    def _identity(self) -> Dict[str, Any]:
        """Return the settings that must be unchanged for a run to resume."""
        init, charset = self._task.init, self._task.charset
        identity = {
            "task": self._task.name,
            "init": None if init is None else init.label,
            PARENT: None if init is None else init.checksum(self._task.name),
            "charset": "" if charset is None else "".join(charset.symbols),
            "network": self._task.numbers(),
            "data": self._task.fingerprint,
            "machines": self._machines.count,
            "devices": self._task.devices,
            **{f"config.{name}": value for name, value in self._config.to_dict().items()},
        }
        for name in FREE_ON_RESUME:
            del identity[f"config.{name}"]
        plain: Dict[str, Any] = json.loads(json.dumps(identity))
        return plain

    def _check(self, found: Dict[str, Any]) -> None:
        expected = self._identity()
        unrecorded = {name: expected[name] for name in ("devices", PARENT)}  # by earlier versions
        found = {**unrecorded, **found}
        different = sorted(
            name for name in {*found, *expected} if found.get(name) != expected.get(name)
        )
        if different:
            name = different[0]
            raise TrainingError(
                f"{self._directory} holds a training with different {', '.join(different)} "
                f"({name}: {found.get(name)!r} there, {expected.get(name)!r} here); choose another "
                "directory, or remove this one to start over"
            )

    @contextlib.contextmanager
    def _interruptions(self) -> Iterator[None]:
        """Turn SIGTERM, SIGHUP and the first SIGINT into a request to stop after this step."""
        if threading.current_thread() is not threading.main_thread():
            yield  # only the main thread can handle signals
            return

        def ask(number: int, frame: object) -> None:
            if self._asked_to_stop and number == signal.SIGINT:
                raise KeyboardInterrupt
            self._asked_to_stop = True

        before = {number: signal.signal(number, ask) for number in heeded_signals()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
