"""The invitation to label, which Cognito asks a function of the stack for."""

from __future__ import annotations

import boto3
import pytest
from botocore.stub import Stubber

TEAM = {
    "WorkteamName": "htr-labelers",
    "WorkteamArn": "arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/htr-labelers",
    "MemberDefinitions": [{}],
    "Description": "Labels handwriting",
    "SubDomain": "abcde.labeling.us-east-1.sagemaker.aws",
}


@pytest.fixture
def sagemaker(monkeypatch):
    client = boto3.client(
        "sagemaker", "us-east-1", aws_access_key_id="x", aws_secret_access_key="y"
    )
    monkeypatch.setattr(boto3, "client", lambda service: client)
    monkeypatch.setenv("WORKTEAM", "htr-labelers")
    with Stubber(client) as stub:
        yield stub


def event(source="CustomMessage_AdminCreateUser"):
    request = {"usernameParameter": "{username}", "codeParameter": "{####}"}
    return {"triggerSource": source, "request": request, "response": {}}


def test_an_invitation_names_the_portal_the_user_and_the_password(script, sagemaker):
    sagemaker.add_response(
        "describe_workteam", {"Workteam": TEAM}, {"WorkteamName": "htr-labelers"}
    )
    response = script("invitation").handler(event(), None)["response"]
    assert response["emailMessage"] == (
        "Sign in at https://abcde.labeling.us-east-1.sagemaker.aws as {username}; your first "
        "password is {####}"
    )
    assert response["emailSubject"]


def test_an_invitation_is_mailed_also_where_the_portal_is_unknown(script, sagemaker):
    sagemaker.add_client_error("describe_workteam", "AccessDeniedException", "no")
    message = script("invitation").handler(event(), None)["response"]["emailMessage"]
    assert "{username}" in message
    assert "{####}" in message


def test_other_messages_are_those_of_cognito(script, sagemaker):
    assert (
        script("invitation").handler(event("CustomMessage_ForgotPassword"), None)["response"] == {}
    )
