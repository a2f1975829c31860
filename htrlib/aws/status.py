"""List the endpoints and jobs of an account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

from htrlib.aws.session import Aws

_LISTS = {
    "endpoint": ("list_endpoints", "Endpoints", "Endpoint"),
    "training": ("list_training_jobs", "TrainingJobSummaries", "TrainingJob"),
    "labeling": ("list_labeling_jobs", "LabelingJobSummaryList", "LabelingJob"),
    "batch": ("list_transform_jobs", "TransformJobSummaries", "TransformJob"),
}
KINDS = tuple(_LISTS)

_PAGE = 100  # as many as AWS lists at once


@dataclass(frozen=True)
class Row:
    """One resource; its kind is one of `KINDS`."""

    kind: str
    name: str
    status: str


def overview(aws: Optional[Aws] = None, most: int = 10) -> Tuple[Row, ...]:
    """List the endpoints and jobs of all kinds. Arguments and errors as of `list_kind`."""
    aws = aws or Aws()
    return tuple(row for kind in KINDS for row in list_kind(kind, aws, most))


def list_kind(kind: str, aws: Optional[Aws] = None, most: int = 10) -> Tuple[Row, ...]:
    """List all endpoints, or the jobs of a kind: all in progress, then the newest others.

    Args:
        kind: one of `KINDS`.
        most: number of newest jobs to look at.
    Raises:
        AwsError: see `Aws.call`.
    """
    aws = aws or Aws()
    operation, key, noun = _LISTS[kind]
    if kind == "endpoint":
        found = aws.items("sagemaker", operation, key, MaxResults=_PAGE)
    else:
        newest_first = {"SortBy": "CreationTime", "SortOrder": "Descending"}
        running = {"StatusEquals": "InProgress", "MaxResults": _PAGE}
        found = aws.items("sagemaker", operation, key, **running, **newest_first)
        newest = aws.call("sagemaker", operation, MaxResults=most, **newest_first)
        found += tuple(newest.get(key, ()))
    rows = (Row(kind, entry[f"{noun}Name"], entry[f"{noun}Status"]) for entry in found)
    return tuple({row.name: row for row in rows}.values())
