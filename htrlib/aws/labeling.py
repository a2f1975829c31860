"""Labeling jobs of SageMaker Ground Truth."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Optional, Tuple

from htrlib.aws.following import State, Tell, follow, silent
from htrlib.aws.location import S3Uri
from htrlib.aws.names import checked
from htrlib.aws.session import Aws, Response
from htrlib.aws.storage import list_objects, write_object
from htrlib.errors import AwsNotFoundError, ConfigError, DatasetError

SHOWN = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")
"""What browsers show, and so workers see; TIFF is not among it."""

_DAY = 24 * 3600


@dataclass(frozen=True)
class WorkTeamMembers:
    """Who is in a private work team: a group of a Cognito user pool."""

    user_pool: str
    user_group: str
    client_id: str


@dataclass(frozen=True)
class LabelingJobConfig:
    """What is labeled, by whom, and how.

    Attributes:
        name: of the job; none may have it yet.
        manifest: S3 URI of the pages' list, as `write_manifest` makes it.
        output: S3 prefix; the labels go to OUTPUT/NAME/manifests/output/output.manifest.
        role: ARN of the role that the job takes on.
        work_team: ARN.
        template: S3 URI of the page that workers see.
        pre_lambda: ARN of the function that prepares a task.
        post_lambda: ARN of the function that consolidates the workers' answers.
        attribute: key of the labels in the output manifest.
        title, description: what workers see of the job in their list.
        workers: how many label each page.
        task_seconds: that a worker has for a page.
        available_seconds: that a page waits for a worker.
    """

    name: str
    manifest: str
    output: str
    role: str
    work_team: str
    template: str
    pre_lambda: str
    post_lambda: str
    attribute: str = "transcription"
    title: str = "Transcribe the handwriting"
    description: str = "Draw a box around each word and type what it says"
    workers: int = 1
    task_seconds: int = 3600
    available_seconds: int = 10 * _DAY

    def __post_init__(self) -> None:
        checked(self.name)
        if self.attribute.endswith(("-metadata", "-ref")):
            raise ConfigError(
                f"attribute does not end in -metadata or -ref, found {self.attribute!r}"
            )


@dataclass(frozen=True)
class LabelingJob:
    """A job whose pages are labeled.

    Attributes:
        manifest: S3 URI of the labels, which `htrlib.data` reads as "ground_truth".
        labeled: pages that have labels.
        failed: pages that have none, since nobody took them or a function failed.
    """

    name: str
    manifest: str
    labeled: int
    failed: int


def write_manifest(prefix: str, manifest: str, aws: Optional[Aws] = None) -> int:
    """List the pictures below a prefix for a labeling job, and return how many they are.

    Args:
        manifest: S3 URI of the list: a JSON object a line, `{"source-ref": URI}`.
    Raises:
        DatasetError: there is no picture that a browser shows.
        AwsError: as `Aws.call`.
    """
    aws = aws or Aws()
    pictures = [
        place
        for place in list_objects(prefix, aws)
        if PurePosixPath(place.key).suffix.lower() in SHOWN
    ]
    if not pictures and not aws.dry:
        raise DatasetError(
            f"{prefix}: no picture that a browser shows ({', '.join(SHOWN)}); upload some"
        )
    rows = (json.dumps({"source-ref": str(place)}, ensure_ascii=False) for place in pictures)
    data = "".join(f"{row}\n" for row in rows).encode()
    write_object(data, manifest, "application/jsonlines", aws)
    return len(pictures)


def work_team(
    name: str, members: Optional[WorkTeamMembers] = None, aws: Optional[Aws] = None
) -> str:
    """The ARN of a work team, which is made where there is none.

    Args:
        members: of a new team; one that is there is left as it is.
    Raises:
        AwsNotFoundError: there is no such team, and no members for a new one.
        AwsError: as `Aws.call`.
    """
    aws = aws or Aws()
    found = aws.find("sagemaker", "describe_workteam", WorkteamName=checked(name))
    if found is not None:
        return str(found["Workteam"]["WorkteamArn"])
    if members is None:
        raise AwsNotFoundError(
            f"no work team {name!r} in {aws.region}; make it in the console, or name the Cognito "
            "user pool, group and client of its members"
        )
    group = {
        "UserPool": members.user_pool,
        "UserGroup": members.user_group,
        "ClientId": members.client_id,
    }
    made = aws.call(
        "sagemaker",
        "create_workteam",
        WorkteamName=name,
        MemberDefinitions=[{"CognitoMemberDefinition": group}],
        Description="Labels handwriting",
    )
    return str(made["WorkteamArn"])


def start_labeling(config: LabelingJobConfig, aws: Optional[Aws] = None) -> str:
    """Start a job and return its name. Raises as `Aws.call`."""
    (aws or Aws()).call(
        "sagemaker",
        "create_labeling_job",
        LabelingJobName=config.name,
        LabelAttributeName=config.attribute,
        InputConfig={"DataSource": {"S3DataSource": {"ManifestS3Uri": config.manifest}}},
        OutputConfig={"S3OutputPath": str(S3Uri.parse(config.output))},
        RoleArn=config.role,
        HumanTaskConfig={
            "WorkteamArn": config.work_team,
            "UiConfig": {"UiTemplateS3Uri": config.template},
            "PreHumanTaskLambdaArn": config.pre_lambda,
            "AnnotationConsolidationConfig": {
                "AnnotationConsolidationLambdaArn": config.post_lambda
            },
            "TaskTitle": config.title,
            "TaskDescription": config.description,
            "NumberOfHumanWorkersPerDataObject": config.workers,
            "TaskTimeLimitInSeconds": config.task_seconds,
            "TaskAvailabilityLifetimeInSeconds": config.available_seconds,
        },
    )
    return config.name


def wait_for_labels(name: str, aws: Optional[Aws] = None, tell: Tell = silent) -> LabelingJob:
    """Wait until all pages of a job are labeled.

    Args:
        tell: is told how many are.
    Raises:
        AwsJobError: the job failed or was stopped; says where the labels until then are.
        AwsError: as `Aws.call`; the job goes on.
    """
    aws = aws or Aws()
    answer = follow(aws, f"labeling job {name}", lambda: describe_labeling(name, aws), _state, tell)
    labeled, _, failed = _counts(answer)
    return LabelingJob(name, _manifest(answer), labeled, failed)


def describe_labeling(name: str, aws: Optional[Aws] = None) -> Response:
    """What Ground Truth says of a job. Raises as `Aws.call`."""
    return (aws or Aws()).call("sagemaker", "describe_labeling_job", LabelingJobName=name)


def stop_labeling(name: str, aws: Optional[Aws] = None) -> None:
    """Stop a job; what is labeled is kept. Raises as `Aws.call`."""
    (aws or Aws()).call("sagemaker", "stop_labeling_job", LabelingJobName=name)


def _state(answer: Response) -> State:
    status = answer["LabelingJobStatus"]
    labeled, total, failed = _counts(answer)
    line = f"{status}, {labeled} of {total} labeled" + (f", {failed} failed" if failed else "")
    failure = ""
    if status == "Failed":
        failure = answer.get("FailureReason") or "failed for no reason that it told"
    elif status == "Stopped":
        failure = f"stopped; labels until then are in {_manifest(answer)}"
    return State(line, ended=status == "Completed", failure=failure)


def _counts(answer: Response) -> Tuple[int, int, int]:
    """Pages that are labeled, all of them, and those that failed."""
    counters = answer.get("LabelCounters", {})
    labeled, failed = counters.get("TotalLabeled", 0), counters.get("FailedNonRetryableError", 0)
    return labeled, labeled + failed + counters.get("Unlabeled", 0), failed


def _manifest(answer: Response) -> str:
    output = answer.get("LabelingJobOutput", {})
    return str(output.get("OutputDatasetS3Uri", "none"))
