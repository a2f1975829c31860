"""Default machines of jobs and endpoints.

The stack of `examples/sagemaker` and the prices in docs/sagemaker.md use the same ones.
"""

from __future__ import annotations

import re
from typing import Mapping

TRAINING = "ml.m5.2xlarge"
ENDPOINT = "ml.m5.large"
BATCH = "ml.m5.xlarge"

PRICES: Mapping[str, float] = {
    "ml.t3.medium": 0.050,
    "ml.m5.large": 0.115,
    "ml.m5.xlarge": 0.230,
    "ml.m5.2xlarge": 0.461,
    "ml.g4dn.xlarge": 0.736,
    "ml.g5.xlarge": 1.408,
}
"""US dollars an hour: list prices of us-east-1 as known in 2025, the same in docs/sagemaker.md."""

_WITH_DISKS = re.compile(r"[a-z]+\d+[a-z]*d[a-z]*|(g[5-9]|p[5-9]|trn\d)[a-z]*")
"""Families that bring disks of their own: those with a d (m5d, g4dn), and newer accelerators."""


def has_own_disk(instance_type: str) -> bool:
    """Return whether a machine has a local disk, which SageMaker cannot encrypt with a key.

    >>> has_own_disk("ml.g4dn.xlarge"), has_own_disk("ml.m5.large")
    (True, False)
    """
    family = instance_type.split(".")[1] if instance_type.count(".") > 1 else ""
    return _WITH_DISKS.fullmatch(family) is not None
