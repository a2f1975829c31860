"""Lambda behind the stack's `BuiltImage`: starts the build, which answers CloudFormation itself.

So the stack waits for the image, for longer than a Lambda may run, and the demo endpoint, which
comes after it, finds it there.
"""

from __future__ import annotations

import json
import logging
import urllib.request
from typing import Any, Dict

import boto3

log = logging.getLogger(__name__)
log.setLevel(logging.INFO)


def handler(event: Dict[str, Any], context: object) -> None:
    """Answer one request of CloudFormation: Create, Update or Delete."""
    if event["RequestType"] == "Delete":  # the images go with their repository
        _send(event["ResponseURL"], _answer(event, "SUCCESS", "nothing to take away"))
        return
    answers = {
        "RESPONSE_URL": event["ResponseURL"],
        "ON_SUCCESS": _answer(event, "SUCCESS", "built"),
        "ON_FAILURE": _answer(event, "FAILED", "the build failed; its log is in CodeBuild"),
    }
    try:
        started = boto3.client("codebuild").start_build(
            projectName=event["ResourceProperties"]["Project"],
            environmentVariablesOverride=[
                {"name": name, "value": value, "type": "PLAINTEXT"}
                for name, value in answers.items()
            ],
        )
    except Exception as error:  # without an answer the stack would wait for an hour
        log.exception("the build did not start")
        _send(event["ResponseURL"], _answer(event, "FAILED", f"the build did not start: {error}"))
        return
    log.info("started %s", started["build"]["id"])


def _answer(event: Dict[str, Any], status: str, reason: str) -> str:
    identity = ("StackId", "RequestId", "LogicalResourceId")
    return json.dumps(
        {
            "Status": status,
            "Reason": reason[:1000],
            "PhysicalResourceId": event["ResourceProperties"]["Image"],
            **{name: event[name] for name in identity},
        }
    )


def _send(url: str, answer: str) -> None:
    # Signed for a request without a content type.
    request = urllib.request.Request(
        url, answer.encode(), method="PUT", headers={"Content-Type": ""}
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        response.read()
