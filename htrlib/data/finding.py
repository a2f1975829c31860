"""Detect the labeled data in a folder from its files."""

from __future__ import annotations

import csv
import itertools
import json
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

from htrlib.data import FORMATS
from htrlib.data.annotation_text import read_text
from htrlib.data.csv_manifest import REQUIRED, delimiter_of
from htrlib.data.lines_folder import text_of
from htrlib.data.pictures import is_left_by_system
from htrlib.data.xml import parse
from htrlib.errors import AnnotationError, ConfigError, DatasetError
from htrlib.images.suffixes import PICTURE_SUFFIXES

LINES = "lines"
ROOTS = {"PcGts": "page_xml", "alto": "alto", "form": "iam"}

Source = Tuple[str, str]
"""A format and a path."""


def find(folder: Path, format: Optional[str] = None) -> Tuple[Source, ...]:
    """Find the annotation files of a folder, or return the folder if its files belong together.

    Only the files closest to the top are used; deeper ones may be something else, such as
    intermediate results of a labeling job.

    Args:
        format: use only files of this format; by default it is detected.
    Raises:
        ConfigError: the format does not exist, or there are files of several formats.
        DatasetError: there are no annotation files.
    """
    if format is not None and format not in FORMATS:
        raise ConfigError(f"unknown data format {format!r}; choose {', '.join(FORMATS)}")
    if format is not None and format not in _IS:
        return ((format, str(folder)),)
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not is_left_by_system(path.relative_to(folder))
    )
    files.sort(key=_depth)
    for _, level in itertools.groupby(files, key=_depth):
        found = _by_format(level)
        if format is not None:
            found = {format: found[format]} if format in found else {}
        if len(found) > 1:
            raise ConfigError(
                f"{folder} holds data of several formats ({', '.join(sorted(found))}): choose one "
                "with format, or remove the others"
            )
        for name, paths in found.items():
            whole = name not in _IS
            return tuple((name, str(path)) for path in ([folder] if whole else paths))
    wanted = "labeled data of a format that can be told" if format is None else f"{format} data"
    some = ", ".join(path.relative_to(folder).as_posix() for path in files[:3])
    raise DatasetError(
        f"{folder} holds no {wanted}; it has {len(files)} files{f' ({some}, ...)' if some else ''}"
    )


def _depth(path: Path) -> int:
    return len(path.parts)


def _by_format(files: Iterator[Path]) -> Dict[str, List[Path]]:
    """Group annotation files by format; pictures with texts count only if there is nothing else."""
    found: Dict[str, List[Path]] = {}
    read_folders = set()
    for path in files:
        suffix = path.suffix.lower()
        name: Optional[str] = None
        if suffix in PICTURE_SUFFIXES:
            name = LINES if text_of(path) is not None else None
        elif suffix == ".xml":
            if path.parent not in read_folders:  # the files of a folder all have one format
                name = _root_format(path)
            if name is not None:
                read_folders.add(path.parent)
        else:
            name = next((name for name in _FILES.get(suffix, ()) if _IS[name](path)), None)
        if name is not None:
            found.setdefault(name, []).append(path)
    if len(found) > 1:
        found.pop(LINES, None)
    return found


def _root_format(path: Path) -> Optional[str]:
    try:
        return ROOTS.get(parse(path).tag)
    except AnnotationError:
        return None


def _is_manifest(path: Path) -> bool:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        return '"source-ref"' in next((line for line in file if line.strip()), "")


def _is_table(path: Path) -> bool:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        first = file.readline()
    try:
        header = next(csv.reader([first], delimiter=delimiter_of(path, first)), [])
    except csv.Error:
        return False
    return set(REQUIRED) <= {name.strip() for name in header}


def _is_pages(path: Path) -> bool:
    pages = _json(path)
    return isinstance(pages, dict) and any(
        isinstance(page, dict) and "lines" in page for page in pages.values()
    )


def _is_label_studio(path: Path) -> bool:
    tasks = _json(path)
    return isinstance(tasks, list) and any(
        isinstance(task, dict) and {"data", "annotations"} <= set(task) for task in tasks
    )


def _json(path: Path) -> Any:
    """Return the content of a file; None if it is no JSON."""
    try:
        return json.loads(read_text(path))
    except (AnnotationError, ValueError):
        return None


_FILES = {
    ".manifest": ("ground_truth",),
    ".jsonl": ("ground_truth",),
    ".csv": ("csv",),
    ".tsv": ("csv",),
    ".json": ("pages_json", "label_studio"),
}
_IS: Dict[str, Callable[[Path], bool]] = {
    "ground_truth": _is_manifest,
    "csv": _is_table,
    "pages_json": _is_pages,
    "label_studio": _is_label_studio,
}
