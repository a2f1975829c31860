"""The pages of a folder: which pictures there are, and where the truth about each one stands."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Tuple

from htrlib.images.suffixes import PICTURE_SUFFIXES as SUFFIXES
from htrlib.errors import ConfigError

WORK_FOLDER = ".htr-review"
"""Below the folder of the XML: history, index, trainings. Nothing of it is the only copy."""

_OVERLAY = ".overlay.png"


@dataclass(frozen=True)
class PagePlace:
    """Where a page lies.

    Attributes:
        name: of the picture, relative to the folder, with slashes.
        picture: the file.
        xml: the PAGE XML file, which may not be there yet.
    """

    name: str
    picture: Path
    xml: Path


class ReviewFolder:
    """A folder of pictures.

    Args:
        pictures: the folder; pictures in folders below it belong to it too.
        output: where the XML files go; beside the pictures where that is None.
    Raises:
        ConfigError: there is no such folder, or the output cannot be made.
    """

    def __init__(self, pictures: Path, output: Optional[Path] = None) -> None:
        if not pictures.is_dir():
            raise ConfigError(f"{pictures} is no folder; name a folder of pictures")
        self.pictures = pictures.resolve()
        try:
            if output is not None:
                output.mkdir(parents=True, exist_ok=True)
            self.output = self.pictures if output is None else output.resolve()
            self.work = self.output / WORK_FOLDER
            self.work.mkdir(exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"{error.filename}: {error.strerror}; corrections are kept there, so name a folder "
                "that can be written with --output"
            ) from error

    def scan(self) -> Tuple[Dict[str, PagePlace], List[str]]:
        """The pages by name, in order, and what was left out and why."""
        found, refused = [], []
        for path in _files(self.pictures):
            suffix = path.suffix.lower()
            if suffix == ".pdf":
                refused.append(f"{path.name}: PDFs are not shown; convert their pages to pictures")
            elif suffix in SUFFIXES and not path.name.endswith(_OVERLAY):
                if self.holds(path):
                    found.append(path)
                else:
                    refused.append(f"{path.name}: a link that leads out of the folder")
        stems = Counter(str(path.with_suffix("")) for path in found)
        pages = {}
        for path in found:
            name = path.relative_to(self.pictures)
            alone = stems[str(path.with_suffix(""))] == 1
            xml = name.with_suffix(".xml") if alone else name.with_name(f"{name.name}.xml")
            pages[name.as_posix()] = PagePlace(name.as_posix(), path, self.output / xml)
        return pages, refused

    def holds(self, path: Path) -> bool:
        """Whether a path leads to a place inside the folder, links followed."""
        try:
            resolved = path.resolve()
        except (OSError, RuntimeError):  # a circle of links
            return False
        return any(base == resolved or base in resolved.parents for base in self._bases)

    @property
    def _bases(self) -> Tuple[Path, Path]:
        return self.pictures, self.output


def _files(folder: Path) -> Iterator[Path]:
    """All files below a folder by name; hidden ones, and folders that are links, left out."""
    for base, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield Path(base, name)
