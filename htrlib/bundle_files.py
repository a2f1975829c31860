"""The files of a bundle: what they are named, how they are read, and what is checked first."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Dict, Mapping

import numpy as np
from numpy.typing import NDArray

from htrlib.document.charset import Charset
from htrlib.errors import BundleError, BundleMismatchError, CharsetError

FORMAT_VERSION = 1
"""Incremented when older readers can no longer read the format."""

CONFIG, CHARSET, CHECKSUMS = "config.json", "charset.json", "checksums.json"

_NUMBERS = "biuf"  # kinds of arrays that become float32 without loss of meaning


def check_version(directory: Path, config: Mapping[str, Any]) -> None:
    """Check that a configuration is of a format that this version reads.

    Raises:
        BundleMismatchError: the bundle needs a newer htrlib.
        BundleError: entries are missing.
    """
    found = config.get("format_version")
    if isinstance(found, int) and found > FORMAT_VERSION:
        raise BundleMismatchError(
            f"{directory}: bundle format (a newer one needs a newer htrlib)",
            f"version {FORMAT_VERSION} at most",
            f"version {found}",
        )
    missing = [key for key in ("name", "version", "networks") if key not in config]
    if found != FORMAT_VERSION or missing:
        raise BundleError(
            f"{directory / CONFIG}: expected format_version {FORMAT_VERSION} with name, version "
            f"and networks; found format_version {found!r}, and {missing} missing"
        )


def check_files(directory: Path, files: Mapping[str, Any]) -> None:
    """Check that the files of a bundle are those that its checksums list.

    Raises:
        BundleError: a file is missing, damaged, cannot be read, or has no plain name.
    """
    for name in (CONFIG, CHARSET):
        if name not in files:
            raise BundleError(f"{directory / CHECKSUMS} does not list {name}; copy it again")
    for name, expected in files.items():
        if name != Path(name).name:
            raise BundleError(f"{directory / CHECKSUMS} lists {name!r}, not a plain file name")
        path = directory / name
        if not path.is_file():
            raise BundleError(f"{directory} lacks {name}, which {CHECKSUMS} lists; copy it again")
        if sha256(path) != expected:
            raise BundleError(
                f"{path} is damaged: its SHA-256 is not the one in {CHECKSUMS}; copy it again"
            )


def read_file(directory: Path, name: str) -> bytes:
    """Return the content of a file of a bundle. Raises BundleError if it cannot be read."""
    try:
        return (directory / name).read_bytes()
    except FileNotFoundError:
        raise BundleError(
            f"{directory} is not a bundle: it has no {name}; give the directory that contains it"
        ) from None
    except OSError as error:
        raise BundleError(f"{directory / name} cannot be read: {error.strerror}") from error


def parse_json(path: Path, content: bytes) -> Dict[str, Any]:
    """Return the object that a file contains as JSON. Raises BundleError if it is none."""
    try:
        value = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path} is not valid JSON ({error}); copy the bundle again") from error
    if not isinstance(value, dict):
        raise BundleError(f"{path} is not a JSON object; copy the bundle again")
    return value


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write an object as JSON."""
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def read_charset(path: Path) -> Charset:
    """Read the symbols of a bundle. Raises BundleError if they are none."""
    content = parse_json(path, read_file(path.parent, path.name))
    try:
        return Charset(tuple(content["symbols"]))
    except CharsetError as error:
        raise BundleError(f"{path}: {error}") from error
    except (KeyError, TypeError) as error:
        raise BundleError(f"{path} has no valid list of symbols ({error})") from error


def read_arrays(path: Path) -> Dict[str, NDArray[Any]]:
    """Read an archive of arrays of numbers, without pickles. Raises BundleError if it is none."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
        wrong = [key for key, array in arrays.items() if array.dtype.kind not in _NUMBERS]
        if wrong:
            raise TypeError(f"{wrong[0]} has no real numbers, but {arrays[wrong[0]].dtype}")
    except MemoryError:
        raise
    except Exception as error:  # NumPy, zipfile and zlib have errors of many kinds for damage
        raise BundleError(f"{path} does not hold the parameters of a network ({error})") from error
    return arrays


def sha256(path: Path) -> str:
    """Return the checksum of a file of a bundle. Raises BundleError if it cannot be read."""
    return hashlib.sha256(read_file(path.parent, path.name)).hexdigest()
