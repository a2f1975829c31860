"""Manifests of Amazon SageMaker Ground Truth: JSON Lines, one image per row."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

from htrlib.data.annotation_text import read_text
from htrlib.data.pictures import spelled
from htrlib.errors import AnnotationError

Images = Union[str, Path, Callable[[str], Path]]
"""The folder of the pictures, or a function from a ``source-ref`` to a local file."""

VERIFICATION = "groundtruth/label-verification"

Row = Tuple[int, Dict[str, Any]]
"""The number of a manifest's line, and its object."""


def read_rows(path: Path) -> Tuple[List[Row], List[AnnotationError]]:
    """Read the objects of a manifest, skipping empty lines.

    Returns:
        The objects, and an error for each line that is not a JSON object.
    Raises:
        AnnotationError: the file cannot be read.
    """
    rows: List[Row] = []
    errors: List[AnnotationError] = []
    lines = read_text(path).split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            reason = getattr(error, "msg", error)
            errors.append(AnnotationError(f"not JSON: {reason}", path, number))
            continue
        except RecursionError:
            errors.append(AnnotationError("not JSON: nested too deeply", path, number))
            continue
        if isinstance(row, dict):
            rows.append((number, row))
        else:
            detail = f"expected an object, found {line.strip()[:40]}"
            errors.append(AnnotationError(detail, path, number))
    return rows, errors


def label_attribute(path: Path, rows: Sequence[Row]) -> str:
    """Return the only label attribute of a manifest.

    Raises:
        AnnotationError: there is none, or more than one.
    """
    found = {
        key[: -len("-metadata")]
        for _, row in rows
        for key, value in row.items()
        if key.endswith("-metadata") and not is_verification(value)
    }
    if not rows:
        return ""  # The dataset will report that it is empty.
    if len(found) != 1:
        raise AnnotationError(
            f"expected one label attribute (a key with its ...-metadata), found "
            f"{', '.join(sorted(found)) or 'none'}; name it with attribute=",
            path,
        )
    return found.pop()


def is_verification(metadata: Any) -> bool:
    """Return whether metadata come from a verification job, whose labels judge other labels."""
    return isinstance(metadata, dict) and str(metadata.get("type")).lower() == VERIFICATION


def locate(path: Path, reference: str, images: Optional[Images]) -> Path:
    """Find the local file of a source-ref.

    Args:
        path: the manifest.
        reference: the source-ref.
        images: folder in which the reference is looked up by as much of its path as exists there;
            or a function that returns the file; or None for a path relative to the manifest, or
            the folder of the manifest for a remote reference.
    Raises:
        AnnotationError: the reference is remote, `images` is None, and there is no such picture
            beside the manifest; or it leads out of the folder.
    """
    if callable(images):
        return images(reference)
    remote = "://" in reference
    if images is None and not remote:
        return spelled(reference, path.parent) or path.parent / reference
    parts = PurePosixPath(reference.partition("://")[2] if remote else reference).parts
    if ".." in parts:
        raise AnnotationError(f"a source-ref must not contain .., found {reference}", path)
    parts = tuple(part for part in parts if part != "/")
    folder = path.parent if images is None else Path(images)
    existing = (spelled("/".join(parts[start:]), folder) for start in range(len(parts)))
    found = next((found for found in existing if found is not None), None)
    if found is None and images is None:
        raise AnnotationError(
            f"{reference} is not on this machine; copy the pictures and give images=FOLDER", path
        )
    return found or folder.joinpath(*parts[-1:])
