"""Input files of a command, and the names of their results."""

from __future__ import annotations

import os
import shutil
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Iterator, List, Sequence, Tuple

from htrlib.errors import ConfigError
from htrlib.images.suffixes import IMAGE_SUFFIXES

STANDARD_INPUT = Path("-")
_OVERLAY = ".overlay.png"
_DROPPINGS = ("thumbs.db", "desktop.ini")
_NAMED = 3  # files of a folder that are passed over


@dataclass(frozen=True)
class Input:
    """A file to read.

    Attributes:
        path: path of the file.
        stem: relative path of its results, without a suffix; unique among the inputs.
    """

    path: Path
    stem: Path


@dataclass(frozen=True)
class Shard:
    """One of several equal parts of the inputs, for parallel jobs.

    Attributes:
        number: number of the shard, from 1.
        count: number of parts.
    """

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Parse a part such as "3/10".

        Raises:
            ConfigError: the text is not of that form.
        """
        number, _, count = text.partition("/")
        if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
            raise ConfigError(f"--shard takes NUMBER/COUNT, such as 3/10; found {text!r}")
        return cls(int(number), int(count))


def find_inputs(paths: Sequence[Path], *, recursive: bool = False) -> Tuple[Input, ...]:
    """Find the files at paths, without duplicates; those of a folder are sorted by name.

    Hidden files, `._page.png` of macOS for one, are no pictures.

    Args:
        paths: files and folders. A path that does not exist is kept; reading it fails.
        recursive: search subfolders too; results go to subfolders of the same names.
    """
    found: List[Input] = []
    for path in paths:
        if not path.is_dir():
            found.append(Input(path, Path(path.stem)))
            continue
        pictures = sorted(_pictures(path, recursive))
        found += [Input(file, file.relative_to(path).with_suffix("")) for file in pictures] or [
            Input(path, Path(path.name))
        ]
    return _told_apart(list({entry.path: entry for entry in found}.values()))


def passed_over(folder: Path, *, recursive: bool = False) -> Tuple[str, ...]:
    """Describe what `find_inputs` does not read in a folder, in one clause per reason.

    Hidden files and the pictures drawn by `--overlay` are not mentioned.
    """
    others: List[str] = []
    folders: List[str] = []
    for file in sorted(folder.rglob("*") if recursive else folder.iterdir()):
        if _is_hidden(file.relative_to(folder)) or file.name.endswith(_OVERLAY):
            continue
        if file.is_dir():
            folders += [] if recursive else [f"{file.name}/"]
        elif file.suffix.lower() not in IMAGE_SUFFIXES:
            others.append(file.name)
    reasons = []
    if others:
        reasons.append(f"no picture by its suffix: {_some(others)}")
    if folders:
        reasons.append(f"a folder, which --recursive reads: {_some(folders)}")
    return tuple(reasons)


def shard_of(inputs: Sequence[Input], shard: Shard) -> Tuple[Input, ...]:
    """Return the inputs of a shard: every COUNTth."""
    return tuple(inputs[shard.number - 1 :: shard.count])


def spool_standard_input(folder: Path, stream: BinaryIO) -> Path:
    """Save standard input to a file."""
    if sys.stdin is not None and sys.stdin.isatty():
        raise ConfigError("- reads a picture from standard input: pipe one in")
    path = folder / "stdin"
    with path.open("wb") as file:
        shutil.copyfileobj(stream, file)
    return path


def _pictures(folder: Path, recursive: bool) -> Iterator[Path]:
    for file in folder.rglob("*") if recursive else folder.iterdir():
        if file.suffix.lower() not in IMAGE_SUFFIXES or file.name.endswith(_OVERLAY):
            continue
        if not _is_hidden(file.relative_to(folder)):
            yield file


def _is_hidden(path: Path) -> bool:
    """Return whether a path is hidden, or is a file of the operating system."""
    return any(part.startswith(".") for part in path.parts) or path.name.lower() in _DROPPINGS


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"


def _told_apart(inputs: List[Input]) -> Tuple[Input, ...]:
    """Make stems unique by adding suffixes or folders to those that clash."""
    counts = Counter(_key(entry.stem) for entry in inputs)
    clashing = [entry.path for entry in inputs if counts[_key(entry.stem)] > 1]
    if not clashing:
        return tuple(inputs)
    common = os.path.commonpath([path.resolve().parent for path in clashing])
    named = []
    for entry in inputs:
        if counts[_key(entry.stem)] > 1:
            inside = entry.path.resolve().relative_to(common)
            same_folder = [
                path
                for path in clashing
                if path.resolve().parent == entry.path.resolve().parent
                and _key(Path(path.stem)) == _key(Path(entry.path.stem))
            ]
            entry = Input(entry.path, inside if len(same_folder) > 1 else inside.with_suffix(""))
        named.append(entry)
    twice = [
        key for key, count in Counter(_key(entry.stem) for entry in named).items() if count > 1
    ]
    if twice:
        first, second = (entry.path for entry in named if _key(entry.stem) == twice[0])
        raise ConfigError(
            f"{first} and {second} would write the same files; use a different --output for each"
        )
    return tuple(named)


def _key(stem: Path) -> str:
    """Return a key that ignores case, as some file systems do."""
    return stem.as_posix().lower()
