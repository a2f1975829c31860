"""Labeled data: adapters for the formats it comes in, and the datasets they give.

>>> from htrlib import data
>>> train = data.load("pages_json", "pages.json", split="train")  # doctest: +SKIP
>>> print(train.report())  # doctest: +SKIP
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, Union

from htrlib.data import (
    alto,
    csv_manifest,
    ground_truth,
    iam,
    lines_folder,
    page_xml,
    pages_json,
    rendered,
)
from htrlib.data.ground_truth import write_ground_truth
from htrlib.data.lines_folder import write_lines_folder
from htrlib.data.page_xml import write_page_xml
from htrlib.data.samples import (
    Dataset,
    LabeledLine,
    LabeledWord,
    LineSample,
    PageSample,
    Problem,
    Report,
)
from htrlib.errors import ConfigError

__all__ = [
    "FORMATS",
    "Dataset",
    "LabeledLine",
    "LabeledWord",
    "LineSample",
    "PageSample",
    "Problem",
    "Report",
    "load",
    "write_ground_truth",
    "write_lines_folder",
    "write_page_xml",
]

FORMATS: Dict[str, Callable[..., Dataset]] = {
    "alto": alto.load,
    "csv": csv_manifest.load,
    "ground_truth": ground_truth.load,
    "iam": iam.load,
    "lines": lines_folder.load,
    "page_xml": page_xml.load,
    "pages_json": pages_json.load,
    "synthetic": rendered.load,
}


def load(format: str, path: Union[str, Path], **options: Any) -> Dataset:
    """The samples of an annotated folder or file.

    Args:
        format: one of `FORMATS`.
        path: the annotation file or folder.
        options: those of the format's own ``load``.
    Raises:
        ConfigError: there is no such format.
        AnnotationError: an annotation file is not of that format.
        DatasetError: no sample can be used.
    """
    if format not in FORMATS:
        raise ConfigError(f"no data format {format!r}; there are {', '.join(sorted(FORMATS))}")
    return FORMATS[format](path, **options)
