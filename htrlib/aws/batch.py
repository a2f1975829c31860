"""Batch transform: a prefix of pages read by as many machines as wanted, which then go away."""

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
        name: of the job; none may have it yet.
        model: name of a model of SageMaker, as `register_model` and `model_of` give it. Its role
            reads the pages and writes the results (`copy_model` gives it another).
        input: S3 prefix of PNG, JPEG and TIFF files.
        output: S3 prefix; INPUT/a/1.png is answered in OUTPUT/a/1.png.out.
        instance_type: of each machine.
        instances: how many; each takes its part of the files.
        kms_key: ARN of the key for disks and results; None is that of AWS. Machines with disks of
            their own (g4dn, m5d, ...) take none for them.
        tags: for the bill.
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
    source = {"S3DataType": "S3Prefix", "S3Uri": f"{S3Uri.parse(config.input)}/"}
    (aws or Aws()).call(
        "sagemaker",
        "create_transform_job",
        TransformJobName=config.name,
        ModelName=config.model,
        # how many pages at once, and how large: the container says it (/execution-parameters)
        BatchStrategy="SingleRecord",
        TransformInput={
            "DataSource": {"S3DataSource": source},
            "ContentType": "application/octet-stream",  # the container looks into the file
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
        AwsJobError: the job failed or was stopped; results until then are at its output.
        AwsError: as `Aws.call`; the job goes on.
    """
    aws = aws or Aws()

    def describe() -> Response:
        return aws.call("sagemaker", "describe_transform_job", TransformJobName=name)

    answer = follow(aws, f"batch job {name}", describe, _state, tell)
    return str(answer.get("TransformOutput", {}).get("S3OutputPath", "s3://output"))


def stop_batch(name: str, aws: Optional[Aws] = None) -> None:
    """Stop a job; the results until then are kept. Raises as `Aws.call`."""
    (aws or Aws()).call("sagemaker", "stop_transform_job", TransformJobName=name)


def fetch_results(
    output: str, folder: Union[str, Path], aws: Optional[Aws] = None
) -> Dict[str, Union[PageResult, DocumentResult]]:
    """Download the results of a job, and read them.

    Args:
        output: S3 prefix that the job wrote to.
        folder: gets the files, which are not downloaded again.
    Returns:
        path of the page below the job's input -> what it says.
    Raises:
        AwsError: as `download`, or a file is no result.
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
