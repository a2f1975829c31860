"""Checkpoints: arrays and numbers in one file, replaced atomically."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.atomic_files import write_whole
from htrlib.errors import TrainingError

_NUMBERS = "__numbers__"


@dataclass
class Progress:
    """The progress of a training run.

    Attributes:
        step: number of steps taken; seeds dropout and corrects the optimizer's initial bias.
        epoch: current epoch, from 0.
        batch: number of completed batches in this epoch.
        seconds: training time, including resumed runs.
        loss: sum of the losses of this epoch's rows.
        rows: number of rows in this epoch so far.
        aligned: True once the network has found the alignment, which ends the easy batches.
        best: lowest validation score of the criterion, or None.
        best_epoch: epoch that reached it.
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
    """Write arrays and JSON values, replacing the file only once the new one is complete."""
    content = {**arrays, _NUMBERS: np.array(json.dumps(dict(numbers)))}
    write_whole(path, lambda file: np.savez(file, **content), durable=True)


def read_checkpoint(path: Path) -> Optional[Tuple[Dict[str, NDArray[Any]], Dict[str, Any]]]:
    """Read what `write_checkpoint` wrote, or return None if the file does not exist.

    Raises:
        TrainingError: the file is not a checkpoint.
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
