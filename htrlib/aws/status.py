"""List the endpoints and jobs of an account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

from htrlib.aws.session import Aws

_LISTS = (
    ("endpoint", "list_endpoints", "Endpoints", "Endpoint"),
    ("training", "list_training_jobs", "TrainingJobSummaries", "TrainingJob"),
    ("labeling", "list_labeling_jobs", "LabelingJobSummaryList", "LabelingJob"),
    ("batch", "list_transform_jobs", "TransformJobSummaries", "TransformJob"),
)


@dataclass(frozen=True)
class Row:
    """One resource; its kind is "endpoint", "training", "labeling" or "batch"."""

    kind: str
    name: str
    status: str


def overview(aws: Optional[Aws] = None, most: int = 10) -> Tuple[Row, ...]:
    """List the newest endpoints and jobs of each kind. Raises like `Aws.call`."""
    aws = aws or Aws()
    return tuple(
        Row(kind, entry[f"{noun}Name"], entry[f"{noun}Status"])
        for kind, operation, key, noun in _LISTS
        for entry in aws.call("sagemaker", operation, MaxResults=most).get(key, ())
    )
