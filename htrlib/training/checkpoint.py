"""Checkpoints: arrays and numbers in one file, which is whole or not there."""

from __future__ import annotations

import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.errors import TrainingError

_NUMBERS = "__numbers__"


@dataclass
class Progress:
    """The progress of a training run.

    Attributes:
        step: steps taken; it seeds dropout, and scales the optimizer's young moments.
        epoch: the one under way, from 0.
        batch: batches of it that are behind.
        seconds: of training, resumed runs included.
        loss: sum over the rows of this epoch.
        rows: of this epoch.
        aligned: whether easy batches are over.
        best: the least score of the criterion, or None.
        best_epoch: that had it.
    """

    step: int = 0
    epoch: int = 0
    batch: int = 0
    seconds: float = 0.0
    loss: float = 0.0
    rows: float = 0.0
    aligned: bool = True
    best: Optional[float] = None
    best_epoch: int = 0

    @property
    def minutes(self) -> float:
        return self.seconds / 60


def write_checkpoint(
    path: Path, arrays: Mapping[str, NDArray[Any]], numbers: Mapping[str, Any]
) -> None:
    """Write arrays and JSON values; the file that was there stands until the new one is whole."""
    scratch = path.with_name(f".{path.name}")
    with scratch.open("wb") as file:
        np.savez(file, **dict(arrays), **{_NUMBERS: np.array(json.dumps(dict(numbers)))})
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def read_checkpoint(path: Path) -> Optional[Tuple[Dict[str, NDArray[Any]], Dict[str, Any]]]:
    """Read what `write_checkpoint` wrote, or return None if the file does not exist.

    Raises:
        TrainingError: the file is no checkpoint.
    """
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as saved:
            arrays = {name: saved[name] for name in saved.files}
        return arrays, json.loads(str(arrays.pop(_NUMBERS)))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise TrainingError(
            f"{path} is not a checkpoint ({error}); remove it to start over"
        ) from error
