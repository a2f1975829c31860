"""The directory that stands for a model before Multi Model Server.

The model server puts a model's directory on Python's path, before the standard library. So it never
sees the model's own directory, in which anything may lie, but one that the server wrote.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Optional

from htrlib.serving.protocol import JSON

_SETTINGS = "settings.json"
_LISTENER = "listener"  # named with the id of the process that has loaded the model; it is empty
_ERROR = "error"  # holds why it could not be loaded


@dataclass(frozen=True)
class WorkerSettings:
    """Settings that the server passes to a worker.

    Attributes:
        bundle: name or directory.
        max_pixels: of a page.
        max_request_bytes: also of what `s3_uri` names.
        max_answer_bytes: of an answer.
        default_accept: content type of answers where a client accepts all.
        allow_code: run the `inference.py` of the bundle's `code/`.
        allow_s3: read `s3_uri`.
        recognizer: `module:function` that recognizes lines, or None for the bundle's.
        engine: name of the engine, or None for the fastest one.
    """

    bundle: str
    max_pixels: int
    max_request_bytes: int
    max_answer_bytes: int
    default_accept: str = JSON
    allow_code: bool = False
    allow_s3: bool = False
    recognizer: Optional[str] = None
    engine: Optional[str] = None


@dataclass(frozen=True)
class Stub:
    """A model's stand-in; its directory's name is the model's name."""

    directory: Path

    def write(self, settings: WorkerSettings) -> None:
        """Make the directory anew; what an earlier load left there is removed."""
        self.directory.mkdir(parents=True, exist_ok=True)
        for left in (*self.directory.glob(f"{_LISTENER}-*"), *self.directory.glob(_ERROR)):
            left.unlink()
        path = self.directory / _SETTINGS
        content = json.dumps(asdict(settings))
        if not path.is_file() or path.read_text(encoding="utf-8") != content:
            path.write_text(content, encoding="utf-8")  # nothing is written where the disk is full

    def read(self) -> WorkerSettings:
        """Read the settings that the server wrote."""
        return WorkerSettings(**json.loads((self.directory / _SETTINGS).read_bytes()))

    def loaded(self, process: int) -> None:
        """Note which process has loaded the model."""
        (self.directory / f"{_LISTENER}-{process}").touch()

    def failed(self, error: BaseException) -> None:
        """Note why the model cannot be loaded."""
        path = self.directory / _ERROR
        with contextlib.suppress(OSError):  # the disk is full: the log alone says why
            fresh = path.with_suffix(".new")
            text = str(error) or repr(error)
            fresh.write_text(text, encoding="utf-8", errors="backslashreplace")
            fresh.rename(path)
        path.touch()

    @property
    def listener(self) -> Optional[int]:
        """The process that has loaded the model, once it has."""
        names = [path.name for path in self.directory.glob(f"{_LISTENER}-*")]
        return int(names[0].rpartition("-")[2]) if names else None

    @property
    def error(self) -> Optional[str]:
        """Why the model could not be loaded."""
        path = self.directory / _ERROR
        if not path.is_file():
            return None
        return path.read_text(encoding="utf-8") or "the model cannot be loaded"
