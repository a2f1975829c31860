"""The directory that Multi Model Server gets in place of a model.

The model server puts a model's directory on Python's path before the standard library. Since a
model's own directory may contain anything, it gets a directory that this server wrote.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Optional

from htrlib.serving.protocol import JSON

_SETTINGS = "settings.json"
_LISTENER = "listener"  # empty file, named after the id of the process that loaded the model
_ERROR = "error"  # contains the reason why it could not be loaded


@dataclass(frozen=True)
class WorkerSettings:
    """Settings that the server passes to a worker.

    Attributes:
        bundle: name or directory.
        max_pixels: maximum pixels per page.
        max_request_bytes: maximum size of a body, or of an object named by `s3_uri`.
        max_answer_bytes: maximum size of an answer.
        default_accept: content type of answers to clients that accept any.
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
    """A stub directory for a model; it has the model's name."""

    directory: Path

    def write(self, settings: WorkerSettings) -> None:
        """Create the directory, removing the remains of an earlier load."""
        self.directory.mkdir(parents=True, exist_ok=True)
        for left in (*self.directory.glob(f"{_LISTENER}-*"), *self.directory.glob(_ERROR)):
            left.unlink()
        path = self.directory / _SETTINGS
        content = json.dumps(asdict(settings))
        if not path.is_file() or path.read_text(encoding="utf-8") != content:
            path.write_text(content, encoding="utf-8")  # the disk may be full

    def read(self) -> WorkerSettings:
        """Read the settings that the server wrote."""
        return WorkerSettings(**json.loads((self.directory / _SETTINGS).read_bytes()))

    def loaded(self, process: int) -> None:
        """Record the process that loaded the model."""
        (self.directory / f"{_LISTENER}-{process}").touch()

    def failed(self, error: BaseException) -> None:
        """Record why the model cannot be loaded."""
        path = self.directory / _ERROR
        with contextlib.suppress(OSError):  # the disk is full; the reason is only in the log
            fresh = path.with_suffix(".new")
            text = str(error) or repr(error)
            fresh.write_text(text, encoding="utf-8", errors="backslashreplace")
            fresh.rename(path)
        path.touch()

    @property
    def listener(self) -> Optional[int]:
        """Id of the process that loaded the model, or None before that."""
        names = [path.name for path in self.directory.glob(f"{_LISTENER}-*")]
        return int(names[0].rpartition("-")[2]) if names else None

    @property
    def error(self) -> Optional[str]:
        """Reason why the model could not be loaded, or None."""
        path = self.directory / _ERROR
        if not path.is_file():
            return None
        return path.read_text(encoding="utf-8") or "the model cannot be loaded"
