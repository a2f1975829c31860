"""Create, update (without downtime) and delete SageMaker endpoints."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Dict, Mapping, Optional, Tuple

from htrlib.aws import machines
from htrlib.aws.following import State, Tell, follow, silent
from htrlib.aws.location import S3Uri
from htrlib.aws.names import STAMP_LENGTH, checked, is_stamped, stamped
from htrlib.aws.rollouts import Rollout
from htrlib.aws.sagemaker_models import ModelConfig, delete_model, model_of, register_model
from htrlib.aws.scaling import VARIANT, Scaling, remove_scaling, set_scaling
from htrlib.aws.session import Aws, Response
from htrlib.aws.tags import tag_list
from htrlib.errors import AwsError, AwsJobError, ConfigError

__all__ = [
    "VARIANT",
    "DataCapture",
    "EndpointConfig",
    "ModelConfig",
    "Queue",
    "Rollout",
    "Scaling",
    "Serverless",
    "delete_model",
    "deploy",
    "model_of",
    "register_model",
    "undeploy",
]

_SETTLED = ("InService", "Failed", "UpdateRollbackFailed", "OutOfService")
_MEMORY_MB = range(1024, 6144 + 1, 1024)  # of a serverless endpoint
_MOST_AT_ONCE = 200


@dataclass(frozen=True)
class DataCapture:
    """Which requests and answers to record.

    Attributes:
        s3_uri: prefix to store them under.
        percent: percentage to record.
    Raises:
        ConfigError: `s3_uri` is no S3 URI.
    """

    s3_uri: str
    percent: int = 100

    def __post_init__(self) -> None:
        S3Uri.parse(self.s3_uri)


@dataclass(frozen=True)
class Serverless:
    """A serverless endpoint, which costs only while it reads.

    Requests and answers are limited to 4 MB, and the first answer after a pause takes longer. GPUs,
    VPCs, isolation, capture, scaling and multiple models are not available.

    Attributes:
        memory_mb: 1024 to 6144 in steps of 1024.
        concurrency: pages read at once; further requests are refused with 429.
    """

    memory_mb: int = 3072
    concurrency: int = 5

    def __post_init__(self) -> None:
        if self.memory_mb not in _MEMORY_MB:
            raise ConfigError(
                f"a serverless endpoint has 1024 to 6144 MB, in steps of 1024; found "
                f"{self.memory_mb}"
            )
        if not 1 <= self.concurrency <= _MOST_AT_ONCE:
            raise ConfigError(
                f"a serverless endpoint reads 1 to {_MOST_AT_ONCE} pages at once, found "
                f"{self.concurrency}"
            )


@dataclass(frozen=True)
class Queue:
    """Output settings of an asynchronous endpoint; see `htrlib.aws.queue`.

    Attributes:
        s3_uri: prefix; answers go to `answers/` below it, and reasons to `failures/`.
        per_machine: concurrent requests per machine.
        picture_mb: maximum size of a picture in megabytes. SageMaker accepts 1 GB, but Multi Model
            Server copies a body several times, and each copy takes memory.
        seconds: time limit for an answer; SageMaker waits at most an hour.
    Raises:
        ConfigError: `s3_uri` is no S3 URI.
    """

    s3_uri: str
    per_machine: int = 4
    picture_mb: int = 100
    seconds: int = 900

    def __post_init__(self) -> None:
        S3Uri.parse(self.s3_uri)

    @property
    def environment(self) -> Dict[str, str]:
        """Return the variables that set these limits in the container."""
        return {
            "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(self.picture_mb),
            "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS": str(self.seconds),
        }


@dataclass(frozen=True)
class EndpointConfig:
    """An endpoint.

    Attributes:
        name: name of the endpoint.
        model: model to serve.
        instance_type: type of the machines.
        instances: number of machines; None means one, or the current number of an existing
            endpoint.
        scaling: autoscaling; None leaves it unchanged.
        serverless: serverless settings, in place of machines.
        queue: makes the endpoint asynchronous.
        capture: what to record; None records nothing.
        rollout: how an existing endpoint switches to the new model.
        kms_key: ARN of the key for disks, captures and queued answers; None means AWS's key.
        tags: tags for billing.
    Raises:
        ConfigError: SageMaker does not support such an endpoint.
    """

    name: str
    model: ModelConfig
    instance_type: str = machines.ENDPOINT
    instances: Optional[int] = None
    scaling: Optional[Scaling] = None
    serverless: Optional[Serverless] = None
    queue: Optional[Queue] = None
    capture: Optional[DataCapture] = None
    rollout: Rollout = field(default_factory=Rollout)
    kms_key: Optional[str] = None
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        checked(self.name, STAMP_LENGTH)  # suffixes of the names of configurations and models
        if self.instances is not None and self.instances < 1:
            raise ConfigError(f"an endpoint has at least one machine, found {self.instances}")
        if self.scaling is not None and self.scaling.least < 1 and self.queue is None:
            raise ConfigError(
                "an endpoint without a queue scales from 1 machine up, found 0; give it a queue "
                "(--queue), or make it serverless (--serverless)"
            )
        if self.serverless is not None:
            self._check_serverless()

    def _check_serverless(self) -> None:
        excluded = {
            "queue": self.queue,
            "scaling": self.scaling,
            "capture": self.capture,
            "several models": self.model.multi_model or None,
            "network of your own": self.model.vpc,
            "network isolation": self.model.isolated or None,
            "number of instances": self.instances,
            f"{self.rollout.kind} rollout": self.rollout.kind != "all-at-once" or None,
        }
        wrong = [name for name, value in excluded.items() if value is not None]
        if wrong:
            raise ConfigError(
                f"a serverless endpoint cannot have: {', '.join(wrong)}; leave it out"
            )


def deploy(config: EndpointConfig, aws: Optional[Aws] = None, tell: Tell = silent) -> str:
    """Deploy a model to an endpoint, and return the name of the new endpoint configuration.

    An existing endpoint serves the old model until the new one answers, or keeps it if that fails.
    Unused resources are deleted.

    Args:
        tell: called with each change of status.
    Raises:
        AwsJobError: the new model does not start; with the reason.
        AwsError: see `Aws.call`; or the endpoint is being updated, or has failed. Where autoscaling
            alone fails, the message says so, and the new model serves.
        ConfigError: the existing endpoint cannot be updated in this way.
    """
    aws = aws or Aws()
    old = aws.find("sagemaker", "describe_endpoint", EndpointName=config.name)
    if old is not None:
        _check_update(config, old)
    model = config.model
    if config.serverless is not None:
        model = replace(model, isolated=False)
    if config.queue is not None:
        limits = {**config.queue.environment, **model.environment}
        model = replace(model, environment=limits)
    new = register_model(stamped(config.name), model, config.tags, aws)
    try:
        _create_configuration(new, config, aws)
        _bring_up(new, config, old, aws)
    except AwsError:
        _take_back(new, config.name, aws)
        raise
    try:
        _wait(config.name, new, old, aws, tell)
    except AwsJobError:  # after other errors it may still start, and needs its resources
        _take_back(new, config.name, aws)
        raise
    if old is not None:
        _delete_configuration(old["EndpointConfigName"], config.name, aws)
    if config.scaling is not None:
        try:
            set_scaling(config.name, config.scaling, config.queue is not None, aws)
        except AwsError as error:
            served = f"endpoint {config.name} serves the new model"
            raise AwsError(f"{served}, but its autoscaling is not set: {error}") from error
    return new


def undeploy(name: str, aws: Optional[Aws] = None) -> None:
    """Delete an endpoint with its configuration, models and scaling.

    Captured data, and the models' archives in S3, are kept.

    Raises:
        AwsNotFoundError: the endpoint does not exist.
        AwsError: see `Aws.call`.
    """
    aws = aws or Aws()
    found = aws.find("sagemaker", "describe_endpoint", EndpointName=name)
    aws.call("sagemaker", "delete_endpoint", EndpointName=name)
    if found is not None:
        _delete_configuration(found["EndpointConfigName"], name, aws)
    remove_scaling(name, aws)  # last: an endpoint that AWS does not delete goes on scaling


def _check_update(config: EndpointConfig, old: Response) -> None:
    if old["EndpointStatus"] != "InService":
        raise AwsError(
            f"endpoint {config.name} is {old['EndpointStatus']}; wait until it is in service, or "
            "delete it (htr aws undeploy)"
        )
    variants = old.get("ProductionVariants") or [{}]
    serves_alone = "CurrentServerlessConfig" in variants[0]
    if config.serverless is not None and variants[0] and not serves_alone:
        raise ConfigError(
            f"endpoint {config.name} has machines, and SageMaker cannot make it serverless; "
            "delete it first (htr aws undeploy), or choose another name"
        )
    count = config.instances
    if count is None:
        count = variants[0].get("DesiredInstanceCount", variants[0].get("CurrentInstanceCount"))
    config.rollout.check_machines(count)


def _create_configuration(name: str, config: EndpointConfig, aws: Aws) -> None:
    variant: Dict[str, Any] = {"VariantName": VARIANT, "ModelName": name}
    key = {"KmsKeyId": config.kms_key} if config.kms_key else {}
    if config.serverless is not None:
        variant["ServerlessConfig"] = {
            "MemorySizeInMB": config.serverless.memory_mb,
            "MaxConcurrency": config.serverless.concurrency,
        }
    else:
        variant["InstanceType"] = config.instance_type
        variant["InitialInstanceCount"] = config.instances or 1
    request: Dict[str, Any] = {"ProductionVariants": [variant], "Tags": tag_list(config.tags)}
    if config.serverless is None:
        request.update(key)
    if config.capture is not None:
        request["DataCaptureConfig"] = {
            "EnableCapture": True,
            "InitialSamplingPercentage": config.capture.percent,
            "DestinationS3Uri": str(S3Uri.parse(config.capture.s3_uri)),
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            **key,
        }
    if config.queue is not None:
        place = S3Uri.parse(config.queue.s3_uri)
        request["AsyncInferenceConfig"] = {
            "OutputConfig": {
                "S3OutputPath": str(place / "answers"),
                "S3FailurePath": str(place / "failures"),
                **key,
            },
            "ClientConfig": {"MaxConcurrentInvocationsPerInstance": config.queue.per_machine},
        }
    aws.call("sagemaker", "create_endpoint_config", EndpointConfigName=name, **request)


def _bring_up(new: str, config: EndpointConfig, old: Optional[Response], aws: Aws) -> None:
    endpoint = {"EndpointName": config.name, "EndpointConfigName": new}
    if old is None:
        aws.call("sagemaker", "create_endpoint", **endpoint, Tags=tag_list(config.tags))
        return
    request: Dict[str, Any] = {}
    if config.serverless is None:
        request["DeploymentConfig"] = config.rollout.request
        request.update(_kept(config, old))
    aws.call("sagemaker", "update_endpoint", **endpoint, **request)


def _kept(config: EndpointConfig, old: Response) -> Dict[str, Any]:
    """Keep the current number of machines in an update, unless one is given.

    SageMaker would reset the number to that of the configuration, ignoring scaling.
    """
    variants = old.get("ProductionVariants") or [{}]
    if any(variant.get("VariantName", VARIANT) != VARIANT for variant in variants):
        return {}  # others made it; there is nothing of that name to keep
    if "CurrentServerlessConfig" in variants[0]:
        return {}
    if config.instances is not None and config.scaling is None:
        return {}
    changed = ("DesiredWeight", "DataCaptureConfig")
    return {
        "RetainAllVariantProperties": True,
        "ExcludeRetainedVariantProperties": [{"VariantPropertyType": kind} for kind in changed],
    }


def _wait(name: str, new: str, old: Optional[Response], aws: Aws, tell: Tell) -> None:
    """Wait until an endpoint serves a configuration, or fails to."""
    begun = False  # right after a request, an endpoint may still be in service as before
    before = _last_failure(old or {})  # an endpoint keeps the reason of an update that failed

    def state(answer: Response) -> State:
        nonlocal begun
        status, serving = answer["EndpointStatus"], answer["EndpointConfigName"]
        reason = "" if _last_failure(answer) == before else answer.get("FailureReason", "")
        begun = begun or status != "InService" or bool(reason)
        told = reason or "no reason was told"
        failure = ""
        if status == "InService" and serving != new and begun:
            failure = f"the new model did not come up ({told}); the old one serves as before"
        elif status in _SETTLED and status != "InService":
            failure = f"{status}: {told}"
        return State(status, ended=status == "InService" and serving == new, failure=failure)

    try:
        follow(
            aws,
            f"endpoint {name}",
            lambda: aws.call("sagemaker", "describe_endpoint", EndpointName=name),
            state,
            tell,
        )
    except KeyboardInterrupt:
        tell(
            f"endpoint {name} goes on without this command, and costs money; to delete it, wait "
            f"until it is in service or has failed (htr aws status), then: htr aws undeploy {name}"
        )
        raise


def _last_failure(answer: Response) -> Tuple[object, object]:
    """Return why an endpoint failed at last, with the time, since two updates may fail alike."""
    return answer.get("FailureReason", ""), answer.get("LastModifiedTime")


def _take_back(new: str, endpoint: str, aws: Aws) -> None:
    """Delete the unused resources of a failed deployment."""
    with suppress(AwsError):  # the caller needs the reason of the failure, not of the cleanup
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
    """Delete a configuration and its models, if `deploy` created them."""
    if not is_stamped(name, endpoint):
        return
    found = aws.find("sagemaker", "describe_endpoint_config", EndpointConfigName=name)
    if found is None:
        return
    aws.call("sagemaker", "delete_endpoint_config", EndpointConfigName=name)
    for variant in found["ProductionVariants"]:
        if is_stamped(variant["ModelName"], endpoint):
            delete_model(variant["ModelName"], aws)
