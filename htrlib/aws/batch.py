"""Batch transform: read all pages below a prefix on temporary machines."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Mapping, Optional, Union

from htrlib.aws import machines
from htrlib.aws.following import State, Tell, follow, silent
from htrlib.aws.location import S3Uri
from htrlib.aws.names import checked
from htrlib.aws.session import Aws, Response
from htrlib.aws.storage import download
from htrlib.aws.tags import tag_list
from htrlib.document.results import DocumentResult, PageResult
from htrlib.errors import AwsError
from htrlib.formats.json_format import from_json

_SUFFIX = ".out"


@dataclass(frozen=True)
class BatchJobConfig:
    """The input, output and model of a batch job.

    Attributes:
        name: name of the job, which must be new.
        model: name of a model of SageMaker, as `register_model` and `model_of` give it. Its role
            reads the pages and writes the results (`copy_model` gives it another).
        input: S3 prefix of PNG, JPEG and TIFF files.
        output: S3 prefix; INPUT/a/1.png is answered in OUTPUT/a/1.png.out.
        instance_type: type of the machines.
        instances: number of machines, which share the files.
        kms_key: ARN of the key for disks and results; None means AWS's key. The local disks of
            some machines (g4dn, m5d, ...) cannot use one.
        tags: tags for billing.
    """

    name: str
    model: str
    input: str
    output: str
    instance_type: str = machines.BATCH
    instances: int = 1
    kms_key: Optional[str] = None
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        checked(self.name)


def start_batch(config: BatchJobConfig, aws: Optional[Aws] = None) -> str:
    """Start a job and return its name. Raises as `Aws.call`."""
    key = config.kms_key
    disk_key = None if machines.has_own_disk(config.instance_type) else key
    source = {"S3DataType": "S3Prefix", "S3Uri": S3Uri.parse(config.input).folder}
    (aws or Aws()).call(
        "sagemaker",
        "create_transform_job",
        TransformJobName=config.name,
        ModelName=config.model,
        # the container sets concurrency and size limits (/execution-parameters)
        BatchStrategy="SingleRecord",
        TransformInput={
            "DataSource": {"S3DataSource": source},
            "ContentType": "application/octet-stream",  # the container detects the type
            "SplitType": "None",
        },
        TransformOutput={
            "S3OutputPath": str(S3Uri.parse(config.output)),
            "Accept": "application/json",
            "AssembleWith": "None",
            **({"KmsKeyId": key} if key else {}),
        },
        TransformResources={
            "InstanceType": config.instance_type,
            "InstanceCount": config.instances,
            **({"VolumeKmsKeyId": disk_key} if disk_key else {}),
        },
        Tags=tag_list(config.tags),
    )
    return config.name


def wait_for_batch(name: str, aws: Optional[Aws] = None, tell: Tell = silent) -> str:
    """Wait until a job has read all pages, and return the S3 prefix of the results.

    Raises:
        AwsJobError: the job failed or was stopped; earlier results are at its output.
        AwsError: see `Aws.call`; the job continues.
    """
    aws = aws or Aws()

    def describe() -> Response:
        return aws.call("sagemaker", "describe_transform_job", TransformJobName=name)

    answer = follow(aws, f"batch job {name}", describe, _state, tell)
    return str(answer.get("TransformOutput", {}).get("S3OutputPath", "s3://output"))


def stop_batch(name: str, aws: Optional[Aws] = None) -> None:
    """Stop a job and keep its results so far. Raises like `Aws.call`."""
    (aws or Aws()).call("sagemaker", "stop_transform_job", TransformJobName=name)


def fetch_results(
    output: str, folder: Union[str, Path], aws: Optional[Aws] = None
) -> Dict[str, Union[PageResult, DocumentResult]]:
    """Download the results of a job, and read them.

    Args:
        output: S3 prefix of the job's output.
        folder: folder for the files; existing ones are not downloaded again.
    Returns:
        The results by the pages' paths below the job's input.
    Raises:
        AwsError: see `download`, or a file is not a result.
    """
    folder = Path(folder)
    download(output, folder, aws)
    results = {}
    for path in sorted(folder.rglob(f"*{_SUFFIX}")):
        try:
            result = from_json(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise AwsError(f"{path} is not a result of htrlib: {error}") from error
        results[path.relative_to(folder).as_posix()[: -len(_SUFFIX)]] = result
    return results


def _state(answer: Response) -> State:
    status = answer["TransformJobStatus"]
    failure = ""
    if status in ("Failed", "Stopped"):
        output = answer.get("TransformOutput", {}).get("S3OutputPath", "its output")
        reason = answer.get("FailureReason") or "no reason was told"
        failure = f"{status.lower()}: {reason}; what was read until then is at {output}"
    return State(status, ended=status == "Completed", failure=failure)
