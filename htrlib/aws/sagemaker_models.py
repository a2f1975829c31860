"""SageMaker models, which endpoints and batch jobs use."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Mapping, Optional

from htrlib.aws.location import S3Uri
from htrlib.aws.names import checked
from htrlib.aws.network import Vpc, vpc_request
from htrlib.aws.session import Aws
from htrlib.aws.tags import tag_list
from htrlib.errors import AwsError, AwsNotFoundError, ConfigError

_NEED_A_NETWORK = ("HTRLIB_ALLOW_CODE", "HTRLIB_ALLOW_S3")
"""Switches of the server with which a container may want to reach something else."""


@dataclass(frozen=True)
class ModelConfig:
    """The model of an endpoint or a batch job.

    Attributes:
        image: URI of the container image, in ECR.
        role: ARN of the container's role.
        model_data: S3 URI of a model.tar.gz; None means the bundle in the image. With
            `multi_model`, a prefix of such archives, which are loaded on demand.
        multi_model: whether the endpoint serves many models.
        environment: environment variables of the container.
        vpc: network to run in; None means SageMaker's own.
        isolated: whether to deny the container any network access; None denies it unless
            `environment` lets it run a model's code or fetch pictures from S3.
    """

    image: str
    role: str
    model_data: Optional[str] = None
    multi_model: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    vpc: Optional[Vpc] = None
    isolated: Optional[bool] = None

    def __post_init__(self) -> None:
        if self.multi_model and self.model_data is None:
            raise ConfigError("a multi-model endpoint has an S3 prefix of archives as model_data")

    @property
    def network_isolation(self) -> bool:
        if self.isolated is not None:
            return self.isolated
        return not any(self.environment.get(name) == "1" for name in _NEED_A_NETWORK)

    @property
    def container(self) -> Dict[str, Any]:
        """Return the container's part of a request."""
        container: Dict[str, Any] = {"Image": self.image, "Environment": dict(self.environment)}
        if self.multi_model:
            container["Mode"] = "MultiModel"
        if self.model_data is not None:
            place = S3Uri.parse(self.model_data)
            container["ModelDataUrl"] = place.folder if self.multi_model else str(place)
        return container


def register_model(
    name: str,
    model: ModelConfig,
    tags: Optional[Mapping[str, str]] = None,
    aws: Optional[Aws] = None,
) -> str:
    """Create a SageMaker model, and return its name. Raises like `Aws.call`."""
    (aws or Aws()).call(
        "sagemaker",
        "create_model",
        ModelName=checked(name),
        PrimaryContainer=model.container,
        ExecutionRoleArn=model.role,
        EnableNetworkIsolation=model.network_isolation,
        Tags=tag_list(tags or {}),
        **vpc_request(model.vpc),
    )
    return name


def copy_model(
    name: str,
    model: str,
    role: str,
    tags: Optional[Mapping[str, str]] = None,
    aws: Optional[Aws] = None,
) -> str:
    """Copy a model, with another role; return the name of the copy.

    A batch job reads pages and writes results with its model's role, which an endpoint's role may
    not do.

    Raises:
        AwsNotFoundError: there is no such model.
        AwsError: see `Aws.call`; or the model is a pipeline of containers.
    """
    aws = aws or Aws()
    found = aws.find("sagemaker", "describe_model", ModelName=model)
    if found is None and not aws.dry:
        raise AwsNotFoundError(f"there is no model {model!r} in {aws.region}")
    found = found or {"PrimaryContainer": {"Image": f"<image-of-{model}>"}}
    if "PrimaryContainer" not in found:
        raise AwsError(
            f"model {model} is a pipeline of containers, and one with a primary container is "
            "expected; name another, or use the model's own role"
        )
    container = dict(found["PrimaryContainer"])  # in the form in which AWS takes it, too
    if "ModelDataUrl" in container:  # then the other only repeats it, and batch jobs refuse it
        container.pop("ModelDataSource", None)
    more = {"VpcConfig": found["VpcConfig"]} if found.get("VpcConfig") else {}
    aws.call(
        "sagemaker",
        "create_model",
        ModelName=checked(name),
        PrimaryContainer=container,
        ExecutionRoleArn=role,
        EnableNetworkIsolation=bool(found.get("EnableNetworkIsolation", False)),
        Tags=tag_list(tags or {}),
        **more,
    )
    return name


def delete_model(name: str, aws: Optional[Aws] = None) -> None:
    """Delete a model, but not its archive. Raises like `Aws.call`."""
    (aws or Aws()).call("sagemaker", "delete_model", ModelName=name)


def model_of(endpoint: str, aws: Optional[Aws] = None) -> str:
    """Return the name of an endpoint's model. Raises like `Aws.call`."""
    aws = aws or Aws()
    if aws.dry:
        return endpoint
    found = aws.call("sagemaker", "describe_endpoint", EndpointName=endpoint)
    configuration = aws.call(
        "sagemaker",
        "describe_endpoint_config",
        EndpointConfigName=found["EndpointConfigName"],
    )
    return str(configuration["ProductionVariants"][0]["ModelName"])
