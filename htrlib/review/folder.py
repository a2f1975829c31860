"""The folder that is reviewed: its pages, and which paths belong to it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Callable, Dict, List, Optional, Tuple

from htrlib.data.page_places import WORK_FOLDER, PagePlace, find_pages
from htrlib.errors import ConfigError

SCRATCH_PREFIX, SCRATCH_SUFFIX = ".htr-", ".part"
_STALE = 3600.0  # seconds after which a file that was being written is one of a killed server


class ReviewFolder:
    """A folder of pictures and PDFs.

    Args:
        pictures: the folder; pictures in folders below it belong to it too.
        output: where the XML files go; beside the pictures where that is None.
    Raises:
        ConfigError: there is no such folder, or the output cannot be made.
    """

    def __init__(self, pictures: Path, output: Optional[Path] = None) -> None:
        if not pictures.is_dir():
            raise ConfigError(f"{pictures} is no folder; name a folder of pictures or PDFs")
        self.pictures = pictures.resolve()
        try:
            if output is not None:
                output.mkdir(parents=True, exist_ok=True)
            self.output = self.pictures if output is None else output.resolve()
            # History, index, trainings: nothing of it is the only copy of a text.
            self.work = self.output / WORK_FOLDER
            self.work.mkdir(exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"{error.filename}: {error.strerror}; corrections are kept there, so name a folder "
                "that can be written with --output"
            ) from error

    def scan(self, pages_of: Callable[[Path], int]) -> Tuple[Dict[str, PagePlace], List[str]]:
        """The pages by name, in order, and what was left out and why; see `find_pages`."""
        return find_pages(self.pictures, self.output, self.holds, pages_of)

    def holds(self, path: Path) -> bool:
        """Whether a path leads to a place inside the folder, links followed."""
        try:
            resolved = path.resolve()
        except (OSError, RuntimeError):  # a circle of links
            return False
        bases = self.pictures, self.output
        return any(base == resolved or base in resolved.parents for base in bases)

    def remove_scratch(self) -> None:
        """Remove what a server that was killed had not finished writing."""
        for path in self.output.rglob(f"{SCRATCH_PREFIX}*{SCRATCH_SUFFIX}"):
            try:
                if path.stat().st_mtime < time.time() - _STALE:
                    path.unlink()
            except OSError:  # it is another server's, and has its name by now
                continue
