"""Lambda that Cognito calls before it mails a message: the invitation names the labeling portal.

The portal's address is known only once the work team is there, after the pool of its members; so
it is looked up when somebody is invited.

Event: ``{"triggerSource", "request": {"usernameParameter", "codeParameter"}, "response"}``.
Answer: the event, for an invitation with ``emailSubject`` and ``emailMessage`` in its response.
"""

from __future__ import annotations

import logging
import os
from typing import Any, Dict

import boto3

log = logging.getLogger(__name__)
log.setLevel(logging.INFO)


def handler(event: Dict[str, Any], context: object) -> Dict[str, Any]:
    """Write an invitation; leave other messages as Cognito writes them."""
    if event["triggerSource"] != "CustomMessage_AdminCreateUser":
        return event
    request = event["request"]
    event["response"].update(
        emailSubject="You are invited to label handwriting",
        emailMessage=(
            f"Sign in at {_portal()} as {request['usernameParameter']}; your first password is "
            f"{request['codeParameter']}"
        ),
    )
    return event


def _portal() -> str:
    """Return the portal's address; never fail, or the invitation would not be mailed."""
    name = os.environ["WORKTEAM"]
    try:
        team = boto3.client("sagemaker").describe_workteam(WorkteamName=name)["Workteam"]
        return f"https://{team['SubDomain']}"
    except Exception:
        log.exception("the portal of %s is unknown", name)
        return "the labeling portal, whose address you get from who invited you,"
