"""Training jobs of SageMaker, with the container's `train`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Tuple

from htrlib.aws import machines
from htrlib.aws.following import State, Tell, follow, silent
from htrlib.aws.location import S3Uri
from htrlib.aws.names import checked
from htrlib.aws.network import Vpc, vpc_request
from htrlib.aws.session import Aws, Response
from htrlib.aws.tags import tag_list
from htrlib.errors import AwsAccessError, ConfigError

__all__ = [
    "METRICS",
    "TrainingJob",
    "TrainingJobConfig",
    "Vpc",
    "describe_training",
    "start_training",
    "stop_training",
    "wait_for_training",
]

METRICS = (
    *("epoch", "step", "minutes", "train_loss"),
    *("validation_cer", "validation_wer", "validation_loss", "validation_f1"),
)
"""The metrics that training prints after each epoch, such as `validation_cer=0.0731;`."""

CHECKPOINTS = "/opt/ml/checkpoints"

_DAY = 24 * 3600


@dataclass(frozen=True)
class TrainingJobConfig:
    """Settings of a training job.

    Attributes:
        name: name of the job, which must be new.
        image: URI of the container image, in ECR.
        role: ARN of the role that the job takes on.
        channels: name -> S3 prefix, or one object: "train", the data to learn from; and where
            there are some, "validation", "images" (pictures that lie elsewhere) and "init" (a
            model.tar.gz to start from).
        output: S3 prefix; the model goes to OUTPUT/NAME/output/model.tar.gz.
        hyperparameters: `task`, `format`, `init`, ... as `htrlib.sagemaker` takes them,
            and the options of `TrainerConfig`. They become strings.
        instance_type: type of the machines.
        instances: number of machines, which share each batch.
        volume_gb: disk of each.
        seconds: maximum training time, after which the job is stopped.
        spot: take spare machines, for a third of the price or so. They may be taken away at any
            time; the job goes on from its checkpoints when others are there.
        wait_seconds: for spot machines, in all.
        checkpoints: S3 prefix; None is OUTPUT/NAME/checkpoints with `spot` and none without.
        vpc: the network to run in; None is SageMaker's own.
        kms_key: ARN of the key for disks and the model; None is that of AWS. Machines with disks
            of their own (g4dn, m5d, ...) take none for them.
        tags: tags for billing.
    """

    name: str
    image: str
    role: str
    channels: Mapping[str, str]
    output: str
    hyperparameters: Mapping[str, object] = field(default_factory=dict)
    instance_type: str = machines.TRAINING
    instances: int = 1
    volume_gb: int = 50
    seconds: int = _DAY
    spot: bool = False
    wait_seconds: int = _DAY
    checkpoints: Optional[str] = None
    vpc: Optional[Vpc] = None
    kms_key: Optional[str] = None
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        checked(self.name)
        if not self.channels:
            raise ConfigError("a training job reads at least one channel; give 'train'")
        if self.instances < 1:
            raise ConfigError(f"a training job has at least one instance, found {self.instances}")


@dataclass(frozen=True)
class TrainingJob:
    """A job that has trained.

    Attributes:
        model_data: S3 URI of its model.tar.gz.
        metrics: their last values.
        billed_seconds: billed seconds of all instances, less the savings of spot machines.
    """

    name: str
    model_data: str
    metrics: Mapping[str, float]
    billed_seconds: int


def start_training(config: TrainingJobConfig, aws: Optional[Aws] = None) -> str:
    """Start a job and return its name.

    Raises:
        AwsError: see `Aws.call`; a job of that name is there, ...
    """
    aws = aws or Aws()
    key = config.kms_key
    disk_key = None if machines.has_own_disk(config.instance_type) else key
    aws.call(
        "sagemaker",
        "create_training_job",
        TrainingJobName=config.name,
        HyperParameters={name: _text(v) for name, v in config.hyperparameters.items()},
        AlgorithmSpecification={
            "TrainingImage": config.image,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": m, "Regex": rf"{m}=([0-9.e+-]+);"} for m in METRICS],
        },
        RoleArn=config.role,
        InputDataConfig=[_channel(name, uri, aws) for name, uri in config.channels.items()],
        OutputDataConfig={
            "S3OutputPath": str(S3Uri.parse(config.output)),
            **({"KmsKeyId": key} if key else {}),
        },
        ResourceConfig={
            "InstanceType": config.instance_type,
            "InstanceCount": config.instances,
            "VolumeSizeInGB": config.volume_gb,
            **({"VolumeKmsKeyId": disk_key} if disk_key else {}),
        },
        Tags=tag_list(config.tags),
        **{
            "StoppingCondition": {"MaxRuntimeInSeconds": config.seconds},
            **_interruptible(config),
        },
        **vpc_request(config.vpc),
    )
    return config.name


def wait_for_training(name: str, aws: Optional[Aws] = None, tell: Tell = silent) -> TrainingJob:
    """Wait until a job has trained.

    Args:
        tell: is told each change of status and of metrics.
    Raises:
        AwsJobError: the job failed, with the reason that the container wrote; or it was stopped.
        AwsError: see `Aws.call`; the job goes on.
    """
    aws = aws or Aws()
    answer = follow(
        aws,
        f"training job {name}",
        lambda: describe_training(name, aws),
        _state,
        tell,
    )
    return TrainingJob(
        name=name,
        model_data=_model_data(answer) or f"s3://dry-run/{name}/output/model.tar.gz",
        metrics=dict(_metrics(answer)),
        billed_seconds=int(answer.get("BillableTimeInSeconds", 0)),
    )


def describe_training(name: str, aws: Optional[Aws] = None) -> Response:
    """Describe a training job. Raises as `Aws.call`."""
    return (aws or Aws()).call("sagemaker", "describe_training_job", TrainingJobName=name)


def stop_training(name: str, aws: Optional[Aws] = None) -> None:
    """Stop a job; it keeps the best model so far. Raises as `Aws.call`."""
    (aws or Aws()).call("sagemaker", "stop_training_job", TrainingJobName=name)


def _text(value: object) -> str:
    """A hyperparameter as `TrainerConfig.from_dict` reads it."""
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value)


def _channel(name: str, uri: str, aws: Aws) -> Dict[str, Any]:
    place = S3Uri.parse(uri)
    source = {
        "S3DataType": "S3Prefix",
        "S3Uri": str(place) if _is_object(place, aws) else place.folder,
        "S3DataDistributionType": "FullyReplicated",
    }
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}


def _is_object(place: S3Uri, aws: Aws) -> bool:
    """Return whether a location is a single object, such as a model.tar.gz, not a prefix."""
    if not place.key:
        return False
    if aws.dry:
        return place.key.endswith((".tar.gz", ".manifest"))
    try:
        return aws.find("s3", "head_object", Bucket=place.bucket, Key=place.key) is not None
    except AwsAccessError:  # the job's role may read what its starter may not
        return place.key.endswith((".tar.gz", ".manifest"))


def _interruptible(config: TrainingJobConfig) -> Dict[str, Any]:
    """Settings that let an interrupted job resume."""
    place = config.checkpoints
    if place is None and config.spot:
        place = str(S3Uri.parse(config.output) / config.name / "checkpoints")
    request: Dict[str, Any] = {}
    if place is not None:
        request["CheckpointConfig"] = {"S3Uri": place, "LocalPath": CHECKPOINTS}
    if config.spot:
        request["EnableManagedSpotTraining"] = True
        request["StoppingCondition"] = {
            "MaxRuntimeInSeconds": config.seconds,
            "MaxWaitTimeInSeconds": max(config.seconds, config.wait_seconds),
        }
    return request


def _state(answer: Response) -> State:
    status, detail = answer["TrainingJobStatus"], answer.get("SecondaryStatus", "")
    transitions = answer.get("SecondaryStatusTransitions") or [{}]
    message = transitions[-1].get("StatusMessage", "")
    told = " ".join(f"{name}={value:.4g};" for name, value in _metrics(answer))
    line = " ".join(filter(None, [detail or status, f"({message})" if message else "", told]))
    failure = ""
    if status == "Failed":
        failure = answer.get("FailureReason") or f"failed for no reason that it told ({detail})"
    elif status == "Stopped":
        failure = f"stopped ({detail}); the best model until then: {_model_data(answer) or 'none'}"
    return State(line, ended=status == "Completed", failure=failure)


def _model_data(answer: Response) -> str:
    return str(answer.get("ModelArtifacts", {}).get("S3ModelArtifacts", ""))


def _metrics(answer: Response) -> List[Tuple[str, float]]:
    return [(m["MetricName"], float(m["Value"])) for m in answer.get("FinalMetricDataList", ())]
