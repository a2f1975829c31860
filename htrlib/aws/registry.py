"""SageMaker's model registry: versions of a model, and their approval."""

from __future__ import annotations

from typing import Mapping, Optional

from htrlib.aws import machines
from htrlib.aws.names import checked
from htrlib.aws.sagemaker_models import ModelConfig
from htrlib.aws.session import Aws
from htrlib.aws.tags import tag_list

_TAKES = ("image/png", "image/jpeg", "image/tiff", "application/json", "application/octet-stream")
_GIVES = ("application/json", "text/plain")


def register(
    group: str,
    model: ModelConfig,
    description: str = "",
    tags: Optional[Mapping[str, str]] = None,
    aws: Optional[Aws] = None,
) -> str:
    """Add a version of a model, pending approval, and return its ARN.

    Args:
        group: group of the model's versions; created if missing.
        description: origin of the version, such as its scores.
        tags: tags of a new group; AWS does not tag versions.
    Raises:
        AwsError: see `Aws.call`.
    """
    aws = aws or Aws()
    found = aws.find(
        "sagemaker", "describe_model_package_group", ModelPackageGroupName=checked(group)
    )
    if found is None:
        aws.call(
            "sagemaker",
            "create_model_package_group",
            ModelPackageGroupName=group,
            ModelPackageGroupDescription="Handwriting recognition with htrlib",
            Tags=tag_list(tags or {}),
        )
    made = aws.call(
        "sagemaker",
        "create_model_package",
        ModelPackageGroupName=group,
        ModelApprovalStatus="PendingManualApproval",
        InferenceSpecification={
            "Containers": [model.container],
            "SupportedContentTypes": list(_TAKES),
            "SupportedResponseMIMETypes": list(_GIVES),
            "SupportedRealtimeInferenceInstanceTypes": [machines.ENDPOINT],
            "SupportedTransformInstanceTypes": [machines.BATCH],
        },
        **({"ModelPackageDescription": description[:1024]} if description else {}),
    )
    return str(made["ModelPackageArn"])
