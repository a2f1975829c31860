"""The registry of result formats: htrlib's own and those of installed packages.

A package adds a format by an entry point in the group `htrlib.formats` that is a `Format`, a
program by `register`. The command line and the server take their lists from this registry.
"""

from __future__ import annotations

import importlib
import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Callable, Optional, Tuple, Union

from htrlib.atomic_files import write_whole
from htrlib.errors import ConfigError
from htrlib.registry import Registry

if TYPE_CHECKING:
    from htrlib.document.results import DocumentResult, PageResult

Result = Union["PageResult", "DocumentResult"]


@dataclass(frozen=True)
class WriteOptions:
    """Options for writers.

    Attributes:
        source: the file that was read, for formats that hold its picture.
        dpi: resolution at which the pages of a PDF were rendered.
        flow: join lines into paragraphs and undo hyphens at their ends, in formats of running text.
    """

    source: Any = None
    dpi: float = 300
    flow: bool = False


@dataclass(frozen=True)
class Format:
    """A format for results.

    Attributes:
        name: name on the command line.
        suffixes: suffixes of its files; the first one is used for writing.
        media_type: media type of its content.
        write: `f(result, file, options)` writes a result into a binary file.
        needs_picture: True if `options.source` must be given.
        one_page: True if a file holds one page; `write` then gets a `PageResult`.
    """

    name: str
    suffixes: Tuple[str, ...]
    media_type: str
    write: Callable[[Any, BinaryIO, WriteOptions], None]
    needs_picture: bool = False
    one_page: bool = False


FORMATS: Registry[Format] = Registry(
    "htrlib.formats",
    {
        name: f"htrlib.formats.own:{name.upper()}"
        for name in ("text", "json", "page", "alto", "hocr", "pdf", "tsv", "markdown", "overlay")
    },
)


def register(format: Format) -> None:
    """Add a format to this process; packages use entry points instead.

    Raises:
        ConfigError: a format of that name exists.
    """
    if format.name in FORMATS:
        raise ConfigError(f"a format named {format.name!r} already exists; choose another name")
    FORMATS[format.name] = format


def format_of(path: Path, name: Optional[str] = None) -> Format:
    """Return a format by its name, or else by a file's longest matching suffix.

    Raises:
        ConfigError: there is no such format.
    """
    if name is not None:
        if name not in FORMATS:
            raise ConfigError(f"unknown format {name!r}; choose {', '.join(FORMATS)}")
        return FORMATS[name]
    found = [
        (len(suffix), known)
        for known in FORMATS
        for suffix in FORMATS[known].suffixes
        if path.name.lower().endswith(suffix)
    ]
    if not found:
        raise ConfigError(
            f"no format has the suffix of {path.name!r}; name one: {', '.join(FORMATS)}"
        )
    return FORMATS[max(found)[1]]


def save(
    result: Result,
    path: Union[str, os.PathLike[str]],
    format: Optional[str] = None,
    source: Any = None,
    *,
    dpi: float = 300,
    flow: bool = False,
) -> None:
    """Write a result to a file atomically.

    Args:
        result: one page or several.
        path: path of the file, whose suffix determines the format unless `format` is given.
        format: one of `FORMATS`.
        source: the picture or PDF that was read, for formats that contain it; by default the file
            that the result names.
        dpi: resolution at which the pages of a PDF were rendered.
        flow: join lines into paragraphs, in text and Markdown.
    Raises:
        ConfigError: the format does not exist, holds one page but there are several, or needs a
            picture and none is known.
        ImageError: the picture cannot be read.

    >>> import htrlib
    >>> result = htrlib.transcribe("letter.png")  # doctest: +SKIP
    >>> htrlib.save(result, "letter.pdf")  # doctest: +SKIP
    """
    path = Path(path)
    chosen = format_of(path, format)
    options = WriteOptions(result.source if source is None else source, dpi, flow)
    if chosen.needs_picture and options.source is None:
        raise ConfigError(f"{chosen.name} contains the page's picture; pass it as source=")
    if chosen.one_page:
        if len(result.pages) != 1:
            raise ConfigError(
                f"a file in the format {chosen.name} holds one page, but the result has "
                f"{len(result.pages)}; save each page"
            )
        result = result.pages[0]
    write_whole(path, lambda file: chosen.write(result, file, options))


def to_bytes(result: Result, format: Format, options: WriteOptions) -> bytes:
    """Return a result as the content of a file."""
    file = io.BytesIO()
    format.write(result, file, options)
    return file.getvalue()


def deferred(place: str) -> Callable[[Any, BinaryIO, WriteOptions], None]:
    """Return a writer that is imported from `module:function` on first use."""

    def write(result: Any, file: BinaryIO, options: WriteOptions) -> None:
        module, _, name = place.partition(":")
        getattr(importlib.import_module(module), name)(result, file, options)

    return write
