"""The files that `htr transcribe` writes: a result in several formats, each whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

from htrlib.atomic_files import write_whole
from htrlib.cli.inputs import Input
from htrlib.errors import ConfigError, ImageError
from htrlib.formats.saving import FORMATS, Format, Result, WriteOptions
from htrlib.images.opening import opened
from htrlib.images.suffixes import MAGIC_BYTES, PDF, kind_of

_WITH_PAGES = ("TIFF", PDF)


@dataclass(frozen=True)
class ResultFiles:
    """The files that results are written to.

    Attributes:
        folder: folder of the files.
        formats: names of the formats.
        dpi: resolution at which pages of a PDF were rendered.
        flow: join lines into paragraphs.
        first_page: lowest number of the pages to read from a file.
        keep: keep existing files.
    """

    folder: Path
    formats: Tuple[str, ...]
    dpi: float
    flow: bool = False
    first_page: int = 1
    keep: bool = False

    def existing(self, entry: Input, numbered: NumberedFiles) -> List[Path]:
        """The files of an input that are there already."""
        return [path for _, path in self.pages(entry, numbered)]

    def pages(self, entry: Input, numbered: NumberedFiles) -> List[Tuple[Optional[int], Path]]:
        """The same with the numbers of their pages; None where a file is of all pages."""
        return [
            found for name in self.formats for found in self._found(entry, FORMATS[name], numbered)
        ]

    def whole(self, entry: Input) -> List[Path]:
        """The files of an input, without those of single pages."""
        return [self._path(entry, FORMATS[name]) for name in self.formats]

    def complete(self, entry: Input) -> bool:
        """Return whether all files of each format exist.

        Of the files of an input's pages, that of the first page is written last, so it stands for
        all. An input whose first page is damaged is never complete.
        """
        return all(
            any(path.exists() for path in self._last_written(entry, FORMATS[name]))
            for name in self.formats
        )

    def write(self, entry: Input, result: Result) -> None:
        """Write a result in every format, the pages of one-page formats into a file each."""
        options = WriteOptions(entry.path, self.dpi, self.flow)
        for name in self.formats:
            form = FORMATS[name]
            for part, path in self._parts(entry, result, form):
                if self.keep and path.exists():
                    continue
                path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(path, _writer(form, part, options))

    def _parts(self, entry: Input, result: Result, form: Format) -> Iterator[Tuple[Result, Path]]:
        numbered = form.one_page and any(page.number is not None for page in result.pages)
        if not numbered:
            yield (result.pages[0] if form.one_page else result), self._path(entry, form)
            return
        for page in reversed(result.pages):
            yield page, self._path(entry, form, f"-{page.number}")

    def _last_written(self, entry: Input, form: Format) -> Iterator[Path]:
        yield self._path(entry, form)
        if form.one_page and _may_have_pages(entry.path):
            yield self._path(entry, form, f"-{self.first_page}")

    def _path(self, entry: Input, form: Format, number: str = "") -> Path:
        stem = self.folder / entry.stem
        return stem.with_name(f"{stem.name}{number}{form.suffixes[0]}")

    def _found(
        self, entry: Input, form: Format, numbered: NumberedFiles
    ) -> Iterator[Tuple[Optional[int], Path]]:
        whole = self._path(entry, form)
        if whole.exists():
            yield None, whole
        elif form.one_page:
            pages = numbered.of(whole, form.suffixes[0])
            if pages and _may_have_pages(entry.path):
                yield from pages


class NumberedFiles:
    """The files of single pages in folders, each of which is listed once.

    For one command: what is written after a folder was listed is not seen.
    """

    def __init__(self) -> None:
        self._folders: Dict[Tuple[Path, str], Dict[str, List[Tuple[int, Path]]]] = {}

    def of(self, whole: Path, suffix: str) -> List[Tuple[int, Path]]:
        """Return the numbers and files of the pages of what has one file for all otherwise.

        Args:
            whole: that file.
            suffix: suffix of all of them.
        """
        key = whole.parent, suffix
        if key not in self._folders:
            self._folders[key] = self._listed(*key)
        return self._folders[key].get(whole.name, [])

    @staticmethod
    def _listed(folder: Path, suffix: str) -> Dict[str, List[Tuple[int, Path]]]:
        found: Dict[str, List[Tuple[int, Path]]] = {}
        for path in folder.iterdir() if folder.is_dir() else ():
            stem, _, number = path.name[: -len(suffix)].rpartition("-")
            if path.name.endswith(suffix) and number.isdecimal():
                found.setdefault(f"{stem}{suffix}", []).append((int(number), path))
        return found


def _may_have_pages(path: Path) -> bool:
    """Return whether a file is of a kind with pages; what is named like page 1 of others is not."""
    try:
        with opened(path) as file:
            return kind_of(file.read(MAGIC_BYTES)) in _WITH_PAGES
    except (ImageError, OSError):  # reading it says why
        return True


def _writer(form: Format, result: Result, options: WriteOptions) -> Callable[[BinaryIO], None]:
    return lambda file: form.write(result, file, options)


def check_new(files: ResultFiles, inputs: Sequence[Input]) -> None:
    """Refuse before reading what would write over a text that may have been corrected.

    Raises:
        ConfigError: files are there already.
    """
    numbered = NumberedFiles()
    existing = [path for entry in inputs for path in files.existing(entry, numbered)]
    if existing:
        raise ConfigError(
            f"{len(existing)} result files are there already, {existing[0]} for one; "
            "--skip-existing reads the rest, --overwrite replaces them"
        )


def check_apart(files: ResultFiles, inputs: Sequence[Input]) -> None:
    """Refuse to write over the inputs.

    Raises:
        ConfigError: a result would have the path of an input.
    """
    read = {entry.path.resolve() for entry in inputs}
    for entry in inputs:
        for path in files.whole(entry):
            if path.resolve() in read:
                raise ConfigError(
                    f"{path} is an input, and would be replaced; name another --output"
                )
