"""Prepare batches ahead of time in worker processes, in the order of their plans."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Iterable, Iterator, List, Protocol, Tuple

from htrlib.errors import TrainingError
from htrlib.training.batches.lines import Arrays

AHEAD = 4  # batches that each process has finished or queued


class Source(Protocol):
    """Makes batches from plans; each process gets a copy."""

    def make(self, plan: Any) -> Arrays:
        """Make the batch of a plan."""


class Loader:
    """Makes batches in `processes` worker processes, or in this process if that is 0.

    Attributes:
        waited: seconds spent waiting for batches.
    """

    def __init__(self, source: Source, processes: int) -> None:
        self._source = source
        self.waited = 0.0
        self._workers = [_Worker(source) for _ in range(processes)]

    def __enter__(self) -> Loader:
        return self

    def __exit__(self, *exception: object) -> None:
        for worker in self._workers:
            worker.close()

    def batches(self, plans: Iterable[Any]) -> Iterator[Tuple[Any, Arrays]]:
        """Yield each plan with its batch.

        Raises:
            TrainingError: a worker process has died.
        """
        if not self._workers:
            for plan in plans:
                start = time.perf_counter()
                batch = self._source.make(plan)
                self.waited += time.perf_counter() - start
                yield plan, batch
            return
        workers, waiting = itertools.cycle(self._workers), iter(plans)
        asked: List[Tuple[Any, _Worker]] = []
        try:
            while True:
                room = AHEAD * len(self._workers) - len(asked)
                for plan, worker in zip(itertools.islice(waiting, room), workers):
                    worker.ask(plan)
                    asked.append((plan, worker))
                if not asked:
                    return
                plan, worker = asked.pop(0)
                start = time.perf_counter()
                batch = worker.answer()
                self.waited += time.perf_counter() - start
                yield plan, batch
        finally:
            for _, worker in asked:  # so that the next epoch gets only its own batches
                with contextlib.suppress(Exception):
                    worker.answer()


class _Worker:
    """A worker process, and the thread that receives its batches."""

    def __init__(self, source: Source) -> None:
        self._connection, theirs = multiprocessing.Pipe()
        path = os.pathsep.join([str(Path(__file__).resolve().parents[3]), *sys.path])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "htrlib.training.batches.worker", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        )
        theirs.close()
        with contextlib.suppress(BrokenPipeError):  # then `answer` raises
            self._connection.send(source)
        self._answers: queue.Queue[Any] = queue.Queue()
        self._thread = threading.Thread(target=self._take, daemon=True)
        self._thread.start()

    def _take(self) -> None:
        reason = "a process that makes batches has died; see its message"
        try:
            while True:
                self._answers.put(self._connection.recv())
        except (EOFError, OSError):
            pass
        except Exception as error:  # raised where the batch is awaited
            reason = f"a batch cannot be received from the process that made it ({error!r})"
        self._answers.put(TrainingError(reason))

    def ask(self, plan: Any) -> None:
        with contextlib.suppress(BrokenPipeError):  # then `answer` raises
            self._connection.send(plan)

    def answer(self) -> Arrays:
        answer: Any = self._answers.get()
        if isinstance(answer, TrainingError):
            self._answers.put(answer)
        if isinstance(answer, Exception):
            raise answer
        result: Arrays = answer
        return result

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._thread.join()
        self._connection.close()
