"""Updating a running endpoint: the old model serves until the new one answers."""

from __future__ import annotations

import pytest

from htrlib.aws.endpoints import EndpointConfig, Rollout, Scaling, Serverless, deploy
from htrlib.errors import AwsError, AwsJobError, ConfigError
from tests.aws.conftest import BETTER, IMAGE, NEW, OLD, ROLE
from tests.aws.front import refusal
from tests.aws.listings import described, names

UPDATED = {"EndpointArn": "arn:aws:sagemaker:eu-west-1:1:endpoint/hands"}


def test_an_update_serves_the_old_model_until_the_new_answers(front, aws, deployed):
    front.answers("UpdateEndpoint", UPDATED)
    front.answers(
        "DescribeEndpoint",
        described("InService", OLD),
        described("Updating", OLD),
        described("InService", NEW),
    )
    lines = []
    assert deploy(EndpointConfig("hands", BETTER), aws, lines.append) == NEW
    assert lines == ["endpoint hands: Updating", "endpoint hands: InService"]
    (update,) = front.asked("UpdateEndpoint")
    assert update["EndpointConfigName"] == NEW
    routing = update["DeploymentConfig"]["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert routing["Type"] == "ALL_AT_ONCE"
    assert update["RetainAllVariantProperties"] is True, "scaling has the number of machines"
    # what is used no more is gone, and only after the new model answers
    assert (names(aws, "models"), names(aws, "endpoint_configs")) == ([NEW], [NEW])
    order = [request.operation for request in front.requests]
    assert order.index("DeleteEndpointConfig") > len(order) - order[::-1].index("DescribeEndpoint")


def test_a_new_model_serves_though_its_scaling_is_refused(front, aws, deployed):
    front.answers("UpdateEndpoint", UPDATED)
    front.answers("DescribeEndpoint", described("InService", OLD), described("InService", NEW))
    front.answers("RegisterScalableTarget", refusal("AccessDeniedException", "no"))
    expected = "endpoint hands serves the new model, but its autoscaling is not set: no permission"
    with pytest.raises(AwsError, match=expected):
        deploy(EndpointConfig("hands", BETTER, scaling=Scaling()), aws)
    assert (names(aws, "models"), names(aws, "endpoint_configs")) == ([NEW], [NEW])


def test_an_update_that_fails_leaves_the_old_model_and_says_why(front, aws, deployed):
    front.answers("UpdateEndpoint", UPDATED)
    reason = "The primary container did not pass the ping health check"
    front.answers(
        "DescribeEndpoint",
        described("InService", OLD),
        described("RollingBack", OLD),
        described("InService", OLD, reason),
    )
    with pytest.raises(AwsJobError, match=f"{reason}.; the old one serves as before"):
        deploy(EndpointConfig("hands", BETTER), aws)
    assert (names(aws, "models"), names(aws, "endpoint_configs")) == ([OLD], [OLD])
    assert not front.asked("DeleteEndpoint")


@pytest.mark.parametrize("status", ["Updating", "RollingBack"])
def test_an_update_that_is_rolled_back_without_a_reason_has_failed(front, aws, deployed, status):
    front.answers("UpdateEndpoint", UPDATED)
    front.answers(
        "DescribeEndpoint",
        *[described("InService", OLD)] * 3,  # the update has not begun
        described(status, OLD),
        described("InService", OLD),
        refusal("ValidationException", "it is asked again"),
    )
    with pytest.raises(AwsJobError, match=r"no reason was told\); the old one serves as before"):
        deploy(EndpointConfig("hands", BETTER), aws)


def test_why_an_earlier_update_failed_is_not_taken_for_the_result_of_this_one(front, aws, deployed):
    front.answers("UpdateEndpoint", UPDATED)
    stale = described("InService", OLD, "The earlier model did not start")
    front.answers(
        "DescribeEndpoint",
        *[stale] * 3,  # the update has not begun
        described("Updating", OLD, "The earlier model did not start"),
        described("InService", NEW, "The earlier model did not start"),
    )
    assert deploy(EndpointConfig("hands", BETTER), aws) == NEW


def test_an_update_that_fails_for_the_same_reason_as_the_one_before_has_failed(
    front, aws, deployed
):
    front.answers("UpdateEndpoint", UPDATED)
    front.answers(
        "DescribeEndpoint",
        *[described("InService", OLD, "It did not start", changed=1)] * 2,
        described("InService", OLD, "It did not start", changed=2),
        refusal("ValidationException", "it is asked again"),
    )
    with pytest.raises(AwsJobError, match=r"come up \(It did not start\)"):
        deploy(EndpointConfig("hands", BETTER), aws)


def test_an_update_that_is_refused_leaves_nothing_behind(front, aws, deployed):
    front.answers("UpdateEndpoint", refusal("ResourceLimitExceeded", "0 ml.m5.xlarge are yours"))
    with pytest.raises(AwsError, match=r"ResourceLimitExceeded: 0 ml\.m5\.xlarge are yours"):
        deploy(EndpointConfig("hands", BETTER), aws)
    assert (names(aws, "models"), names(aws, "endpoint_configs")) == ([OLD], [OLD])


def test_an_update_that_cannot_be_followed_goes_on(front, aws, deployed):
    front.answers("UpdateEndpoint", UPDATED)
    front.answers(
        "DescribeEndpoint",
        described("InService", OLD),
        described("Updating", OLD),
        refusal("ExpiredTokenException", "The security token is expired"),
    )
    with pytest.raises(AwsError, match="does not take the credentials"):
        deploy(EndpointConfig("hands", BETTER), aws)
    assert set(names(aws, "models")) == set(names(aws, "endpoint_configs")) == {OLD, NEW}


def test_why_it_failed_is_told_even_if_nothing_can_be_taken_back(front, aws, deployed):
    front.answers("UpdateEndpoint", refusal("ResourceLimitExceeded", "no machines"))
    front.answers("DeleteModel", refusal("AccessDeniedException", "no"))
    with pytest.raises(AwsError, match="ResourceLimitExceeded: no machines"):
        deploy(EndpointConfig("hands", BETTER), aws)


def test_configurations_that_others_made_are_left_alone(front, aws, deployed):
    theirs = "hands-of-anna"
    aws.call(
        "sagemaker",
        "create_model",
        ModelName=theirs,
        ExecutionRoleArn=ROLE,
        PrimaryContainer={"Image": IMAGE},
    )
    variant = {
        "VariantName": "v",
        "ModelName": theirs,
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
    }
    aws.call(
        "sagemaker",
        "create_endpoint_config",
        EndpointConfigName=theirs,
        ProductionVariants=[variant],
    )
    front.answers("UpdateEndpoint", UPDATED)
    front.answers("DescribeEndpoint", described("InService", theirs), described("InService", NEW))
    deploy(EndpointConfig("hands", BETTER), aws)
    assert theirs in names(aws, "models")
    assert theirs in names(aws, "endpoint_configs")


@pytest.mark.parametrize(
    ("rollout", "expected"),
    [
        (
            Rollout("canary", 10, 60, alarms=("errors",)),
            {
                "BlueGreenUpdatePolicy": {
                    "TrafficRoutingConfiguration": {
                        "Type": "CANARY",
                        "WaitIntervalInSeconds": 60,
                        "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 10},
                    }
                },
                "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]},
            },
        ),
        (
            Rollout("linear", 25, 120),
            {
                "BlueGreenUpdatePolicy": {
                    "TrafficRoutingConfiguration": {
                        "Type": "LINEAR",
                        "WaitIntervalInSeconds": 120,
                        "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 25},
                    }
                }
            },
        ),
        (
            Rollout("rolling", 30, 10),
            {
                "RollingUpdatePolicy": {
                    "MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 30},
                    "WaitIntervalInSeconds": 10,
                }
            },
        ),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_requests_go_over_as_asked(front, aws, deployed, rollout, expected):
    front.answers("UpdateEndpoint", UPDATED)
    front.answers("DescribeEndpoint", described("InService", OLD), described("InService", NEW))
    deploy(EndpointConfig("hands", BETTER, rollout=rollout), aws)
    assert front.asked("UpdateEndpoint")[0]["DeploymentConfig"] == expected


@pytest.mark.parametrize(
    ("given", "kept"),
    [({}, True), ({"instances": 3}, False), ({"instances": 3, "scaling": Scaling(3, 5)}, True)],
)
def test_an_update_keeps_the_number_of_machines_unless_one_is_given(
    front, aws, deployed, given, kept
):
    front.answers("UpdateEndpoint", UPDATED)
    front.answers("DescribeEndpoint", described("InService", OLD), described("InService", NEW))
    deploy(EndpointConfig("hands", BETTER, **given), aws)
    (update,) = front.asked("UpdateEndpoint")
    assert ("RetainAllVariantProperties" in update) is kept


def test_parts_of_an_endpoint_need_two_machines(front, aws, deployed):
    front.answers("DescribeEndpoint", described("InService", OLD, DesiredInstanceCount=1))
    with pytest.raises(ConfigError, match="goes machine by machine, and the endpoint has 1"):
        deploy(EndpointConfig("hands", BETTER, rollout=Rollout("canary")), aws)
    assert len(front.asked("CreateModel")) == 1, "nothing is made for it"


def test_machines_do_not_become_serverless(front, aws, deployed):
    front.answers("DescribeEndpoint", described("InService", OLD, CurrentInstanceCount=1))
    with pytest.raises(ConfigError, match="SageMaker cannot make it serverless"):
        deploy(EndpointConfig("hands", BETTER, serverless=Serverless()), aws)


def test_a_serverless_endpoint_goes_over_all_at_once(front, aws, deployed):
    front.answers("UpdateEndpoint", UPDATED)
    old = described("InService", OLD, CurrentServerlessConfig={"MemorySizeInMB": 3072})
    front.answers("DescribeEndpoint", old, described("InService", NEW))
    deploy(EndpointConfig("hands", BETTER, serverless=Serverless()), aws)
    (update,) = front.asked("UpdateEndpoint")
    assert set(update) == {"EndpointName", "EndpointConfigName"}


def test_scaling_is_set_and_keeps_the_number_of_machines(front, aws, deployed):
    front.answers("UpdateEndpoint", UPDATED)
    scaled = EndpointConfig("hands", BETTER, scaling=Scaling(2, 5, 30.0))
    front.answers("DescribeEndpoint", described("InService", OLD), described("InService", NEW))
    deploy(scaled, aws)
    (update,) = front.asked("UpdateEndpoint")
    assert update["RetainAllVariantProperties"] is True
    kept = {entry["VariantPropertyType"] for entry in update["ExcludeRetainedVariantProperties"]}
    assert kept == {"DesiredWeight", "DataCaptureConfig"}
    (target,) = aws.items(
        "application-autoscaling",
        "describe_scalable_targets",
        "ScalableTargets",
        ServiceNamespace="sagemaker",
    )
    assert target["ResourceId"] == "endpoint/hands/variant/AllTraffic"
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 5)
    (policy,) = aws.items(
        "application-autoscaling",
        "describe_scaling_policies",
        "ScalingPolicies",
        ServiceNamespace="sagemaker",
    )
    assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 30.0
