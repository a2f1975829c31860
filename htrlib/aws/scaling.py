"""Autoscaling of endpoints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict

from htrlib.aws.session import Aws
from htrlib.errors import ConfigError

VARIANT = "AllTraffic"

_DIMENSION = "sagemaker:variant:DesiredInstanceCount"
_BACKLOG = 5.0  # waiting pages per machine before another machine is added
_IDLE_SECONDS, _COOL_SECONDS = 600, 300


@dataclass(frozen=True)
class Scaling:
    """Autoscaling of endpoints.

    Attributes:
        least, most: limits on the number of machines; 0 is possible for endpoints with a queue.
        pages_per_minute: pages per machine above which machines are added. Endpoints with a queue
            scale by the number of waiting pages instead.
    """

    least: int = 1
    most: int = 4
    pages_per_minute: float = 20.0

    def __post_init__(self) -> None:
        if not 0 <= self.least <= self.most or self.most < 1:
            raise ConfigError(
                f"scaling goes from 0 or more machines up, found {self.least} to {self.most}"
            )


def set_scaling(endpoint: str, scaling: Scaling, queue: bool, aws: Aws) -> None:
    """Set the autoscaling of an endpoint.

    Args:
        queue: whether it is an asynchronous endpoint, which also starts machines from none.
    Raises:
        AwsError: see `Aws.call`.
    """
    aws.call(
        "application-autoscaling",
        "register_scalable_target",
        **_target(endpoint),
        MinCapacity=scaling.least,
        MaxCapacity=scaling.most,
    )
    _put_policy(
        endpoint,
        f"{endpoint}-pages",
        "TargetTrackingScaling",
        _by_backlog(endpoint) if queue else _by_requests(scaling),
        aws,
    )
    if queue and scaling.least == 0:
        _start_from_none(endpoint, aws)


def remove_scaling(endpoint: str, aws: Aws) -> None:
    """Remove the scaling of an endpoint, if any. Raises like `Aws.call`."""
    gone = aws.find("application-autoscaling", "deregister_scalable_target", **_target(endpoint))
    if gone is not None:
        aws.call("cloudwatch", "delete_alarms", AlarmNames=[_alarm(endpoint)])


def _by_requests(scaling: Scaling) -> Dict[str, Any]:
    metric = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
    return {
        "TargetValue": scaling.pages_per_minute,
        "PredefinedMetricSpecification": metric,
    }


def _by_backlog(endpoint: str) -> Dict[str, Any]:
    return {
        "TargetValue": _BACKLOG,
        "CustomizedMetricSpecification": {
            "MetricName": "ApproximateBacklogSizePerInstance",
            "Namespace": "AWS/SageMaker",
            "Dimensions": [{"Name": "EndpointName", "Value": endpoint}],
            "Statistic": "Average",
        },
        "ScaleInCooldown": _IDLE_SECONDS,
        "ScaleOutCooldown": _COOL_SECONDS,
    }


def _start_from_none(endpoint: str, aws: Aws) -> None:
    """Start the first machine as soon as a page waits."""
    policy = _put_policy(
        endpoint,
        f"{endpoint}-first",
        "StepScaling",
        {
            "AdjustmentType": "ChangeInCapacity",
            "MetricAggregationType": "Average",
            "Cooldown": _COOL_SECONDS,
            "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
        },
        aws,
    )
    aws.call(
        "cloudwatch",
        "put_metric_alarm",
        AlarmName=_alarm(endpoint),
        AlarmDescription=f"something waits for {endpoint}, which has no machine",
        Namespace="AWS/SageMaker",
        MetricName="HasBacklogWithoutCapacity",
        Dimensions=[{"Name": "EndpointName", "Value": endpoint}],
        Statistic="Average",
        Period=60,
        EvaluationPeriods=2,
        DatapointsToAlarm=2,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="missing",
        AlarmActions=[policy],
    )


def _put_policy(
    endpoint: str, name: str, kind: str, configuration: Dict[str, Any], aws: Aws
) -> str:
    """Set a scaling policy and give its ARN; `kind` is "TargetTrackingScaling" or "StepScaling"."""
    answer = aws.call(
        "application-autoscaling",
        "put_scaling_policy",
        **_target(endpoint),
        PolicyName=name,
        PolicyType=kind,
        **{f"{kind}PolicyConfiguration": configuration},
    )
    return str(answer.get("PolicyARN", ""))


def _alarm(endpoint: str) -> str:
    return f"{endpoint}-waits"


def _target(endpoint: str) -> Dict[str, str]:
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{endpoint}/variant/{VARIANT}",
        "ScalableDimension": _DIMENSION,
    }
