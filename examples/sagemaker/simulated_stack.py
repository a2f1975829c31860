"""A stack in moto, with the outputs of the real one.

moto lacks half of the resource types of `template.yaml`. So a request that creates the stack from
its address in S3 makes one of a bucket instead, whose outputs have the same names.
"""

from __future__ import annotations

import io
import json
from typing import Any, Dict, Mapping
from urllib.parse import parse_qs, urlencode

from walk import ACCOUNT, STAND_INS

DEFAULTS = {"SolutionPrefix": "htr", "S3BucketName": "pages"}

Environ = Dict[str, Any]


def small_stack(environ: Environ) -> Environ:
    """Return the request to send to moto, changed if it creates a stack from a template in S3."""
    form = "application/x-www-form-urlencoded"
    if not environ.get("CONTENT_TYPE", "").startswith(form):
        return environ
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    asked = {name: values[0] for name, values in parse_qs(body.decode()).items()}
    if asked.get("Action") == "CreateStack" and "TemplateURL" in asked:
        parameters = {
            value: asked.get(f"{name[: -len('ParameterKey')]}ParameterValue", "")
            for name, value in asked.items()
            if name.endswith(".ParameterKey")
        }
        kept = {k: v for k, v in asked.items() if not k.startswith(("TemplateURL", "Parameters."))}
        body = urlencode({**kept, "TemplateBody": json.dumps(_template(parameters))}).encode()
    return {**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}


def _template(parameters: Mapping[str, str]) -> Dict[str, Any]:
    values = {**DEFAULTS, **parameters}
    prefix = values["SolutionPrefix"]
    bucket = f"{prefix}-{values['S3BucketName']}-{ACCOUNT}"
    outputs = {name: value.replace("htr-", f"{prefix}-") for name, value in STAND_INS.items()}
    outputs.update(SolutionPrefix=prefix, S3Bucket=bucket, AwsRegion="us-east-1")
    return {
        "Resources": {
            "Bucket": {
                "Type": "AWS::S3::Bucket",
                "DeletionPolicy": "Retain",
                "Properties": {"BucketName": bucket},
            }
        },
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
