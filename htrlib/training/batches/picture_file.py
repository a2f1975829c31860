"""A file of many pictures, which spares training from opening pages again.

Processes map the file into memory and share its pages in the system's cache.
"""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Dict, List, Optional, Sequence, Tuple, Type

import numpy as np
from numpy.typing import NDArray

from htrlib.data.problems import Problem


class Pictures:
    """(H, W) uint8 arrays in a file, with a note on each; can be pickled.

    Args:
        path: file of the pixels, one picture after the other.
        shapes: height and width of each picture.
        notes: a JSON value for each picture.
        problems: problems found when the file was written.
    """

    def __init__(
        self,
        path: Path,
        shapes: Sequence[Tuple[int, int]],
        notes: Sequence[Any],
        problems: Sequence[Problem] = (),
    ) -> None:
        self.path, self.shapes, self.notes = path, tuple(shapes), tuple(notes)
        self.problems = tuple(problems)
        sizes = [height * width for height, width in shapes]
        self._starts = np.concatenate(([0], np.cumsum(sizes, dtype=np.int64)))
        self._pixels: Optional[NDArray[np.uint8]] = None

    def __len__(self) -> int:
        return len(self.shapes)

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        if self._pixels is None:
            self._pixels = np.memmap(self.path, dtype=np.uint8, mode="r")
        return self._pixels[self._starts[index] : self._starts[index + 1]].reshape(
            self.shapes[index]
        )

    def __getstate__(self) -> Dict[str, Any]:
        return {**self.__dict__, "_pixels": None}


class PictureWriter:
    """Writes pictures into a file, which gets its name once it is complete.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with PictureWriter(Path(folder, "a.pictures"), "made up") as writer:
    ...         writer.add(np.eye(2, dtype=np.uint8), "unit")
    ...     pictures = open_pictures(Path(folder, "a.pictures"), "made up")
    ...     pictures[0].tolist(), pictures.notes
    ([[1, 0], [0, 1]], ('unit',))
    """

    def __init__(self, path: Path, fingerprint: str) -> None:
        self._path, self._fingerprint = path, fingerprint
        self._shapes: List[Tuple[int, ...]] = []
        self._notes: List[Any] = []
        self.problems: List[Problem] = []

    def __enter__(self) -> PictureWriter:
        self._file = _scratch(self._path).open("wb")
        return self

    def add(self, picture: NDArray[np.uint8], note: Any) -> None:
        """Append a picture."""
        self._file.write(np.ascontiguousarray(picture).tobytes())
        self._shapes.append(picture.shape)
        self._notes.append(note)

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self._file.close()
        if kind is not None:
            _scratch(self._path).unlink()
            return
        index = {
            "fingerprint": self._fingerprint,
            "shapes": self._shapes,
            "notes": self._notes,
            "problems": [dataclasses.astuple(problem) for problem in self.problems],
        }
        scratch = _scratch(_index(self._path))
        scratch.write_text(json.dumps(index), encoding="utf-8")
        # Until it is replaced, the old index would describe the new pixels.
        _index(self._path).unlink(missing_ok=True)
        _scratch(self._path).replace(self._path)
        scratch.replace(_index(self._path))


def open_pictures(path: Path, fingerprint: str) -> Optional[Pictures]:
    """Open a file of pictures; None if it does not exist or has another origin."""
    try:
        index = json.loads(_index(path).read_text(encoding="utf-8"))
        shapes = [(int(height), int(width)) for height, width in index["shapes"]]
        whole = path.stat().st_size == sum(height * width for height, width in shapes)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if index["fingerprint"] != fingerprint or not whole:
        return None
    problems = [Problem(*values) for values in index["problems"]]
    return Pictures(path, shapes, index["notes"], problems)


def _index(path: Path) -> Path:
    return path.with_suffix(".json")


def _scratch(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}")
