"""Detect the labeled data in a folder from its files."""

from __future__ import annotations

import csv
import itertools
import json
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple

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
    if format is not None and format not in _FILES:
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
            whole = name not in _FILES
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
        elif suffix in _FORMAT:
            name = _FORMAT[suffix](path)
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


def _manifest_format(path: Path) -> Optional[str]:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        first = next((line for line in file if line.strip()), "")
    return "ground_truth" if '"source-ref"' in first else None


def _table_format(path: Path) -> Optional[str]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        first = file.readline()
    try:
        header = next(csv.reader([first], delimiter=delimiter_of(path, first)), [])
    except csv.Error:
        return None
    return "csv" if set(REQUIRED) <= {name.strip() for name in header} else None


def _json_format(path: Path) -> Optional[str]:
    try:
        content = json.loads(read_text(path))
    except (AnnotationError, ValueError):
        return None
    if isinstance(content, dict) and _any_has(content.values(), "lines"):
        return "pages_json"
    if isinstance(content, list) and _any_has(content, "data", "annotations"):
        return "label_studio"
    return None


def _any_has(entries: Iterable[Any], *keys: str) -> bool:
    return any(isinstance(entry, dict) and set(keys) <= set(entry) for entry in entries)


_FORMAT: Dict[str, Callable[[Path], Optional[str]]] = {
    ".manifest": _manifest_format,
    ".jsonl": _manifest_format,
    ".csv": _table_format,
    ".tsv": _table_format,
    ".json": _json_format,
}
_FILES = frozenset(("ground_truth", "csv", "pages_json", "label_studio"))
"""Formats whose data is a file, not a folder."""
