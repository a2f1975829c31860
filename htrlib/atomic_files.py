"""Write files atomically: readers see either the old or the new content.

New content goes to a temporary file in the same folder, which then replaces the file. A link is
replaced itself, and what it leads to stays as it is.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import BinaryIO, Callable, Iterator, List, Optional, Sequence

from htrlib.errors import HtrError

_LONGEST_NAME = 255  # bytes


@contextlib.contextmanager
def replacing(path: Path, scratch: Optional[Path] = None) -> Iterator[Path]:
    """Give the path of a temporary file, which replaces the file unless the block fails.

    Args:
        path: path of the file.
        scratch: path of the temporary file, in the same folder; by default `.NAME.part`, or another
            one if that is too long; two writers must not use it at once. What is there is removed.
    """
    scratch = _scratch(path) if scratch is None else scratch
    scratch.unlink(missing_ok=True)  # it may be a link
    try:
        yield scratch
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def write_whole(
    path: Path,
    write: Callable[[BinaryIO], object],
    *,
    scratch: Optional[Path] = None,
    mode: Optional[int] = None,
    durable: bool = False,
) -> None:
    """Write a file atomically.

    Args:
        path: path of the file.
        write: writes the content into a binary file.
        scratch: path of the temporary file; see `replacing`.
        mode: permissions of the file; by default those of a new file.
        durable: wait until the content is on disk before it replaces the file.
    Raises:
        OSError: the file cannot be written, or `write` fails; the old one is kept.
    """
    scratch = _scratch(path) if scratch is None else scratch
    try:
        with replacing(path, scratch) as partial, partial.open("xb") as file:
            if mode is not None:
                partial.chmod(mode)  # before there is anything to read
            write(file)
            if durable:
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        own = error.filename in (None, str(scratch))  # or `write` read another file
        if own and error.errno is not None and not isinstance(error, HtrError):
            error.filename, error.filename2 = str(path), None  # of a full disk, it has no name
        raise


def _scratch(path: Path) -> Path:
    name = os.fsencode(f".{path.name}.part")
    if len(name) <= _LONGEST_NAME:
        return path.with_name(os.fsdecode(name))
    return path.with_name(f".{hashlib.sha256(name).hexdigest()}.part")


def replace_folder(folder: Path, fresh: Path, old: Path, kept: Sequence[str]) -> None:
    """Put a new folder in the place of one, and move the entries to keep over to it.

    After an error all is where it was.

    Args:
        folder: the folder to replace.
        fresh: the new one, without entries of the names to keep.
        old: the path that the replaced folder gets; all are in one file system.
        kept: names of entries of the replaced folder.
    """
    moved: List[str] = []
    folder.rename(old)
    try:
        fresh.rename(folder)
        for name in kept:
            (old / name).rename(folder / name)
            moved.append(name)
    except BaseException:  # what was there is worth more than what can be written again
        for name in moved:
            (folder / name).rename(old / name)
        if folder.exists():
            folder.rename(fresh)
        old.rename(folder)
        raise
