"""SageMaker's description of an endpoint, and the names of what an account holds."""

from __future__ import annotations

from tests.aws.front import answer


def described(status, configuration, reason=None, changed=1, **variant):
    more = {} if reason is None else {"FailureReason": reason}
    return answer(
        {
            "EndpointName": "hands",
            "EndpointArn": "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/hands",
            "EndpointConfigName": configuration,
            "EndpointStatus": status,
            "CreationTime": 1,
            "LastModifiedTime": changed,
            **(
                {"ProductionVariants": [{"VariantName": "AllTraffic", **variant}]}
                if variant
                else {}
            ),
            **more,
        }
    )


def names(aws, what):
    listed = aws.call("sagemaker", f"list_{what}")
    (entries,) = (value for key, value in listed.items() if isinstance(value, list))
    return [entry[key] for entry in entries for key in entry if key.endswith("Name")]
