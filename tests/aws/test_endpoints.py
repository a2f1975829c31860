from __future__ import annotations

import pytest

from htrlib.aws import endpoints
from htrlib.aws.endpoints import (
    DataCapture,
    EndpointConfig,
    ModelConfig,
    Rollout,
    Scaling,
    deploy,
    model_of,
    undeploy,
)
from htrlib.aws.training import Vpc
from htrlib.errors import AwsError, AwsJobError, AwsNotFoundError, ConfigError
from tests.aws.conftest import IMAGE, ROLE
from tests.aws.front import answer, refusal

MODEL = ModelConfig(IMAGE, ROLE, "s3://pages/models/1/model.tar.gz", environment={"A": "1"})
BETTER = ModelConfig(IMAGE, ROLE, "s3://pages/models/2/model.tar.gz")
OLD, NEW = "hands-20260101-000000", "hands-20260102-000000"


@pytest.fixture
def clock(monkeypatch):
    """It is the moment of the old model."""
    monkeypatch.setattr(endpoints, "stamped", lambda _: OLD)


@pytest.fixture
def deployed(aws, monkeypatch):
    """An endpoint that serves."""
    monkeypatch.setattr(endpoints, "stamped", lambda _: OLD)
    deploy(EndpointConfig("hands", MODEL), aws)
    monkeypatch.setattr(endpoints, "stamped", lambda _: NEW)


def described(status, configuration, reason=None):
    more = {} if reason is None else {"FailureReason": reason}
    return answer(
        {
            "EndpointName": "hands",
            "EndpointArn": "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/hands",
            "EndpointConfigName": configuration,
            "EndpointStatus": status,
            "CreationTime": 1,
            "LastModifiedTime": 1,
            **more,
        }
    )


def names(aws, what):
    listed = aws.call("sagemaker", f"list_{what}")
    (entries,) = (value for key, value in listed.items() if isinstance(value, list))
    return [entry[key] for entry in entries for key in entry if key.endswith("Name")]


def test_a_new_endpoint_is_made_of_a_model_and_a_configuration(front, aws, clock):
    lines = []
    config = EndpointConfig(
        "hands",
        MODEL,
        instance_type="ml.m5.large",
        instances=2,
        capture=DataCapture("s3://pages/captured/", 20),
        tags={"project": "hands"},
    )
    assert deploy(config, aws, lines.append) == OLD
    assert lines == ["endpoint hands: InService"]
    (model,) = front.asked("CreateModel")
    assert model["PrimaryContainer"] == {
        "Image": IMAGE,
        "ModelDataUrl": "s3://pages/models/1/model.tar.gz",
        "Environment": {"A": "1"},
    }
    assert model["ExecutionRoleArn"] == ROLE
    (made,) = front.asked("CreateEndpointConfig")
    (variant,) = made["ProductionVariants"]
    assert variant["InstanceType"] == "ml.m5.large"
    assert variant["InitialInstanceCount"] == 2
    assert made["DataCaptureConfig"]["DestinationS3Uri"] == "s3://pages/captured"
    assert made["DataCaptureConfig"]["InitialSamplingPercentage"] == 20
    assert made["Tags"] == [{"Key": "project", "Value": "hands"}]
    assert model_of("hands", aws) == OLD


def test_the_bundle_in_the_image_needs_no_archive(front, aws):
    deploy(EndpointConfig("hands", ModelConfig(IMAGE, ROLE, vpc=Vpc(("s",), ("g",)))), aws)
    (model,) = front.asked("CreateModel")
    assert "ModelDataUrl" not in model["PrimaryContainer"]
    assert model["VpcConfig"] == {"Subnets": ["s"], "SecurityGroupIds": ["g"]}


def test_a_multi_model_endpoint_has_a_prefix(front, aws):
    model = ModelConfig(IMAGE, ROLE, "s3://pages/models", multi_model=True)
    deploy(EndpointConfig("hands", model), aws)
    (made,) = front.asked("CreateModel")
    assert made["PrimaryContainer"]["Mode"] == "MultiModel"
    assert made["PrimaryContainer"]["ModelDataUrl"] == "s3://pages/models/"


def test_an_update_serves_the_old_model_until_the_new_answers(front, aws, deployed):
    front.answers("UpdateEndpoint", {"EndpointArn": "arn:aws:sagemaker:eu-west-1:1:endpoint/hands"})
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
    assert "RetainAllVariantProperties" not in update
    # what is used no more is gone, and only after the new model answers
    assert (names(aws, "models"), names(aws, "endpoint_configs")) == ([NEW], [NEW])
    order = [request.operation for request in front.requests]
    assert order.index("DeleteEndpointConfig") > len(order) - order[::-1].index("DescribeEndpoint")


def test_an_update_that_fails_leaves_the_old_model_and_says_why(front, aws, deployed):
    front.answers("UpdateEndpoint", {"EndpointArn": "arn:aws:sagemaker:eu-west-1:1:endpoint/hands"})
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


def test_an_update_that_is_refused_leaves_nothing_behind(front, aws, deployed):
    front.answers("UpdateEndpoint", refusal("ResourceLimitExceeded", "0 ml.m5.xlarge are yours"))
    with pytest.raises(AwsError, match=r"ResourceLimitExceeded: 0 ml\.m5\.xlarge are yours"):
        deploy(EndpointConfig("hands", BETTER), aws)
    assert (names(aws, "models"), names(aws, "endpoint_configs")) == ([OLD], [OLD])


def test_an_update_that_cannot_be_followed_goes_on(front, aws, deployed):
    front.answers("UpdateEndpoint", {"EndpointArn": "arn:aws:sagemaker:eu-west-1:1:endpoint/hands"})
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


def test_an_endpoint_that_never_came_up_is_taken_back(front, aws, clock):
    reason = "The image does not exist"
    front.answers(
        "DescribeEndpoint",
        refusal("ValidationException", 'Could not find endpoint "hands".'),
        described("Creating", OLD),
        described("Failed", OLD, reason),
    )
    with pytest.raises(AwsJobError, match=f"endpoint hands: Failed: {reason}"):
        deploy(EndpointConfig("hands", MODEL), aws)
    assert front.asked("DeleteEndpoint") == [{"EndpointName": "hands"}]
    assert (names(aws, "models"), names(aws, "endpoint_configs")) == ([], [])


def test_an_endpoint_that_is_being_changed_is_left_alone(front, aws):
    front.answers("DescribeEndpoint", described("Updating", OLD))
    with pytest.raises(AwsError, match="endpoint hands is Updating; wait until"):
        deploy(EndpointConfig("hands", MODEL), aws)
    assert not front.asked("CreateModel")


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
    front.answers("UpdateEndpoint", {"EndpointArn": "arn:aws:sagemaker:eu-west-1:1:endpoint/hands"})
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
    front.answers("UpdateEndpoint", {"EndpointArn": "arn:aws:sagemaker:eu-west-1:1:endpoint/hands"})
    front.answers("DescribeEndpoint", described("InService", OLD), described("InService", NEW))
    deploy(EndpointConfig("hands", BETTER, rollout=rollout), aws)
    assert front.asked("UpdateEndpoint")[0]["DeploymentConfig"] == expected


def test_scaling_is_set_and_keeps_the_number_of_machines(front, aws, deployed):
    front.answers("UpdateEndpoint", {"EndpointArn": "arn:aws:sagemaker:eu-west-1:1:endpoint/hands"})
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


def test_all_that_belongs_to_an_endpoint_goes_with_it(aws, clock):
    deploy(EndpointConfig("hands", MODEL, scaling=Scaling()), aws)
    undeploy("hands", aws)
    for what in ("endpoints", "endpoint_configs", "models"):
        assert names(aws, what) == []
    targets = aws.items(
        "application-autoscaling",
        "describe_scalable_targets",
        "ScalableTargets",
        ServiceNamespace="sagemaker",
    )
    assert targets == ()


def test_an_endpoint_without_scaling_goes_too(aws, clock):
    deploy(EndpointConfig("hands", MODEL), aws)
    undeploy("hands", aws)
    assert names(aws, "endpoints") == []
    with pytest.raises(AwsNotFoundError, match="hands is not there"):
        undeploy("hands", aws)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EndpointConfig("x" * 48, MODEL), "47 at most"),
        (lambda: EndpointConfig("hands", MODEL, instances=0), "at least one machine"),
        (lambda: ModelConfig(IMAGE, ROLE, multi_model=True), "an S3 prefix of archives"),
        (lambda: Scaling(0, 2), "from 1 or more machines up, found 0 to 2"),
        (lambda: Scaling(3, 2), "found 3 to 2"),
        (lambda: Rollout("sudden"), "kind is one of"),
    ],
)
def test_what_cannot_work_is_refused_before_it_is_sent(make, message):
    with pytest.raises(ConfigError, match=message):
        make()
