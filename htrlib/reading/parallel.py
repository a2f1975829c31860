"""Read many files at once, one process a core.

MXNet reads one page at a time in a process, and its small networks gain little from a second
thread; processes gain all of it. They are forked after MXNet is imported, so that they share it.
"""

from __future__ import annotations

import os
import signal
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Iterator, Optional, Sequence, Tuple, Union

from htrlib.bundle import load_bundle
from htrlib.document.results import DocumentResult, PageResult
from htrlib.engines.memory import return_memory
from htrlib.errors import ConfigError, HtrError, ImageError
from htrlib.reading.pipeline import Pipeline

MOST = 8  # processes, where none are asked for: each takes half a gigabyte

Result = Union[PageResult, DocumentResult]
Outcome = Tuple[Path, Union[Result, ImageError]]

_pipeline: Optional[Pipeline] = None


def processes(
    wanted: Optional[int],
    files: int,
    bundle: Optional[str] = None,
    engine: Optional[str] = None,
    device: Optional[str] = None,
) -> int:
    """How many processes read: those wanted, or one a core; a GPU is not shared between them.

    Raises:
        ConfigError: less than one is wanted.
        DeviceError: as for `Bundle.engine`.
    """
    if wanted is not None and wanted < 1:
        raise ConfigError(f"--jobs {wanted}: at least one process reads")
    jobs = min(wanted or min(len(os.sched_getaffinity(0)), MOST), files)
    if jobs > 1:
        # Each has a core of its own. MXNet reads this when it is imported.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    return jobs if load_bundle(bundle).engine(engine, device).device == "cpu" else 1


def read_files(paths: Sequence[Path], pipeline: Pipeline, jobs: int) -> Iterator[Outcome]:
    """Read files in that many processes; what they say comes in the order of `paths`.

    Args:
        paths: pictures.
        pipeline: what reads them.
        jobs: processes, as `processes` says; 1 reads in this one.
    Returns:
        each path with its result, or with the error that says why it cannot be read.
    Raises:
        HtrError: a process died, or as for `Pipeline.transcribe` but for `ImageError`.
    """
    if jobs < 2:
        for path in paths:
            yield _read(path, pipeline)
        return
    return_memory()
    executor = ProcessPoolExecutor(
        jobs, get_context("fork"), initializer=_remember, initargs=(pipeline,)
    )
    try:
        yield from executor.map(_read_remembered, paths)
    except BrokenProcessPool as error:
        raise HtrError(
            "a reading process died, most likely for want of memory; read with fewer --jobs"
        ) from error
    finally:
        executor.shutdown(wait=True)


def _remember(pipeline: Pipeline) -> None:
    global _pipeline
    _pipeline = pipeline
    # Control-C reaches all; the first process ends the others, and says so once.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _read_remembered(path: Path) -> Outcome:
    if _pipeline is None:
        raise RuntimeError("the process was not initialized")
    return _read(path, _pipeline)


def _read(path: Path, pipeline: Pipeline) -> Outcome:
    try:
        return path, pipeline.transcribe(path)
    except ImageError as error:
        return path, error
