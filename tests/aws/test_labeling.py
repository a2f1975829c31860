"""Labeling jobs, which moto lacks; Stubber checks calls against AWS's service descriptions."""

from __future__ import annotations

import json

import pytest

from htrlib.aws import labeling
from htrlib.aws.labeling import LabelingJobConfig, WorkTeam, WorkTeamMembers
from htrlib.aws.storage import read_object, write_object
from htrlib.errors import (
    AwsAccessError,
    AwsJobError,
    AwsNotFoundError,
    ConfigError,
    DatasetError,
)
from tests.aws.conftest import ROLE

TEAM = "arn:aws:sagemaker:eu-west-1:123456789012:workteam/private-crowd/readers"
PRE = "arn:aws:lambda:eu-west-1:123456789012:function:SageMaker-pre"
POST = "arn:aws:lambda:eu-west-1:123456789012:function:SageMaker-post"
CONFIG = LabelingJobConfig(
    name="letters",
    manifest="s3://pages/letters/input.manifest",
    output="s3://pages/labels/",
    role=ROLE,
    work_team=TEAM,
    template="s3://pages/template.liquid.html",
    pre_lambda=PRE,
    post_lambda=POST,
    workers=3,
)


@pytest.fixture
def stub(aws):
    from botocore.stub import Stubber

    with Stubber(aws.client("sagemaker")) as stub:
        yield stub
        stub.assert_no_pending_responses()


@pytest.fixture
def cognito(aws):
    from botocore.stub import Stubber

    with Stubber(aws.client("cognito-idp")) as stub:
        yield stub
        stub.assert_no_pending_responses()


def described(status, labeled, unlabeled, failed=0, **more):
    return {
        "LabelingJobStatus": status,
        "LabelCounters": {
            "TotalLabeled": labeled,
            "HumanLabeled": labeled,
            "MachineLabeled": 0,
            "FailedNonRetryableError": failed,
            "Unlabeled": unlabeled,
        },
        "LastModifiedTime": 1,
        "CreationTime": 1,
        "JobReferenceCode": "x",
        "LabelingJobName": "letters",
        "LabelingJobArn": "arn:aws:sagemaker:eu-west-1:123456789012:labeling-job/letters",
        "InputConfig": {"DataSource": {}},
        "OutputConfig": {"S3OutputPath": "s3://pages/labels"},
        "RoleArn": ROLE,
        "HumanTaskConfig": {
            "WorkteamArn": TEAM,
            "UiConfig": {},
            "PreHumanTaskLambdaArn": PRE,
            "AnnotationConsolidationConfig": {"AnnotationConsolidationLambdaArn": POST},
            "TaskTitle": "t",
            "TaskDescription": "d",
            "NumberOfHumanWorkersPerDataObject": 1,
            "TaskTimeLimitInSeconds": 60,
        },
        "LabelingJobOutput": {"OutputDatasetS3Uri": "s3://pages/labels/output.manifest"},
        **more,
    }


def asked(stub, *answers):
    for entry in answers:
        stub.add_response("describe_labeling_job", entry, {"LabelingJobName": "letters"})


def test_the_manifest_lists_the_pictures_that_browsers_show(aws, bucket):
    for name in ("b.png", "a ü.JPG", "notes.txt", "scan.tiff"):
        write_object(b"x", f"{bucket}/letters/{name}", "image/png", aws)
    assert labeling.write_manifest(f"{bucket}/letters", f"{bucket}/jobs/in.manifest", aws) == 2
    rows = read_object(f"{bucket}/jobs/in.manifest", 1000, aws).decode().splitlines()
    assert [json.loads(row) for row in rows] == [
        {"source-ref": f"{bucket}/letters/a ü.JPG"},
        {"source-ref": f"{bucket}/letters/b.png"},
    ]


def test_a_prefix_without_pictures_is_told(aws, bucket):
    with pytest.raises(DatasetError, match="no picture that a browser shows"):
        labeling.write_manifest(f"{bucket}/letters", f"{bucket}/in.manifest", aws)


def test_a_team_that_is_there_is_found(aws, stub):
    oidc = {"OidcMemberDefinition": {"Groups": ["readers"]}}
    team = {"WorkteamName": "readers", "WorkteamArn": TEAM, "MemberDefinitions": [oidc]}
    stub.add_response(
        "describe_workteam",
        {"Workteam": {**team, "Description": "d"}},
        {"WorkteamName": "readers"},
    )
    assert labeling.work_team("readers", aws=aws) == WorkTeam(TEAM, "", None)


def test_a_team_s_portal_and_size_are_known(aws, stub, cognito):
    member = {"CognitoMemberDefinition": {"UserPool": "e_1", "UserGroup": "g", "ClientId": "c"}}
    team = {
        "WorkteamName": "readers",
        "WorkteamArn": TEAM,
        "MemberDefinitions": [member],
        "Description": "d",
        "SubDomain": "abc.labeling.eu-west-1.sagemaker.aws",
    }
    stub.add_response("describe_workteam", {"Workteam": team}, {"WorkteamName": "readers"})
    cognito.add_response(
        "list_users_in_group",
        {"Users": [{"Username": "anna"}, {"Username": "ida"}]},
        {"UserPoolId": "e_1", "GroupName": "g"},
    )
    found = labeling.work_team("readers", aws=aws)
    assert found == WorkTeam(TEAM, "https://abc.labeling.eu-west-1.sagemaker.aws", 2)
    labeling.check_workers(2, found)
    with pytest.raises(ConfigError, match="3 workers are to label each page, and the team has 2"):
        labeling.check_workers(3, found)


def test_a_team_that_is_not_there_is_made(aws, stub):
    stub.add_client_error("describe_workteam", "ValidationException", "No Workteam found for arn")
    group = {"UserPool": "eu-west-1_1", "UserGroup": "readers", "ClientId": "1a"}
    stub.add_response(
        "create_workteam",
        {"WorkteamArn": TEAM},
        {
            "WorkteamName": "readers",
            "MemberDefinitions": [{"CognitoMemberDefinition": group}],
            "Description": "Labels handwriting",
        },
    )
    members = WorkTeamMembers("eu-west-1_1", "readers", "1a")
    assert labeling.work_team("readers", members, aws) == WorkTeam(TEAM)


def test_a_team_that_is_not_there_and_has_no_members_is_told(aws, stub):
    stub.add_client_error("describe_workteam", "ValidationException", "No Workteam found for arn")
    with pytest.raises(AwsNotFoundError, match="no work team 'readers' in eu-west-1; make it"):
        labeling.work_team("readers", aws=aws)


def test_a_job_is_started_with_template_functions_and_team(aws, stub):
    stub.add_response(
        "create_labeling_job",
        {"LabelingJobArn": "arn:aws:sagemaker:eu-west-1:123456789012:labeling-job/letters"},
        {
            "LabelingJobName": "letters",
            "LabelAttributeName": "transcription",
            "InputConfig": {"DataSource": {"S3DataSource": {"ManifestS3Uri": CONFIG.manifest}}},
            "OutputConfig": {"S3OutputPath": "s3://pages/labels"},
            "RoleArn": ROLE,
            "HumanTaskConfig": {
                "WorkteamArn": TEAM,
                "UiConfig": {"UiTemplateS3Uri": CONFIG.template},
                "PreHumanTaskLambdaArn": PRE,
                "AnnotationConsolidationConfig": {"AnnotationConsolidationLambdaArn": POST},
                "TaskTitle": CONFIG.title,
                "TaskDescription": CONFIG.description,
                "NumberOfHumanWorkersPerDataObject": 3,
                "TaskTimeLimitInSeconds": 3600,
                "TaskAvailabilityLifetimeInSeconds": 864000,
            },
            "Tags": [],
        },
    )
    assert labeling.start_labeling(CONFIG, aws) == "letters"


def test_the_labels_are_waited_for(aws, stub):
    asked(
        stub,
        described("InProgress", 0, 3),
        described("InProgress", 2, 1),
        described("InProgress", 2, 1),
        described("Completed", 2, 0, 1),
    )
    lines = []
    job = labeling.wait_for_labels("letters", aws, lines.append)
    assert lines == [
        "labeling job letters: InProgress, 0 of 3 labeled",
        "labeling job letters: InProgress, 2 of 3 labeled",
        "labeling job letters: Completed, 2 of 3 labeled, 1 failed",
    ]
    assert (job.manifest, job.labeled, job.failed) == ("s3://pages/labels/output.manifest", 2, 1)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            described("Failed", 0, 3, FailureReason="ClientError: no right to the bucket"),
            "labeling job letters: ClientError: no right to the bucket",
        ),
        (described("Stopped", 1, 2), "stopped; labels until then are in s3://pages/labels/output"),
    ],
)
def test_a_job_without_all_labels_says_why(aws, stub, answer, message):
    asked(stub, answer)
    with pytest.raises(AwsJobError, match=message):
        labeling.wait_for_labels("letters", aws)


def test_a_job_is_stopped(aws, stub):
    stub.add_response("stop_labeling_job", {}, {"LabelingJobName": "letters"})
    labeling.stop_labeling("letters", aws)


def test_a_missing_right_is_told(aws, stub):
    stub.add_client_error("create_labeling_job", "AccessDeniedException", "User: x is not allowed")
    with pytest.raises(
        AwsAccessError, match="no permission for sagemaker:CreateLabelingJob on letters"
    ):
        labeling.start_labeling(CONFIG, aws)


def test_a_correction_has_an_attribute_that_the_manifest_has_not(aws, bucket):
    manifest = f"{bucket}/labels/output.manifest"
    labels = {"transcription": {"texts": []}, "transcription-metadata": {}}
    for again, expected in (
        ({}, "transcription-2"),
        ({"transcription-2-metadata": {}}, "transcription-3"),
    ):
        row = {"source-ref": f"{bucket}/1.png", **labels, **again}
        write_object(json.dumps(row).encode() + b"\n", manifest, "application/jsonlines", aws)
        attribute = labeling.next_attribute(manifest, aws)
        assert attribute == expected
        LabelingJobConfig(**{**vars(CONFIG), "attribute": attribute})  # takes it


@pytest.mark.parametrize(
    ("text", "message"),
    [(b'{"source-ref": "s3://b/1.png"}', "no labels to correct"), (b"[1", "is not JSON Lines")],
)
def test_what_has_no_labels_cannot_be_corrected(aws, bucket, text, message):
    write_object(text, f"{bucket}/output.manifest", "application/jsonlines", aws)
    with pytest.raises(DatasetError, match=message):
        labeling.next_attribute(f"{bucket}/output.manifest", aws)


def test_an_attribute_with_underscores_is_refused_before_aws_does():
    with pytest.raises(ConfigError, match="no underscores"):
        LabelingJobConfig(**{**vars(CONFIG), "attribute": "text_2"})


def test_a_job_with_a_key_encrypts_its_labels(aws, stub):
    stub.add_response("create_labeling_job", {"LabelingJobArn": "arn:aws:sagemaker:::x/y"})
    sent = []
    aws.client("sagemaker").meta.events.register(
        "provide-client-params.sagemaker.CreateLabelingJob", lambda params, **_: sent.append(params)
    )
    labeling.start_labeling(LabelingJobConfig(**{**vars(CONFIG), "kms_key": "arn:key"}), aws)
    assert sent[0]["OutputConfig"]["KmsKeyId"] == "arn:key"


def test_an_attribute_that_ground_truth_keeps_for_itself_is_refused():
    with pytest.raises(ConfigError, match="must not end in -metadata or -ref"):
        LabelingJobConfig(**{**vars(CONFIG), "attribute": "text-ref"})
