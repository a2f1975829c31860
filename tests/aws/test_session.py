from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from htrlib.aws import session
from htrlib.aws.dry_run import Request, to_json
from htrlib.aws.session import Aws
from htrlib.aws.storage import upload
from htrlib.errors import AwsAccessError, AwsError, AwsNotFoundError, ConfigError
from tests.aws.conftest import ACCESS_KEY, SECRET_KEY, TOKEN
from tests.aws.front import CUT, Answer, answer, refusal


def test_a_region_that_is_not_set_is_told(front, monkeypatch):
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(AwsError, match="no region is set; name one"):
        Aws()
    assert Aws("eu-central-1").region == "eu-central-1"


def test_a_profile_that_is_not_there_is_told(front):
    with pytest.raises(AwsError, match="`aws configure list-profiles` shows"):
        Aws(profile="nobody")


@pytest.mark.parametrize("variable", ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"])
@pytest.mark.parametrize("profile", [None, "letters"])
def test_settings_that_cannot_be_read_are_told(front, monkeypatch, tmp_path, variable, profile):
    path = tmp_path / "settings"
    path.write_text("[profile letters\nregion = eu-west-1\n")
    monkeypatch.setenv(variable, str(path))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    with pytest.raises(AwsError, match=f"{path}.*; correct the file"):
        Aws(profile=profile).call("s3", "head_bucket", Bucket="pages")


def test_a_role_that_may_not_be_taken_on_is_told(front, monkeypatch, tmp_path):
    arn = "arn:aws:iam::123456789012:role/htr"
    path = tmp_path / "config"
    path.write_text(
        f"[profile jobs]\nrole_arn = {arn}\ncredential_source = Environment\nregion = eu-west-1\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(path))
    message = f"User: me is not authorized to perform: sts:AssumeRole on resource: {arn}"
    denied = f"<ErrorResponse><Error><Code>AccessDenied</Code><Message>{message}</Message></Error>"
    front.rules.append(lambda _: Answer(f"{denied}</ErrorResponse>".encode(), 403))
    with pytest.raises(AwsAccessError) as caught:
        Aws(profile="jobs").call("sagemaker", "list_models")
    assert (caught.value.action, caught.value.resource) == ("sts:AssumeRole", arn)


def test_missing_credentials_are_told(front, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    with pytest.raises(AwsError, match=r"no credentials for AWS .* run `aws configure`"):
        Aws().call("s3", "head_bucket", Bucket="pages")
    assert not front.requests


@pytest.mark.parametrize("code", ["ExpiredTokenException", "UnrecognizedClientException"])
def test_credentials_that_are_not_taken_are_told(front, aws, code):
    front.answers("ListModels", refusal(code, "The security token is invalid"))
    with pytest.raises(AwsError, match=f"does not take the credentials .{code}"):
        aws.call("sagemaker", "list_models")


def test_credentials_that_s3_refuses_without_a_reason_are_told(front, aws):
    front.rules.append(lambda request: Answer(b"", 400) if request.method == "HEAD" else None)
    with pytest.raises(AwsError, match=r"refused without a reason \(400\); .* have expired"):
        aws.call("s3", "head_object", Bucket="pages", Key="1.png")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("RequestTimeTooSkewed", "The difference is too large"),
        ("InvalidSignatureException", "Signature expired: 20260501 is now earlier than 20260502"),
    ],
)
def test_a_wrong_clock_is_not_taken_for_wrong_credentials(front, aws, code, message):
    front.answers("ListModels", refusal(code, message))
    with pytest.raises(AwsError, match=r"clock of this machine is wrong .* set it"):
        aws.call("sagemaker", "list_models")


def test_a_missing_right_names_the_action_and_the_resource(front, aws):
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:model/hands"
    front.answers(
        "DeleteModel",
        refusal(
            "AccessDeniedException",
            "User: arn:aws:sts::123456789012:assumed-role/reader/x is not authorized to perform: "
            f"sagemaker:DeleteModel on resource: {arn} because no identity-based policy allows it",
        ),
    )
    with pytest.raises(AwsAccessError) as caught:
        aws.call("sagemaker", "delete_model", ModelName="hands")
    assert (caught.value.action, caught.value.resource) == ("sagemaker:DeleteModel", arn)


def test_a_missing_right_of_s3_is_told_by_the_call(front, aws, tmp_path):
    denied = Answer(
        b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>", 403
    )
    front.rules.append(lambda request: denied if request.method == "GET" else None)
    (tmp_path / "a").write_text("a")
    with pytest.raises(AwsAccessError, match="no permission for s3:ListBucket on s3://pages/in"):
        upload(tmp_path, "s3://pages/in", aws)


def test_what_is_not_there_is_told_and_can_be_asked_for(aws):
    with pytest.raises(AwsNotFoundError, match="hands is not there"):
        aws.call("sagemaker", "describe_endpoint", EndpointName="hands")
    assert aws.find("sagemaker", "describe_endpoint", EndpointName="hands") is None


def test_parameters_that_are_wrong_are_told_before_anything_is_sent(front, aws):
    with pytest.raises(ConfigError, match="Unknown parameter in input"):
        aws.call("sagemaker", "describe_endpoint", EndpointName="x", Color="red")
    assert not front.requests


def test_throttling_is_retried_with_growing_pauses(front, aws, monkeypatch):
    import botocore.endpoint

    pauses = []
    monkeypatch.setattr(botocore.endpoint.time, "sleep", pauses.append)
    throttled = refusal("ThrottlingException", "Rate exceeded")
    front.answers("ListModels", throttled, throttled, answer({"Models": []}))
    assert aws.call("sagemaker", "list_models")["Models"] == []
    assert len(front.requests) == 3
    assert len(pauses) == 2
    assert pauses[0] <= 1 and pauses[1] <= 2  # random, below a bound that doubles


def test_throttling_that_does_not_end_is_told(front, aws):
    front.answers("ListModels", refusal("ThrottlingException", "Rate exceeded"))
    with pytest.raises(AwsError, match="ThrottlingException: Rate exceeded"):
        aws.call("sagemaker", "list_models")
    assert len(front.requests) == session.ATTEMPTS


def test_a_connection_that_is_cut_is_tried_again_and_then_told(front, aws):
    front.rules.append(lambda request: CUT)
    with pytest.raises(AwsError, match="s3 head_bucket got no answer"):
        aws.call("s3", "head_bucket", Bucket="pages")
    assert len(front.requests) == session.ATTEMPTS


def test_time_outs_and_retries_are_set(aws):
    config = aws.client("sagemaker").meta.config
    assert (config.connect_timeout, config.read_timeout) == (10, 70)
    assert config.retries == {"mode": "standard", "total_max_attempts": session.ATTEMPTS}
    assert "htrlib/" in config.user_agent_extra


def test_credentials_are_in_no_log_and_no_error(front, aws, caplog, bucket, tmp_path):
    caplog.set_level(logging.DEBUG, logger="htrlib")
    front.answers(
        "ListModels",
        refusal("ValidationException", f"bad: {ACCESS_KEY} {SECRET_KEY} {TOKEN} in the request"),
    )
    with pytest.raises(AwsError) as caught:
        aws.call("sagemaker", "list_models")
    assert "bad: *** *** *** in the request" in str(caught.value)
    assert caught.value.__cause__ is None
    (tmp_path / "a").write_text("a")
    upload(tmp_path, bucket, aws)
    assert "s3 put_object" in caplog.text
    for secret in (ACCESS_KEY, SECRET_KEY, TOKEN):
        assert secret not in caplog.text


def test_a_dry_run_tells_requests_and_sends_none(front, tmp_path):
    told = []
    aws = Aws(dry_run=told.append)
    (tmp_path / "a.txt").write_text("one")
    upload(tmp_path, "s3://pages/in", aws)
    assert [(request.service, request.operation) for request in told] == [
        ("s3", "ListObjectsV2"),
        ("s3", "PutObject"),
    ]
    parameters = json.loads(to_json(told[1]))["parameters"]
    assert parameters["Key"] == "in/a.txt"
    assert parameters["Body"] == "<3 bytes>"
    assert not front.requests


def test_a_dry_run_needs_no_credentials_and_tells_none(front, monkeypatch):
    told = []
    aws = Aws(dry_run=told.append)
    aws.call("ecr", "get_authorization_token")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    Aws(dry_run=told.append).call("sagemaker", "list_models")
    text = "".join(map(to_json, told))
    assert len(told) == 2
    assert not any(secret in text for secret in (ACCESS_KEY, SECRET_KEY, TOKEN))


def test_a_dry_run_finds_nothing_and_checks_parameters(front):
    aws = Aws(dry_run=lambda request: None)
    assert aws.find("sagemaker", "describe_endpoint", EndpointName="hands") is None
    assert aws.items("s3", "list_objects_v2", "Contents", Bucket="pages") == ()
    assert (
        aws.call("ecr", "create_repository", repositoryName="hands")["repository"]["repositoryUri"]
        == "<repositoryUri>"
    )
    with pytest.raises(ConfigError, match="Missing required parameter"):
        aws.call("sagemaker", "create_model")


def test_requests_are_written_as_json():
    request = Request("s3", "PutObject", {"Body": b"abc", "Path": Path("x")})
    assert json.loads(to_json(request))["parameters"] == {"Body": "<3 bytes>", "Path": "<x>"}


def test_without_boto3_it_is_said_what_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(ConfigError, match=r"pip install 'htrlib\[aws\]'"):
        Aws("eu-west-1")
