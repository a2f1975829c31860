"""The picture files of a data set: find them, place copies beside annotations."""

from __future__ import annotations

import re
import shutil
from pathlib import Path, PurePosixPath
from typing import Iterable, List, Optional, Sequence, Set

from PIL import Image

from htrlib.data.samples import Picture, Sample

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif", ".jp2")


def find_picture(name: str, stem: str, folders: Sequence[Path]) -> Optional[Path]:
    """The picture that an annotation speaks of.

    Args:
        name: what the annotation calls it; folders in it are tried, then left out.
        stem: of the annotation file, for pictures that were renamed or converted.
        folders: where to look, in this order.
    Returns:
        None where there is none.
    """
    relative = PurePosixPath(name.replace("\\", "/"))
    candidates = [relative.name]
    if not relative.is_absolute() and ".." not in relative.parts:
        candidates.insert(0, str(relative))
    candidates += [stem + suffix for suffix in SUFFIXES]
    for folder in folders:
        for candidate in candidates:
            if candidate and (folder / candidate).is_file():
                return folder / candidate
    return None


def place_picture(image: Picture, folder: Path, stem: str) -> Path:
    """Put a copy of a picture into a folder, under that name and the picture's own suffix."""
    if isinstance(image, Path):
        target = folder / f"{stem}{image.suffix.lower()}"
        shutil.copyfile(image, target)
    else:
        target = folder / f"{stem}.png"
        Image.fromarray(image()).save(target)
    return target


def safe_name(text: str) -> str:
    """A name of letters, digits, dots and dashes that every file system takes.

    >>> safe_name("../a b/c.png")
    'a_b_c.png'
    """
    return re.sub(r"[^\w.-]+", "_", text).strip("._") or "page"


def file_stems(samples: Iterable[Sample]) -> List[str]:
    """File names without suffix, one for each sample, made from their sources, all different."""
    taken: Set[str] = set()  # in lower case: to some file systems A.png and a.png are one file
    stems = []
    for sample in samples:
        source = Path(sample.source)
        plain = source.with_suffix("") if source.suffix.lower() in SUFFIXES else source
        stem = first = safe_name(plain.as_posix())
        number = 1
        while stem.lower() in taken:
            number += 1
            stem = f"{first}_{number}"
        taken.add(stem.lower())
        stems.append(stem)
    return stems
