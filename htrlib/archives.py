"""Pack and unpack bundles as the tar archives that SageMaker uses. Archives are not trusted."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import shutil
import tarfile
import tempfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from htrlib.errors import BundleError, BundleNotFoundError, ConfigError

MAX_BYTES = 4 << 30
MAX_FILES = 1000

_LARGEST_READ = 1 << 20
_LONGEST_NAME = 255  # bytes, of a file or folder
_LONGEST_PATH = 1000  # bytes, in the folder; systems take 1,024 to 4,096 with that of the folder
_MOST_FOLDERS = 100  # within each other


def pack(folder: Path, archive: Path) -> Path:
    """Pack a folder's files into a .tar.gz, and return its path.

    The same files always give the same bytes.

    Raises:
        BundleNotFoundError: the folder does not exist.
    """
    if not folder.is_dir():
        raise BundleNotFoundError(f"{folder} is not a folder; give the folder of a bundle")
    with contextlib.ExitStack() as stack:
        raw = stack.enter_context(archive.open("wb"))
        packed = stack.enter_context(gzip.GzipFile("", "wb", fileobj=raw, mtime=0))
        tar = stack.enter_context(tarfile.open(fileobj=packed, mode="w"))
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            member = tarfile.TarInfo(path.relative_to(folder).as_posix())
            member.size = path.stat().st_size
            with path.open("rb") as file:
                tar.addfile(member, file)
    return archive


def unpack(
    archive: Path, folder: Path, max_bytes: int = MAX_BYTES, max_files: int = MAX_FILES
) -> Path:
    """Unpack a .tar.gz or .tar into a new folder, and return the folder.

    The archive is not trusted: nothing is written outside the folder, only plain files and
    folders are created, and their number and size are limited. The folder appears once complete.

    Raises:
        BundleError: the file is not an archive, is damaged, or breaks one of these rules.
        ConfigError: the folder exists and is not empty, or is a file or a link.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise ConfigError(f"{folder} is a file or a link, not a folder; choose a new folder")
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"{folder} is not empty; choose a new folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        with archive.open("rb") as raw:
            _unpack(raw, scratch, max_bytes, max_files, archive.name)
        scratch.chmod(0o755)
        scratch.replace(folder)
    except _DAMAGE as error:
        raise BundleError(f"{archive.name} cannot be unpacked: {error}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def _unpack(raw: BinaryIO, folder: Path, max_bytes: int, max_files: int, name: str) -> None:
    is_gzip = raw.read(2) == b"\x1f\x8b"
    raw.seek(0)
    plain: Any = gzip.GzipFile(fileobj=raw) if is_gzip else raw
    bounded: Any = _Bounded(plain, max_bytes)
    with tarfile.open(fileobj=bounded, mode="r:") as tar:
        for count, member in enumerate(tar, start=1):
            if count > max_files:
                raise BundleError(
                    f"{name} has more than {max_files} files; a model needs fewer: pack it alone"
                )
            path = folder / _checked(member, name)
            source = tar.extractfile(member)
            try:
                if source is None:
                    path.mkdir(parents=True, exist_ok=True)
                    continue
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("xb") as target:
                    shutil.copyfileobj(source, target)
            except (FileExistsError, NotADirectoryError):
                raise BundleError(f"{name} has {member.name!r} twice") from None


def _checked(member: tarfile.TarInfo, archive: str) -> PurePosixPath:
    """Return the path of a member inside the folder, or raise BundleError."""
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or "\0" in member.name:
        raise BundleError(f"{archive}: {member.name!r} leads out of the folder; pack it again")
    if any(len(part.encode("utf-8", "replace")) > _LONGEST_NAME for part in path.parts):
        raise BundleError(f"{archive}: {member.name[:80]!r}... is too long a name; shorten it")
    length = len(os.fsencode(str(path)))
    if length > _LONGEST_PATH or len(path.parts) > _MOST_FOLDERS:
        raise BundleError(
            f"{archive}: {member.name[:80]!r}... is a path of {len(path.parts):,} parts and "
            f"{length:,} bytes; at most {_MOST_FOLDERS} and {_LONGEST_PATH:,} are unpacked"
        )
    if member.size < 0:
        raise BundleError(f"{archive}: {member.name!r} has {member.size} bytes")
    if not (member.isdir() or member.isreg()) or member.issparse():
        raise BundleError(
            f"{archive}: {member.name!r} is a link, a device, or another thing that is neither a "
            "plain file nor a folder"
        )
    return path


class _TooMuchError(Exception):
    """An archive exceeds the size limit."""


# `tarfile` does not check the numbers in headers.
_DAMAGE = (
    *(tarfile.TarError, zlib.error, EOFError, gzip.BadGzipFile, ValueError, OverflowError),
    _TooMuchError,
)


class _Bounded(io.RawIOBase):
    """A file that raises an error after a number of bytes.

    Single reads are limited too: `tarfile` reads a header in one go, however long it claims to be.
    """

    def __init__(self, file: BinaryIO, limit: int) -> None:
        super().__init__()
        self._file = file
        self._limit = limit

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _LARGEST_READ:
            raise _TooMuchError(f"a header of {size:,} bytes")
        self._check(self._file.tell() + size)
        return self._file.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_SET:
            self._check(offset)
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def _check(self, position: int) -> None:
        if position > self._limit:
            raise _TooMuchError(f"more than {self._limit:,} bytes")
