"""Read many files at once, one per core.

ONNX Runtime computes without Python's lock, so threads share one engine in memory. MXNet reads one
page at a time per process; its processes are forked after it is imported, so that they share it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from concurrent.futures import (
    CancelledError,
    Executor,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    as_completed,
)
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_all_start_methods, get_context, parent_process
from pathlib import Path
from typing import Callable, Iterator, Optional, Sequence, Tuple, Union

from htrlib.document.results import DocumentResult, PageResult
from htrlib.engines.memory import return_memory, reuse_memory
from htrlib.engines.port import Engine
from htrlib.errors import ConfigError, HtrError, ImageError
from htrlib.reading.pipeline import Pipeline

SWITCH_INTERVAL = 0.0005  # seconds that a thread waits for Python's lock; 0.005 by default
MOST = 8  # files, where no number is asked for: a process takes half a gigabyte, a thread a tenth

Result = Union[PageResult, DocumentResult]
Outcome = Tuple[Path, Union[Result, ImageError]]

_pipeline: Optional[Pipeline] = None


def jobs_at_once(wanted: Optional[int], files: int) -> int:
    """Return the number of files to read at once: as requested, or one per core.

    Raises:
        ConfigError: the number is less than one.
    """
    if wanted is not None and wanted < 1:
        raise ConfigError(f"--jobs must be at least 1, found {wanted}")
    jobs = max(1, min(wanted or min(_cores(), MOST), files))
    if jobs > 1:
        # Each process has its own core. MXNet reads this when it is imported.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    return jobs


def read_files(
    paths: Sequence[Path], pipeline: Pipeline, engine: Engine, jobs: int, *, in_order: bool = True
) -> Iterator[Outcome]:
    """Read several files at once, and yield their results.

    Args:
        paths: pictures.
        pipeline: reads the files.
        engine: runs its networks.
        jobs: files that are read at once; with an engine that wants processes, one on a GPU and
            where the system cannot fork.
        in_order: yield the results in the order of `paths`, which keeps those of many files in
            memory while one takes long; or else each once it is there.
    Returns:
        Each path with its result, or with the reason why it cannot be read.
    Raises:
        HtrError: a process died, or as for `Pipeline.transcribe` but for `ImageError`.
    """
    threads = engine.parallel == "threads"
    forks = engine.device == "cpu" and "fork" in get_all_start_methods()
    (reuse_memory if threads else return_memory)()
    if jobs == 1 or not (threads or forks):
        yield from (_read(path, pipeline) for path in paths)
    elif threads:
        with _short_turns():
            ending = threading.Event()
            read = partial(_read_until, pipeline=pipeline, ending=ending)
            yield from _mapped(ThreadPoolExecutor(jobs), read, paths, in_order, ending.set)
    else:
        executor = ProcessPoolExecutor(
            jobs, get_context("fork"), initializer=_remember, initargs=(pipeline,)
        )
        try:
            yield from _mapped(executor, _read_remembered, paths, in_order)
        except BrokenProcessPool as error:
            raise HtrError(
                "a reading process died, most likely out of memory; use fewer --jobs"
            ) from error


def _cores() -> int:
    """Number of CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextlib.contextmanager
def _short_turns() -> Iterator[None]:
    """Let threads that return from one of many short computations have Python's lock sooner."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)


def _mapped(
    executor: Executor,
    read: Callable[[Path], Outcome],
    paths: Sequence[Path],
    in_order: bool,
    end: Callable[[], None] = lambda: None,
) -> Iterator[Outcome]:
    try:
        if in_order:
            yield from executor.map(read, paths)
            return
        for future in as_completed(executor.submit(read, path) for path in paths):
            yield future.result()
    finally:
        end()
        executor.shutdown(wait=True, cancel_futures=True)


def _remember(pipeline: Pipeline) -> None:
    global _pipeline
    _pipeline = pipeline
    # Control-C reaches all; the first process ends the others, and says so once.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, daemon=True).start()


def end_with_parent() -> None:
    """End this process when its parent ends, for example by a signal."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _read_remembered(path: Path) -> Outcome:
    if _pipeline is None:
        raise RuntimeError("the process was not initialized")
    return _read(path, _pipeline)


def _read(path: Path, pipeline: Pipeline) -> Outcome:
    try:
        return path, pipeline.transcribe(path)
    except ImageError as error:
        return path, error


def _read_until(path: Path, pipeline: Pipeline, ending: threading.Event) -> Outcome:
    """Read a file, and stop between two pages when nobody waits for it any more."""

    def check() -> None:
        if ending.is_set():
            raise CancelledError

    try:
        return path, pipeline.transcribe(path, before_page=check)
    except ImageError as error:
        return path, error
