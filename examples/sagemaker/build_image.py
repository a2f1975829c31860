"""Lambda behind the stack's `BuiltImage`: starts the build of the image, and reports its outcome.

CloudFormation asks for the build, and EventBridge reports its end, whatever ended it: also a build
that died before its first command. So the stack waits for the image, for longer than a Lambda may
run, and the demo endpoint, which comes after it, finds it there.
"""

from __future__ import annotations

import json
import logging
import urllib.request
from typing import Any, Dict

import boto3

log = logging.getLogger(__name__)
log.setLevel(logging.INFO)

REQUEST = "CLOUDFORMATION_REQUEST"
"""The build's variable that holds the request to answer; a build started by hand has none."""

Event = Dict[str, Any]


def handler(event: Event, context: object) -> None:
    """Answer a request of CloudFormation, or handle the end of a build."""
    if "RequestType" not in event:
        _report_end(event["detail"])
    elif event["RequestType"] == "Delete":  # the images go with their repository
        _answer(event, "SUCCESS", "nothing to delete")
    else:
        _start(event)


def _start(request: Event) -> None:
    kept = ("ResponseURL", "StackId", "RequestId", "LogicalResourceId", "ResourceProperties")
    variable = {name: request[name] for name in kept}
    try:
        started = boto3.client("codebuild").start_build(
            projectName=request["ResourceProperties"]["Project"],
            environmentVariablesOverride=[
                {"name": REQUEST, "value": json.dumps(variable), "type": "PLAINTEXT"}
            ],
        )
    except Exception as error:  # without an answer the stack would wait for an hour
        log.exception("the build did not start")
        _answer(request, "FAILED", f"the build did not start: {error}")
        return
    log.info("started %s", started["build"]["id"])


def _report_end(detail: Event) -> None:
    (build,) = boto3.client("codebuild").batch_get_builds(ids=[detail["build-id"]])["builds"]
    variables = {
        item["name"]: item["value"] for item in build["environment"]["environmentVariables"]
    }
    if REQUEST not in variables:
        return
    status = detail["build-status"]
    if status == "SUCCEEDED":
        _answer(json.loads(variables[REQUEST]), "SUCCESS", "built")
        return
    said = [
        f"{phase['phaseType']}: {context['message']}"
        for phase in build.get("phases", ())
        for context in phase.get("contexts", ())
        if context.get("message")
    ]
    where = build.get("logs", {}).get("deepLink", "CodeBuild")
    reason = f"the build ended with {status}; {'; '.join(said) or 'no message'}; its log: {where}"
    _answer(json.loads(variables[REQUEST]), "FAILED", reason)


def _answer(request: Event, status: str, reason: str) -> None:
    identity = ("StackId", "RequestId", "LogicalResourceId")
    answer = {
        "Status": status,
        "Reason": reason[:1000],
        "PhysicalResourceId": request["ResourceProperties"]["Image"],
        **{name: request[name] for name in identity},
    }
    # The address is signed for a request without a content type.
    put = urllib.request.Request(
        request["ResponseURL"],
        json.dumps(answer).encode(),
        method="PUT",
        headers={"Content-Type": ""},
    )
    with urllib.request.urlopen(put, timeout=30) as response:
        response.read()
