"""Find the picture files of a data set, and copy them next to annotations."""

from __future__ import annotations

import re
import shutil
import unicodedata
from pathlib import Path, PurePosixPath
from typing import Iterable, List, Optional, Sequence, Set
from urllib.parse import unquote

from PIL import Image

from htrlib.data.samples import Picture, Sample
from htrlib.images.suffixes import PICTURE_SUFFIXES

_FORMAT_SUFFIXES = (".page", ".alto")  # scan.page.xml
_SYSTEM_FOLDERS = ("__MACOSX", "@eaDir", ".ipynb_checkpoints", ".Trashes", ".git")


def find_picture(name: str, stem: str, folders: Sequence[Path]) -> Optional[Path]:
    """Find the picture of an annotation.

    Args:
        name: name in the annotation, tried with its folders and then without; its suffix may be
            missing.
        stem: stem of the annotation file, for pictures that were renamed or converted.
        folders: folders to search, in this order.
    Returns:
        The path, or None if there is no such picture.
    """
    relative = PurePosixPath(name.replace("\\", "/"))
    candidates = [relative.name]
    if not relative.is_absolute() and ".." not in relative.parts:
        candidates.insert(0, str(relative))
    plain = stem[: -len(Path(stem).suffix)] if Path(stem).suffix in _FORMAT_SUFFIXES else stem
    if Path(stem).suffix.lower() in PICTURE_SUFFIXES:
        candidates.append(stem)  # scan.png.xml
    whole = relative.name if relative.suffix.lower() not in PICTURE_SUFFIXES else ""
    candidates += [
        name + suffix
        for name in dict.fromkeys((whole, stem, plain))
        if name
        for suffix in PICTURE_SUFFIXES
    ]
    for folder in folders:
        for candidate in candidates:
            found = spelled(candidate, folder)
            if found is not None:
                return found
    return None


def spelled(name: str, folder: Path) -> Optional[Path]:
    """Find a file whose name may be spelled as on another system; return None if there is none.

    Composed and decomposed accents are equal (macOS uses the latter), `%20` is a space, `\\`
    separates folders, and the case of the suffix is ignored.
    """
    if not name or "\0" in name:
        return None
    texts = [name.replace("\\", "/")]
    decoded = unquote(texts[0])
    if decoded.count("/") == texts[0].count("/") and ".." not in decoded.split("/"):
        texts.append(decoded)  # cannot lead further than the name itself
    spellings = dict.fromkeys(
        unicodedata.normalize(form, text) for text in texts for form in ("NFC", "NFD")
    )
    for spelling in (name, texts[0], *spellings):
        path = PurePosixPath(spelling)
        for suffix in dict.fromkeys((path.suffix, path.suffix.lower(), path.suffix.upper())):
            found = folder / f"{spelling[: len(spelling) - len(path.suffix)]}{suffix}"
            if _is_file(found):
                return found
    return None


def is_left_by_system(path: Path) -> bool:
    """Return whether a file is an operating system's own, such as macOS `._page.png`.

    Args:
        path: path relative to the folder being read.
    """
    return path.name.startswith("._") or any(part in _SYSTEM_FOLDERS for part in path.parts)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name longer than the system has, for one
        return False


def place_picture(image: Picture, folder: Path, stem: str) -> Path:
    """Copy a picture into a folder, under the given stem and its own suffix."""
    if isinstance(image, Path):
        target = folder / f"{stem}{image.suffix.lower()}"
        shutil.copyfile(image, target)
    else:
        target = folder / f"{stem}.png"
        Image.fromarray(image()).save(target)
    return target


def safe_name(text: str) -> str:
    """Return a name of letters, digits, dots and dashes, valid on every file system.

    >>> safe_name("../a b/c.png")
    'a_b_c.png'
    """
    return re.sub(r"[^\w.-]+", "_", text).strip("._") or "page"


def file_stems(samples: Iterable[Sample]) -> List[str]:
    """Return unique file stems for the samples, made from their sources."""
    taken: Set[str] = set()  # in lower case: to some file systems A.png and a.png are one file
    stems = []
    for sample in samples:
        source = Path(sample.source)
        plain = source.with_suffix("") if source.suffix.lower() in PICTURE_SUFFIXES else source
        if plain.suffix in _FORMAT_SUFFIXES:
            plain = plain.with_suffix("")
        stem = first = safe_name(plain.as_posix())
        number = 1
        while stem.lower() in taken:
            number += 1
            stem = f"{first}_{number}"
        taken.add(stem.lower())
        stems.append(stem)
    return stems
