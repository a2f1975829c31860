"""Labeling jobs of SageMaker Ground Truth, for accounts that used it before 30 July 2026.

AWS takes no new customers for it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Mapping, Optional, Tuple

from htrlib.aws.following import State, Tell, follow, silent
from htrlib.aws.location import S3Uri
from htrlib.aws.names import checked
from htrlib.aws.session import Aws, Response
from htrlib.aws.storage import list_objects, read_object, write_object
from htrlib.aws.tags import tag_list
from htrlib.errors import AwsError, AwsNotFoundError, ConfigError, DatasetError

SHOWN = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")
"""Formats that browsers can show to workers; TIFF is not among them."""

ATTRIBUTE = "transcription"
"""Key of the labels of a first job; a job that corrects them needs another."""

_DAY = 24 * 3600
_MANIFEST_BYTES = 64 << 20
_METADATA = "-metadata"
_ATTRIBUTE = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,126}")


@dataclass(frozen=True)
class WorkTeamMembers:
    """The members of a private work team: a group of a Cognito user pool."""

    user_pool: str
    user_group: str
    client_id: str


@dataclass(frozen=True)
class LabelingJobConfig:
    """Settings of a labeling job.

    Attributes:
        name: name of the job, which must be new.
        manifest: S3 URI of the list of pages, from `write_manifest`.
        output: S3 prefix; the labels go to OUTPUT/NAME/manifests/output/output.manifest.
        role: ARN of the job's role.
        work_team: ARN of the work team.
        template: S3 URI of the workers' page.
        pre_lambda: ARN of the function that prepares a task.
        post_lambda: ARN of the function that consolidates the workers' answers.
        attribute: key of the labels in the output manifest; for a job that corrects the labels of
            a manifest, one that is not in it (`next_attribute`).
        title, description: shown to workers in their list of jobs.
        workers: workers per page, at most the number of team members.
        task_seconds: time limit for a worker per page.
        available_seconds: time a page waits for a worker.
        kms_key: ARN of the key that encrypts the labels; None means the bucket's key.
        tags: tags for billing.
    """

    name: str
    manifest: str
    output: str
    role: str
    work_team: str
    template: str
    pre_lambda: str
    post_lambda: str
    attribute: str = ATTRIBUTE
    title: str = "Transcribe the handwriting"
    description: str = "Draw one box a line and type what it says"
    workers: int = 1
    task_seconds: int = 3600
    available_seconds: int = 10 * _DAY
    kms_key: Optional[str] = None
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        checked(self.name)
        S3Uri.parse(self.output)
        if not _ATTRIBUTE.fullmatch(self.attribute):
            raise ConfigError(
                "an attribute has letters, digits and hyphens (no underscores), found "
                f"{self.attribute!r}"
            )
        if self.workers < 1:
            raise ConfigError(f"each page needs at least one worker, found {self.workers}")
        if self.attribute.endswith(("-metadata", "-ref")):
            raise ConfigError(
                f"an attribute must not end in -metadata or -ref, found {self.attribute!r}"
            )


@dataclass(frozen=True)
class LabelingJob:
    """A finished labeling job.

    Attributes:
        manifest: S3 URI of the labels, which `htrlib.data` reads as "ground_truth".
        labeled: number of labeled pages.
        failed: number of pages without labels, because nobody took them or a function failed.
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
        AwsError: see `Aws.call`.
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


def next_attribute(manifest: str, aws: Optional[Aws] = None) -> str:
    """The label attribute for a job that corrects the labels of a manifest.

    AWS refuses one that the manifest has already.

    Args:
        manifest: S3 URI of the output manifest of an earlier job.
    Raises:
        DatasetError: the manifest has no labels.
        AwsError: see `Aws.call`; or the manifest is larger than 64 MB.
    """
    aws = aws or Aws()
    if aws.dry:
        return f"{ATTRIBUTE}-2"
    text = read_object(manifest, _MANIFEST_BYTES, aws).decode("utf-8")
    try:
        rows = [json.loads(row) for row in text.splitlines() if row.strip()]
        keys = {key for row in rows for key in row}
    except (ValueError, TypeError) as error:
        raise DatasetError(f"{manifest} is not JSON Lines: {error}") from error
    taken = {key[: -len(_METADATA)] for key in keys if key.endswith(_METADATA)}
    if not taken:
        raise DatasetError(f"{manifest} has no labels to correct; name the output of a job")
    number = 2
    while f"{ATTRIBUTE}-{number}" in taken:
        number += 1
    return f"{ATTRIBUTE}-{number}"


@dataclass(frozen=True)
class WorkTeam:
    """A private work team.

    Attributes:
        portal: the address where its members find their tasks; "" where AWS does not say it.
        members: number of members; None if they are not in Cognito.
    """

    arn: str
    portal: str = ""
    members: Optional[int] = None


def work_team(
    name: str, members: Optional[WorkTeamMembers] = None, aws: Optional[Aws] = None
) -> WorkTeam:
    """A work team, which is made where there is none.

    Args:
        members: members of a new team; an existing team is left unchanged.
    Raises:
        AwsNotFoundError: there is no such team, and no members for a new one.
        AwsError: see `Aws.call`.
    """
    aws = aws or Aws()
    found = aws.find("sagemaker", "describe_workteam", WorkteamName=checked(name))
    if found is not None:
        team = found["Workteam"]
        portal = f"https://{team['SubDomain']}" if team.get("SubDomain") else ""
        return WorkTeam(str(team["WorkteamArn"]), portal, _size(team, aws))
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
    return WorkTeam(str(made["WorkteamArn"]))


def _size(team: Response, aws: Aws) -> Optional[int]:
    """Count the members of a team's groups."""
    people = set()
    for definition in team.get("MemberDefinitions", ()):
        group = definition.get("CognitoMemberDefinition")
        if group is None:  # they are in another identity provider
            return None
        users = aws.items(
            "cognito-idp",
            "list_users_in_group",
            "Users",
            UserPoolId=group["UserPool"],
            GroupName=group["UserGroup"],
        )
        people |= {user["Username"] for user in users}
    return len(people)


def check_workers(workers: int, team: WorkTeam) -> None:
    """Check that a job's pages can be finished.

    Raises:
        ConfigError: the job needs more workers per page than the team has.
    """
    if team.members is not None and workers > team.members:
        raise ConfigError(
            f"{workers} workers are to label each page, and the team has {team.members}: a page "
            "would never be done; invite more, or ask for fewer"
        )


def check_new(name: str, aws: Optional[Aws] = None) -> None:
    """Check that no job has the name; another of that name would overwrite the files of the first.

    Raises:
        AwsError: see `Aws.call`; or there is a job of that name.
    """
    found = (aws or Aws()).find("sagemaker", "describe_labeling_job", LabelingJobName=name)
    if found is not None:
        raise AwsError(f"a labeling job {name} is there already; choose another name")


def start_labeling(config: LabelingJobConfig, aws: Optional[Aws] = None) -> str:
    """Start a job and return its name. Raises like `Aws.call`."""
    (aws or Aws()).call(
        "sagemaker",
        "create_labeling_job",
        LabelingJobName=config.name,
        LabelAttributeName=config.attribute,
        InputConfig={"DataSource": {"S3DataSource": {"ManifestS3Uri": config.manifest}}},
        OutputConfig={
            "S3OutputPath": str(S3Uri.parse(config.output)),
            **({"KmsKeyId": config.kms_key} if config.kms_key else {}),
        },
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
        Tags=tag_list(config.tags),
    )
    return config.name


def wait_for_labels(name: str, aws: Optional[Aws] = None, tell: Tell = silent) -> LabelingJob:
    """Wait until all pages of a job are labeled.

    Args:
        tell: called with the number of labeled pages.
    Raises:
        AwsJobError: the job failed or was stopped; names the location of the labels so far.
        AwsError: see `Aws.call`; the job continues.
    """
    aws = aws or Aws()
    answer = follow(aws, f"labeling job {name}", lambda: describe_labeling(name, aws), _state, tell)
    labeled, _, failed = _counts(answer)
    return LabelingJob(name, _manifest(answer), labeled, failed)


def describe_labeling(name: str, aws: Optional[Aws] = None) -> Response:
    """Describe a labeling job. Raises as `Aws.call`."""
    return (aws or Aws()).call("sagemaker", "describe_labeling_job", LabelingJobName=name)


def stop_labeling(name: str, aws: Optional[Aws] = None) -> None:
    """Stop a job and keep its labels. Raises like `Aws.call`."""
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
    """Return the numbers of labeled pages, of all pages, and of failed pages."""
    counters = answer.get("LabelCounters", {})
    labeled, failed = counters.get("TotalLabeled", 0), counters.get("FailedNonRetryableError", 0)
    return labeled, labeled + failed + counters.get("Unlabeled", 0), failed


def _manifest(answer: Response) -> str:
    output = answer.get("LabelingJobOutput", {})
    return str(output.get("OutputDatasetS3Uri", "none"))
