"""SageMaker and what it takes: the one place that talks to AWS.

================  =================================================================
module            what
================  =================================================================
`session`         `Aws`: region, credentials, time-outs, retries, errors, dry runs
`storage`         folders, objects and archives to and from S3
`labeling`        manifests, work teams and labeling jobs of Ground Truth
`training`        training jobs
`images`          the container image to ECR
`endpoints`       models and endpoints
`batch`           batch transform
`client`          `EndpointClient`: asks an endpoint, or a server here
`status`          what is there and runs
================  =================================================================

The functions take the account as `aws`; without it they take that of the environment. boto3 comes
with the first `Aws` (``pip install 'htrlib[aws]'``).

`ACTIONS` has what the calls of each module need to be allowed; `iam:PassRole` on the role that jobs
and endpoints take on belongs to those that start them.
"""

from __future__ import annotations

from typing import Dict, Tuple

ACTIONS: Dict[str, Tuple[str, ...]] = {
    "storage": (
        "s3:AbortMultipartUpload",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:ListBucketMultipartUploads",
        "s3:ListMultipartUploadParts",
        "s3:PutObject",
    ),
}
"""Module -> the actions that a role needs for its calls, as policies name them."""
