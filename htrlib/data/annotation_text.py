"""Read annotation files as text, and say why one cannot be read."""

from __future__ import annotations

from pathlib import Path

from htrlib.errors import AnnotationError, os_error_text

_ZIP = b"PK\x03\x04"


def read_text(path: Path) -> str:
    """Return the text of a file in UTF-8, with or without a byte order mark.

    Raises:
        AnnotationError: see `unread`.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise unread(path, error) from None


def unread(path: Path, error: Exception) -> AnnotationError:
    """Return the error of an annotation file that cannot be read or is of another form."""
    if path.is_dir():
        return AnnotationError("is a folder; name the annotation file, which may be in it", path)
    if is_zip(path):
        return AnnotationError("is a ZIP archive; unpack it, and name what was in it", path)
    if isinstance(error, UnicodeDecodeError):
        return AnnotationError("is not text in UTF-8; save it as UTF-8", path)
    if isinstance(error, OSError):
        return AnnotationError(error.strerror or os_error_text(error), path)
    return AnnotationError(str(error), path)


def is_zip(path: Path) -> bool:
    """Return whether a file is a ZIP archive, by its first bytes."""
    try:
        with path.open("rb") as file:
            return file.read(len(_ZIP)) == _ZIP
    except OSError:
        return False
