"""Endpoints of SageMaker: made, given another model without downtime, taken away."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Tuple

from htrlib.aws.following import State, Tell, follow, silent
from htrlib.aws.location import S3Uri
from htrlib.aws.names import STAMP_LENGTH, checked, is_stamped, stamped
from htrlib.aws.session import Aws, Response
from htrlib.aws.training import Vpc
from htrlib.errors import AwsError, AwsJobError, ConfigError

VARIANT = "AllTraffic"

_SETTLED = ("InService", "Failed", "UpdateRollbackFailed", "OutOfService")
_DIMENSION = "sagemaker:variant:DesiredInstanceCount"
_STEPS = {
    "all-at-once": "ALL_AT_ONCE",
    "canary": "CANARY",
    "linear": "LINEAR",
}


@dataclass(frozen=True)
class ModelConfig:
    """What an endpoint, or a batch job, reads with.

    Attributes:
        image: URI of the container image, in ECR.
        role: ARN of the role that the container takes on.
        model_data: S3 URI of a model.tar.gz; None is the bundle in the image. With `multi_model`
            a prefix of such archives, which are loaded as they are asked for.
        multi_model: whether the endpoint has many models.
        environment: variables of the container.
        vpc: the network to run in; None is SageMaker's own.
    """

    image: str
    role: str
    model_data: Optional[str] = None
    multi_model: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    vpc: Optional[Vpc] = None

    def __post_init__(self) -> None:
        if self.multi_model and self.model_data is None:
            raise ConfigError("a multi-model endpoint has an S3 prefix of archives as model_data")


@dataclass(frozen=True)
class Scaling:
    """How many machines an endpoint has, by what it is asked.

    Attributes:
        least, most: machines.
        pages_per_minute: of each machine; more machines are taken where it is more.
    """

    least: int = 1
    most: int = 4
    pages_per_minute: float = 20.0

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.most:
            raise ConfigError(
                f"scaling goes from 1 or more machines up, found {self.least} to {self.most}"
            )


@dataclass(frozen=True)
class DataCapture:
    """Which requests and answers are kept.

    Attributes:
        s3_uri: prefix that they go to.
        percent: of them.
    """

    s3_uri: str
    percent: int = 100


@dataclass(frozen=True)
class Rollout:
    """How requests go over to a new model.

    Attributes:
        kind: "all-at-once", "canary" (first a part, then the rest) and "linear" (part by part) set
            up new machines beside the old; "rolling" replaces them part by part.
        percent: of machines, in a part.
        wait_seconds: between parts, and before old machines go.
        alarms: of CloudWatch; if one goes off, the old model comes back.
    """

    kind: str = "all-at-once"
    percent: int = 20
    wait_seconds: int = 300
    alarms: Tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind != "rolling" and self.kind not in _STEPS:
            raise ConfigError(f"kind is one of {', '.join(_STEPS)}, rolling; found {self.kind!r}")


@dataclass(frozen=True)
class EndpointConfig:
    """An endpoint.

    Attributes:
        name: of the endpoint.
        model: what it reads with.
        instance_type: of each machine.
        instances: how many, at first.
        scaling: None leaves it as it is.
        capture: None keeps nothing.
        rollout: how an endpoint that is there goes over.
        tags: for the bill; of what is made.
    """

    name: str
    model: ModelConfig
    instance_type: str = "ml.m5.xlarge"
    instances: int = 1
    scaling: Optional[Scaling] = None
    capture: Optional[DataCapture] = None
    rollout: Rollout = Rollout()
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        checked(self.name, STAMP_LENGTH)  # for the names of its configurations and models
        if self.instances < 1:
            raise ConfigError(f"an endpoint has at least one machine, found {self.instances}")


def deploy(config: EndpointConfig, aws: Optional[Aws] = None, tell: Tell = silent) -> str:
    """Put a model behind an endpoint, and return the name of the endpoint's new configuration.

    An endpoint that is there serves the old model until the new one answers; if that fails, it
    goes on with the old. What is used no more is taken away.

    Args:
        tell: is told each change of status.
    Raises:
        AwsJobError: the new model does not come up; with the reason.
        AwsError: as `Aws.call`; or the endpoint is being changed already, or has failed.
    """
    aws = aws or Aws()
    old = aws.find("sagemaker", "describe_endpoint", EndpointName=config.name)
    if old is not None and old["EndpointStatus"] != "InService":
        raise AwsError(
            f"endpoint {config.name} is {old['EndpointStatus']}; wait until it is in service, or "
            "take it away (htr aws undeploy)"
        )
    new = register_model(stamped(config.name), config.model, config.tags, aws)
    try:
        _create_configuration(new, config, aws)
        _bring_up(new, config, old, aws)
    except AwsError:
        _take_back(new, config.name, aws)
        raise
    try:
        _wait(config.name, new, aws, tell)
    except AwsJobError:  # after another error it still comes up, from what would be taken away
        _take_back(new, config.name, aws)
        raise
    if config.scaling is not None:
        _scale(config.name, config.scaling, aws)
    if old is not None:
        _delete_configuration(old["EndpointConfigName"], config.name, aws)
    return new


def undeploy(name: str, aws: Optional[Aws] = None) -> None:
    """Take an endpoint away, and its configuration, models and scaling with it.

    What it captured, and the models' archives in S3, stay.

    Raises:
        AwsNotFoundError: there is no such endpoint.
        AwsError: as `Aws.call`.
    """
    aws = aws or Aws()
    found = aws.find("sagemaker", "describe_endpoint", EndpointName=name)
    aws.find("application-autoscaling", "deregister_scalable_target", **_scaled(name))
    aws.call("sagemaker", "delete_endpoint", EndpointName=name)
    if found is not None:
        _delete_configuration(found["EndpointConfigName"], name, aws)


def register_model(
    name: str,
    model: ModelConfig,
    tags: Optional[Mapping[str, str]] = None,
    aws: Optional[Aws] = None,
) -> str:
    """Make a model of SageMaker, and return its name. Raises as `Aws.call`."""
    container: Dict[str, Any] = {"Image": model.image, "Environment": dict(model.environment)}
    if model.multi_model:
        container["Mode"] = "MultiModel"
    if model.model_data is not None:
        place = str(S3Uri.parse(model.model_data))
        container["ModelDataUrl"] = f"{place}/" if model.multi_model else place
    request = {
        "ModelName": checked(name),
        "PrimaryContainer": container,
        "ExecutionRoleArn": model.role,
        "Tags": _tags(tags or {}),
    }
    if model.vpc is not None:
        request["VpcConfig"] = {
            "Subnets": list(model.vpc.subnets),
            "SecurityGroupIds": list(model.vpc.security_groups),
        }
    (aws or Aws()).call("sagemaker", "create_model", **request)
    return name


def delete_model(name: str, aws: Optional[Aws] = None) -> None:
    """Take a model away; its archive stays. Raises as `Aws.call`."""
    (aws or Aws()).call("sagemaker", "delete_model", ModelName=name)


def model_of(endpoint: str, aws: Optional[Aws] = None) -> str:
    """The name of the model behind an endpoint. Raises as `Aws.call`."""
    aws = aws or Aws()
    found = aws.call("sagemaker", "describe_endpoint", EndpointName=endpoint)
    configuration = aws.call(
        "sagemaker",
        "describe_endpoint_config",
        EndpointConfigName=found["EndpointConfigName"],
    )
    return str(configuration["ProductionVariants"][0]["ModelName"])


def _create_configuration(name: str, config: EndpointConfig, aws: Aws) -> None:
    variant = {
        "VariantName": VARIANT,
        "ModelName": name,
        "InstanceType": config.instance_type,
        "InitialInstanceCount": config.instances,
    }
    request: Dict[str, Any] = {"ProductionVariants": [variant], "Tags": _tags(config.tags)}
    if config.capture is not None:
        request["DataCaptureConfig"] = {
            "EnableCapture": True,
            "InitialSamplingPercentage": config.capture.percent,
            "DestinationS3Uri": str(S3Uri.parse(config.capture.s3_uri)),
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        }
    aws.call("sagemaker", "create_endpoint_config", EndpointConfigName=name, **request)


def _bring_up(new: str, config: EndpointConfig, old: Optional[Response], aws: Aws) -> None:
    endpoint = {"EndpointName": config.name, "EndpointConfigName": new}
    if old is None:
        aws.call("sagemaker", "create_endpoint", **endpoint, Tags=_tags(config.tags))
        return
    request: Dict[str, Any] = {"DeploymentConfig": _deployment(config.rollout)}
    if config.scaling is not None:  # then the number of machines is the scaling's to say
        request["RetainAllVariantProperties"] = True
        request["ExcludeRetainedVariantProperties"] = [
            {"VariantPropertyType": "DesiredWeight"},
            {"VariantPropertyType": "DataCaptureConfig"},
        ]
    aws.call("sagemaker", "update_endpoint", **endpoint, **request)


def _deployment(rollout: Rollout) -> Dict[str, Any]:
    part = {"Type": "CAPACITY_PERCENT", "Value": rollout.percent}
    if rollout.kind == "rolling":
        policy = {"MaximumBatchSize": part, "WaitIntervalInSeconds": rollout.wait_seconds}
        deployment: Dict[str, Any] = {"RollingUpdatePolicy": policy}
    else:
        routing: Dict[str, Any] = {
            "Type": _STEPS[rollout.kind],
            "WaitIntervalInSeconds": rollout.wait_seconds,
        }
        if rollout.kind == "canary":
            routing["CanarySize"] = part
        elif rollout.kind == "linear":
            routing["LinearStepSize"] = part
        deployment = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing}}
    if rollout.alarms:
        alarms = [{"AlarmName": name} for name in rollout.alarms]
        deployment["AutoRollbackConfiguration"] = {"Alarms": alarms}
    return deployment


def _wait(name: str, new: str, aws: Aws, tell: Tell) -> None:
    """Wait until an endpoint serves a configuration, or will not."""

    def state(answer: Response) -> State:
        status, reason = answer["EndpointStatus"], answer.get("FailureReason", "")
        serving = answer["EndpointConfigName"]
        failure = ""
        if status == "InService" and serving != new and reason:
            failure = f"the new model did not come up ({reason}); the old one serves as before"
        elif status in _SETTLED and status != "InService":
            failure = f"{status}: {reason or 'no reason was told'}"
        return State(status, ended=status == "InService" and serving == new, failure=failure)

    follow(
        aws,
        f"endpoint {name}",
        lambda: aws.call("sagemaker", "describe_endpoint", EndpointName=name),
        state,
        tell,
    )


def _take_back(new: str, endpoint: str, aws: Aws) -> None:
    """Take away what a deployment made that did not come up, as far as nothing needs it."""
    with suppress(AwsError):  # why it did not come up is what the caller wants to know
        found = aws.find("sagemaker", "describe_endpoint", EndpointName=endpoint)
        if found is not None and found["EndpointConfigName"] == new:
            if found["EndpointStatus"] != "Failed":
                return
            aws.call("sagemaker", "delete_endpoint", EndpointName=endpoint)
        elif found is not None and found["EndpointStatus"] != "InService":
            return
        aws.find("sagemaker", "delete_endpoint_config", EndpointConfigName=new)
        aws.find("sagemaker", "delete_model", ModelName=new)


def _delete_configuration(name: str, endpoint: str, aws: Aws) -> None:
    """Take away a configuration and its models, where `deploy` made them."""
    if not is_stamped(name, endpoint):
        return
    found = aws.find("sagemaker", "describe_endpoint_config", EndpointConfigName=name)
    if found is None:
        return
    aws.call("sagemaker", "delete_endpoint_config", EndpointConfigName=name)
    for variant in found["ProductionVariants"]:
        if is_stamped(variant["ModelName"], endpoint):
            delete_model(variant["ModelName"], aws)


def _scale(endpoint: str, scaling: Scaling, aws: Aws) -> None:
    target = _scaled(endpoint)
    aws.call(
        "application-autoscaling",
        "register_scalable_target",
        **target,
        MinCapacity=scaling.least,
        MaxCapacity=scaling.most,
    )
    metric = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
    aws.call(
        "application-autoscaling",
        "put_scaling_policy",
        **target,
        PolicyName=f"{endpoint}-pages",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": scaling.pages_per_minute,
            "PredefinedMetricSpecification": metric,
        },
    )


def _scaled(endpoint: str) -> Dict[str, str]:
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{endpoint}/variant/{VARIANT}",
        "ScalableDimension": _DIMENSION,
    }


def _tags(tags: Mapping[str, str]) -> List[Dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
