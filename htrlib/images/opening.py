"""Open any source of a picture as a seekable binary file."""

from __future__ import annotations

import io
import os
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Iterator

from htrlib.errors import ImageError
from htrlib.images.suffixes import IMAGE_SUFFIXES


def source_name(source: object) -> str:
    """Return the name of a source in error messages."""
    if isinstance(source, (str, os.PathLike)):
        return repr(os.fspath(source))
    if isinstance(source, (bytes, bytearray, memoryview)):
        return "the picture"
    name = getattr(source, "filename", None) or getattr(source, "name", None)
    return repr(name) if isinstance(name, str) else f"<{type(source).__name__}>"


@contextmanager
def opened(source: object) -> Iterator[BinaryIO]:
    """Open a source as a seekable binary file, and close it afterwards if it was opened here.

    Args:
        source: a path, the bytes of a file, or a binary file open for reading.
    Raises:
        ImageError: it is none of these, or cannot be opened.
    """
    name = source_name(source)
    if isinstance(source, (str, os.PathLike)):
        with _opened_path(Path(os.fsdecode(source)), name) as file:
            yield file
    elif isinstance(source, (bytes, bytearray, memoryview)):
        yield io.BytesIO(source)
    elif isinstance(source, io.TextIOBase):
        raise ImageError(f"{name}: the file is open in text mode; open it with mode 'rb'")
    elif hasattr(source, "read"):
        yield _seekable(source)
    else:
        raise ImageError(
            f"a page is read from a path, bytes, a binary file or a PIL image, found {name}; an "
            "(H, W) uint8 array is a page already"
        )


def _opened_path(path: Path, name: str) -> BinaryIO:
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):
            return path.open("rb")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ImageError(f"{name}: cannot be opened: {reason}") from error
    if stat.S_ISDIR(mode):
        try:
            holds = any(file.suffix.lower() in IMAGE_SUFFIXES for file in path.iterdir())
        except OSError as error:
            raise ImageError(f"{name}: the directory cannot be read: {error.strerror}") from error
        raise ImageError(
            f"{name}: is a directory; name the pictures in it"
            if holds
            else f"{name}: is a directory without pictures or PDFs"
        )
    # Opening it could block (a pipe), reading it never end (a device).
    raise ImageError(f"{name}: is not a regular file; give its bytes or an open file instead")


def _seekable(file: Any) -> BinaryIO:
    try:
        file.seek(0)
    except (AttributeError, OSError):
        return io.BytesIO(file.read())
    seekable: BinaryIO = file
    return seekable
