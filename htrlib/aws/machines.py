"""The machines that jobs and endpoints run on where none are named.

The stack of `examples/sagemaker` and the prices in docs/sagemaker.md go by the same.
"""

from __future__ import annotations

TRAINING = "ml.m5.2xlarge"
ENDPOINT = "ml.m5.large"
BATCH = "ml.m5.xlarge"
