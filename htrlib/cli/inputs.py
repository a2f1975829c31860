"""Input files of a command, and the names of their results."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, List, Sequence, Set, Tuple

from htrlib.errors import ConfigError
from htrlib.images.suffixes import IMAGE_SUFFIXES, PDF, SUFFIXES

STANDARD_STREAM = Path("-")  # standard input among inputs, standard output as output
STANDARD_INPUT = "stdin"  # its name in results and messages
_OVERLAY = ".overlay.png"
_DROPPINGS = ("thumbs.db", "desktop.ini")
_PAGE = re.compile(r"-[0-9]+$")
_WITH_PAGES = (*SUFFIXES["TIFF"], *SUFFIXES[PDF])
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


def path_argument(text: str) -> Path:
    """Convert an argument to a path; an empty one, as of an unset variable, is no folder.

    Raises:
        ArgumentTypeError: it is empty.
    """
    if not text:
        raise argparse.ArgumentTypeError("a path is empty; name one, or . for the current folder")
    return Path(text)


def find_inputs(
    paths: Sequence[Path], *, recursive: bool = False, numbered: bool = False
) -> Tuple[Input, ...]:
    """Find the files at paths, without duplicates; those of a folder are sorted by name.

    Hidden files, `._page.png` of macOS for one, are no pictures.

    Args:
        paths: files and folders. A path that does not exist is kept; reading it fails.
        recursive: search subfolders too; results go to subfolders of the same names.
        numbered: each page of a file gets files of its own: page 1 of `a.pdf` those of `a-1`.
    """
    found: List[Input] = []
    for path in paths:
        if not path.is_dir():
            found.append(Input(path, Path(path.stem)))
            continue
        pictures = sorted(_pictures(path, recursive))
        found += [Input(file, file.relative_to(path).with_suffix("")) for file in pictures] or [
            Input(path, Path(path.name or path.resolve().name or "page"))
        ]
    inputs = _told_apart(list({entry.path: entry for entry in found}.values()))
    return _apart_from_pages(inputs) if numbered else inputs


def passed_over(folder: Path, *, recursive: bool = False) -> Tuple[str, ...]:
    """Describe what `find_inputs` does not read in a folder, in one clause per reason.

    Hidden files and the pictures drawn by `--overlay` are not mentioned.
    """
    others: List[str] = []
    folders: List[str] = []
    links: List[str] = []
    for file in sorted(_files(folder, recursive)):
        if _is_hidden(file.relative_to(folder)) or file.name.endswith(_OVERLAY):
            continue
        if file.is_dir() and recursive and file.is_symlink():
            links.append(f"{file.relative_to(folder).as_posix()}/")
        elif file.is_dir():
            folders += [] if recursive else [f"{file.name}/"]
        elif file.suffix.lower() not in IMAGE_SUFFIXES:
            others.append(file.name)
    reasons = []
    if others:
        reasons.append(f"no picture by its suffix: {_some(others)}")
    if folders:
        reasons.append(f"a folder, which --recursive reads: {_some(folders)}")
    if links:
        reasons.append(f"a link to a folder, which may be named itself: {_some(links)}")
    return tuple(reasons)


def shard_of(inputs: Sequence[Input], shard: Shard) -> Tuple[Input, ...]:
    """Return the inputs of a shard: every COUNTth."""
    return tuple(inputs[shard.number - 1 :: shard.count])


def spool_standard_input(path: Path) -> None:
    """Save standard input to a file.

    Raises:
        ConfigError: it is a terminal, or closed.
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise ConfigError("- reads a picture from standard input: pipe one in")
    with path.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)


def _pictures(folder: Path, recursive: bool) -> Iterator[Path]:
    """Yield the pictures of a folder, and the folders in it that cannot be listed."""
    for file in _files(folder, recursive):
        unlisted = recursive and _is_unlisted(file)
        is_picture = file.suffix.lower() in IMAGE_SUFFIXES and not file.name.endswith(_OVERLAY)
        if (is_picture or unlisted) and not _is_hidden(file.relative_to(folder)):
            yield file


def _files(folder: Path, recursive: bool) -> Iterator[Path]:
    """Yield what is in a folder, without that of folders that are links or cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            found = [folder / entry.name for entry in entries]
    except OSError:  # reading the folder as an input says why
        return
    for path in found:
        yield path
        if recursive and path.is_dir() and not path.is_symlink():
            yield from _files(path, recursive)


def _is_unlisted(path: Path) -> bool:
    """Return whether a path is a folder that this user may not list."""
    return path.is_dir() and not path.is_symlink() and not os.access(path, os.R_OK | os.X_OK)


def _is_hidden(path: Path) -> bool:
    """Return whether a path is hidden, or is a file of the operating system."""
    return any(part.startswith(".") for part in path.parts) or path.name.lower() in _DROPPINGS


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"


def _told_apart(inputs: List[Input]) -> Tuple[Input, ...]:
    """Make stems unique by adding suffixes, folders or numbers to those that clash."""
    counts = Counter(_key(entry.stem) for entry in inputs)
    clashing = [entry.path for entry in inputs if counts[_key(entry.stem)] > 1]
    if not clashing:
        return tuple(inputs)
    parents = {path.parent: path.parent.resolve() for path in clashing}
    places = {path: parents[path.parent] / path.name for path in clashing}  # a link keeps its name
    common = os.path.commonpath(list(parents.values()))
    alike = Counter(_without_suffix(place) for place in places.values())
    named = []
    for entry in inputs:
        place = places.get(entry.path)
        if place is not None:
            inside = place.relative_to(common)
            only = alike[_without_suffix(place)] == 1
            entry = Input(entry.path, inside.with_suffix("") if only else inside)
        named.append(entry)
    return tuple(_numbered(named))


def _without_suffix(place: Path) -> Tuple[Path, str]:
    return place.parent, _key(Path(place.stem))


def _apart_from_pages(inputs: Sequence[Input]) -> Tuple[Input, ...]:
    """Add their suffix to files of many pages whose pages are named like other inputs."""
    stems = {_key(entry.stem) for entry in inputs}
    like_pages = {stem[: match.start()] for stem in stems if (match := _PAGE.search(stem))}
    return tuple(
        Input(entry.path, entry.stem.with_name(f"{entry.stem.name}{entry.path.suffix}"))
        if _key(entry.stem) in like_pages and entry.path.suffix.lower() in _WITH_PAGES
        else entry
        for entry in inputs
    )


def _numbered(inputs: Sequence[Input]) -> Iterator[Input]:
    """Number the stems that differ in case only, as in `a.png_2`."""
    taken = {_key(entry.stem) for entry in inputs}
    used: Set[str] = set()
    for entry in inputs:
        stem, number = entry.stem, 1
        while _key(stem) in used or (number > 1 and _key(stem) in taken):
            number += 1
            stem = entry.stem.with_name(f"{entry.stem.name}_{number}")
        used.add(_key(stem))
        yield Input(entry.path, stem)


def _key(stem: Path) -> str:
    """Return a key that ignores case, as some file systems do."""
    return stem.as_posix().lower()
