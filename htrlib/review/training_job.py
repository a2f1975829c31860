"""Run a training started in the browser, as three programs in sequence.

These are `htr evaluate` on the pages kept aside, `htr train` on the others, and `htr evaluate` with
the new bundle. Each is a separate process; the state is on disk, so that it survives a restart.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any, Dict, List, Optional, Sequence

from htrlib.errors import CorrectionError
from htrlib.formats.confirmed_lines import ASIDE, TRAIN
from htrlib.review.whole_files import lock_at_once, read_json, write_json

IDLE, RUNNING, FINISHED, FAILED, STOPPED = "idle", "running", "finished", "failed", "stopped"

HTR = (sys.executable, "-m", "htrlib")
"""The program."""

_EPOCHS = 30  # maximum, as in `htr train`
_LOG_LINES = 40  # number of lines shown
_STOP_SECONDS = 20.0  # seconds after which a training that does not stop is killed
_NICENESS = 5  # answers to the browser come first
_MEASURING = 0.05  # share of the progress before and after the training

Json = Dict[str, Any]


@dataclass(frozen=True)
class TrainingState:
    """The state of a training, as stored on disk.

    Attributes:
        state: one of "idle", "running", "finished", "failed" and "stopped".
        minutes: maximum duration.
        init: directory of the bundle to start from.
        before: results of that bundle on the pages kept aside: `cer`, `lines`, `pages`.
        after: the same for the new bundle.
        bundle: directory of the new bundle, once it exists.
        problem: reason of a failure.
        process: id of the running program.
        data: what tells the confirmed lines from those of another time: `htr train` goes on with a
            training only on the same ones.
    """

    state: str = IDLE
    minutes: float = 0.0
    init: str = ""
    before: Optional[Json] = None
    after: Optional[Json] = None
    bundle: Optional[str] = None
    problem: str = ""
    process: Optional[int] = None
    data: str = ""


class _StoppedError(Exception):
    """A person stopped the training."""


class TrainingJob:
    """One training, in its own folder.

    Args:
        folder: folder for state, logs and the new bundle; created if missing.
        name: name of the new bundle.
        data: the data for `htr`: "review" and a folder, and the folder of the pictures or None.
    """

    def __init__(self, folder: Path, name: str, data: Sequence[str], images: Optional[str]) -> None:
        self._folder = folder
        self._output, self._run_folder = folder / name, folder / "run"
        self._log = folder / "log.txt"
        self._data, self._images = list(data), images
        self._file = folder / "training.json"
        self._lock_file = folder / "lock"
        self._lock: Optional[IO[bytes]] = None
        self._state = TrainingState()
        self._stop = threading.Event()
        self._process: Optional[subprocess.Popen[bytes]] = None
        self._thread: Optional[threading.Thread] = None

    @property
    def state(self) -> TrainingState:
        """Return the current state."""
        if self._thread is None:
            self.recover()
        return self._state

    @property
    def folder(self) -> Path:
        """Return the folder of the training."""
        return self._folder

    @property
    def elsewhere(self) -> bool:
        """Whether another server runs it."""
        return self._thread is None and self.state.state == RUNNING

    def recover(self) -> None:
        """Read the state that another server wrote; if that was killed, mark the end."""
        self._state = _stored(read_json(self._file, {}))
        if self._state.state != RUNNING:
            return
        lock = lock_at_once(self._lock_file)
        if lock is None:
            return
        with lock:
            _end_orphan(self._state.process, self._folder)
            self._end(STOPPED, "the server ended meanwhile")

    def start(self, minutes: float, init: str, data: str) -> None:
        """Start. Raises OSError if the folder cannot be written."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = lock_at_once(self._lock_file)
        self._begin(TrainingState(RUNNING, minutes, init, data=data))

    def resume(self) -> None:
        """Go on where it was stopped.

        Raises:
            CorrectionError: another server does so already.
            OSError: the folder cannot be written.
        """
        self._lock = lock_at_once(self._lock_file)
        if self._lock is None:
            raise CorrectionError("another htr review of this folder runs the training")
        stopped = _stored(read_json(self._file, {}))
        self._begin(replace(stopped, state=RUNNING, bundle=None, problem=""))

    def _begin(self, state: TrainingState) -> None:
        self._state = state
        self._set()
        self._thread = threading.Thread(target=self._run, name="training", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop after the current step, and keep the result so far."""
        self._stop.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()

    def end(self) -> None:
        """Stop, and wait for the end."""
        self.stop()
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)
            if self._thread.is_alive() and self._process is not None:
                self._process.kill()

    def progress(self) -> float:
        """Return the fraction of the work that is done."""
        state = self.state
        if state.state == FINISHED:
            return 1.0
        if state.before is None:
            return 0.0
        if state.bundle is not None and state.state == RUNNING:
            return 1.0 - _MEASURING
        entry = _last_entry(self._run_folder / "log.jsonl")
        minutes = float(entry.get("minutes", 0.0)) / max(state.minutes, 1e-9)
        share = max(minutes, float(entry.get("epoch", 0.0)) / _EPOCHS)
        return _MEASURING + (1 - 2 * _MEASURING) * min(max(share, 0.0), 1.0)

    def log(self) -> List[str]:
        """Return the last lines of the programs' output."""
        try:
            content = self._log.read_bytes()[-20_000:]
        except OSError:
            return []
        lines = content.decode("utf-8", "replace").replace("\r", "\n").splitlines()
        return [line for line in lines if line.strip()][-_LOG_LINES:]

    def _run(self) -> None:
        state = self._state
        try:
            if state.before is None:  # else it was measured before it was stopped
                self._set(before=self._measured(state.init))
            self._train(state)
            self._set(bundle=str(self._output))
            self._set(after=self._measured(str(self._output)))
            self._end(FINISHED)
        except _StoppedError:
            self._end(STOPPED)
        except Exception as error:
            self._end(FAILED, str(error) or type(error).__name__)
        finally:
            if self._lock is not None:
                self._lock.close()

    def _end(self, state: str, problem: str = "") -> None:
        """Record the end, and the bundle that there is then: the best one so far."""
        found = str(self._output) if self._output.is_dir() else None
        with contextlib.suppress(OSError):  # the disk is full; the page shows the state anyway
            self._set(state=state, process=None, bundle=found, problem=problem)

    def _train(self, state: TrainingState) -> None:
        options = ["--split", TRAIN, "--init", state.init, "--output", str(self._output)]
        options += ["--run", str(self._run_folder), "--minutes", f"{state.minutes:g}"]
        self._program("train", "line-recognition", "--train", *self._data, *options)

    def _measured(self, bundle: str) -> Json:
        """Evaluate a bundle on the pages kept aside."""
        options = ["--split", ASIDE, "--lines", "--bundle", bundle, "--format", "json"]
        found = json.loads(self._program("evaluate", "--data", *self._data, *options))
        decoders = found["decoders"]
        rates = decoders[next(reversed(decoders))]  # beam search comes after the best path
        return {"cer": rates["cer"]["rate"], "lines": found["lines"], "pages": found["pages"]}

    def _program(self, *arguments: str) -> str:
        """Run `htr`, with its output also in the log.

        Raises:
            _StoppedError: a person stopped the training.
            RuntimeError: it failed; with its own message.
        """
        command = [*HTR, *arguments]
        if self._images is not None:
            command += ["--images", self._images]
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        with self._log.open("ab") as log:
            log.write(f"htr {' '.join(command[len(HTR) :])}\n".encode("utf-8", "replace"))
            log.flush()
            if self._stop.is_set():
                raise _StoppedError
            output = subprocess.PIPE if arguments[0] == "evaluate" else log
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=log, env=environment
            )
            self._process = process
            self._set(process=process.pid)
            with contextlib.suppress(OSError, AttributeError):
                os.setpriority(os.PRIO_PROCESS, process.pid, _NICENESS)
            printed, _ = process.communicate()
        self._set(process=None)
        if self._stop.is_set():
            raise _StoppedError
        # `htr evaluate` ends with 1 and its report where pages were left out: those that nobody
        # confirmed yet.
        if process.returncode != 0 and not (process.returncode == 1 and printed):
            last = (self.log() or ["it wrote nothing"])[-1]
            raise RuntimeError(f"htr {arguments[0]} failed: {last}")
        return (printed or b"").decode("utf-8", "replace")

    def _set(self, **changes: Any) -> None:
        self._state = replace(self._state, **changes)
        write_json(self._file, asdict(self._state))


def _stored(value: Any) -> TrainingState:
    try:
        return TrainingState(**value)
    except TypeError:
        return TrainingState()


def _last_entry(path: Path) -> Json:
    """Return the last entry of a training's log."""
    try:
        entry = json.loads(path.read_bytes().splitlines()[-1])
    except (OSError, ValueError, IndexError):
        return {}
    return entry if isinstance(entry, dict) else {}


def _end_orphan(process: Optional[int], folder: Path) -> None:
    """Stop a program that outlived its server, if the process id is still its own (on Linux)."""
    if process is None:
        return
    with contextlib.suppress(OSError):
        if str(folder).encode() in Path(f"/proc/{process}/cmdline").read_bytes():
            os.kill(process, signal.SIGTERM)
