"""Labeled data: datasets, and adapters that load them from many formats.

>>> from htrlib import data
>>> train = data.load("pages_json", "pages.json", split="train")  # doctest: +SKIP
>>> print(train.report())  # doctest: +SKIP
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Tuple, Union

from htrlib.data.problems import Problem, Report
from htrlib.data.samples import Dataset, LabeledLine, LabeledWord, LineSample, PageSample
from htrlib.errors import ConfigError
from htrlib.registry import Registry

__all__ = [
    "FORMATS",
    "WRITERS",
    "Dataset",
    "LabeledLine",
    "LabeledWord",
    "LineSample",
    "PageSample",
    "Problem",
    "Report",
    "load",
    "write_alto",
    "write_ground_truth",
    "write_hocr",
    "write_lines_folder",
    "write_page_xml",
]

FORMATS: Registry[Callable[..., Dataset]] = Registry(
    "htrlib.datasets",
    {
        "alto": "htrlib.formats.alto:load",
        "csv": "htrlib.data.csv_manifest:load",
        "ground_truth": "htrlib.data.ground_truth:load",
        "hocr": "htrlib.formats.hocr:load",
        "iam": "htrlib.data.iam:load",
        "label_studio": "htrlib.data.label_studio:load",
        "lines": "htrlib.data.lines_folder:load",
        "page_xml": "htrlib.formats.page_xml:load",
        "pages_json": "htrlib.data.pages_json:load",
        "review": "htrlib.formats.confirmed_lines:load",
        "synthetic": "htrlib.data.synthetic_pages:load",
    },
)

WRITERS: Registry[Callable[[Dataset, Path], Tuple[Problem, ...]]] = Registry(
    "htrlib.dataset_writers",
    {
        "alto": "htrlib.formats.alto_writing:write_alto",
        "ground_truth": "htrlib.data.ground_truth_writing:write_ground_truth",
        "hocr": "htrlib.formats.hocr_writing:write_hocr",
        "lines": "htrlib.data.lines_folder:write_lines_folder",
        "page_xml": "htrlib.formats.page_xml_writing:write_page_xml",
    },
)
_WRITERS = {
    "write_alto": "alto",
    "write_ground_truth": "ground_truth",
    "write_hocr": "hocr",
    "write_lines_folder": "lines",
    "write_page_xml": "page_xml",
}


def __getattr__(name: str) -> Any:
    if name not in _WRITERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return WRITERS[_WRITERS[name]]


def load(format: str, path: Union[str, Path], **options: Any) -> Dataset:
    """Load an annotated folder or file.

    Args:
        format: one of `FORMATS`.
        path: the annotation file or folder.
        options: options of the format's ``load``.
    Raises:
        ConfigError: the format does not exist.
        AnnotationError: an annotation file is not in that format.
        DatasetError: no sample can be used.
    """
    if format not in FORMATS:
        raise ConfigError(f"unknown data format {format!r}; choose {', '.join(FORMATS)}")
    return FORMATS[format](path, **options)
