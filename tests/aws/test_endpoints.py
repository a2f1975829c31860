from __future__ import annotations

from dataclasses import replace

import pytest

from htrlib.aws import endpoints
from htrlib.aws.endpoints import (
    DataCapture,
    EndpointConfig,
    ModelConfig,
    Queue,
    Rollout,
    Scaling,
    Serverless,
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


def described(status, configuration, reason=None, **variant):
    more = {} if reason is None else {"FailureReason": reason}
    return answer(
        {
            "EndpointName": "hands",
            "EndpointArn": "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/hands",
            "EndpointConfigName": configuration,
            "EndpointStatus": status,
            "CreationTime": 1,
            "LastModifiedTime": 1,
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
    assert update["RetainAllVariantProperties"] is True, "scaling has the number of machines"
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


UPDATED = {"EndpointArn": "arn:aws:sagemaker:eu-west-1:1:endpoint/hands"}


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


def test_a_serverless_endpoint_has_memory_in_place_of_machines(front, aws, clock):
    config = EndpointConfig("hands", MODEL, serverless=Serverless(2048, 7), kms_key="arn:key")
    deploy(config, aws)
    (made,) = front.asked("CreateEndpointConfig")
    assert made["ProductionVariants"] == [
        {
            "VariantName": "AllTraffic",
            "ModelName": OLD,
            "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 7},
        }
    ]
    assert "KmsKeyId" not in made
    assert front.asked("CreateModel")[0]["EnableNetworkIsolation"] is False


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


def test_a_container_behind_a_queue_takes_larger_pictures_and_more_time(front, aws):
    limits = {
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": "100",
        "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS": "900",
    }
    deploy(EndpointConfig("hands", MODEL, queue=Queue("s3://pages/queue")), aws)
    own = {"SAGEMAKER_MAX_PAYLOAD_IN_MB": "500"}
    model = replace(MODEL, environment=own)
    deploy(EndpointConfig("others", model, queue=Queue("s3://pages/queue")), aws)
    first, second = (m["PrimaryContainer"]["Environment"] for m in front.asked("CreateModel"))
    assert (first, second) == ({**limits, "A": "1"}, {**limits, **own})


def test_an_endpoint_with_a_queue_starts_machines_from_none_and_forgets_that(front, aws, clock):
    config = EndpointConfig(
        "hands", MODEL, queue=Queue("s3://pages/queue/"), scaling=Scaling(0, 3), kms_key="arn:key"
    )
    deploy(config, aws)
    (made,) = front.asked("CreateEndpointConfig")
    assert made["AsyncInferenceConfig"] == {
        "OutputConfig": {
            "S3OutputPath": "s3://pages/queue/answers",
            "S3FailurePath": "s3://pages/queue/failures",
            "KmsKeyId": "arn:key",
        },
        "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 4},
    }
    assert made["KmsKeyId"] == "arn:key"
    policies = aws.items(
        "application-autoscaling",
        "describe_scaling_policies",
        "ScalingPolicies",
        ServiceNamespace="sagemaker",
    )
    by_kind = {policy["PolicyType"]: policy for policy in policies}
    metric = by_kind["TargetTrackingScaling"]["TargetTrackingScalingPolicyConfiguration"]
    assert metric["CustomizedMetricSpecification"]["MetricName"] == (
        "ApproximateBacklogSizePerInstance"
    )
    alarms = [
        a
        for a in aws.items("cloudwatch", "describe_alarms", "MetricAlarms")
        if a["AlarmName"] == "hands-waits"
    ]
    assert alarms[0]["MetricName"] == "HasBacklogWithoutCapacity"
    assert alarms[0]["AlarmActions"] == [by_kind["StepScaling"]["PolicyARN"]]
    undeploy("hands", aws)
    left = aws.items("cloudwatch", "describe_alarms", "MetricAlarms")
    assert "hands-waits" not in [alarm["AlarmName"] for alarm in left]


@pytest.mark.parametrize(
    ("environment", "isolated"),
    [({}, True), ({"HTRLIB_ALLOW_CODE": "1"}, False), ({"HTRLIB_ALLOW_S3": "1"}, False)],
)
def test_a_container_reaches_no_network_unless_it_may_need_one(
    front, aws, clock, environment, isolated
):
    deploy(EndpointConfig("hands", ModelConfig(IMAGE, ROLE, environment=environment)), aws)
    assert front.asked("CreateModel")[0]["EnableNetworkIsolation"] is isolated


def test_a_key_encrypts_disks_and_captures(front, aws, clock):
    capture = DataCapture("s3://pages/captures")
    deploy(EndpointConfig("hands", MODEL, capture=capture, kms_key="arn:key"), aws)
    (made,) = front.asked("CreateEndpointConfig")
    assert made["KmsKeyId"] == made["DataCaptureConfig"]["KmsKeyId"] == "arn:key"


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
        (lambda: Scaling(-1, 2), "from 0 or more machines up, found -1 to 2"),
        (lambda: Scaling(3, 2), "found 3 to 2"),
        (lambda: EndpointConfig("hands", MODEL, scaling=Scaling(0, 2)), "without a queue scales"),
        (lambda: Rollout("sudden"), "kind is one of"),
        (lambda: Rollout("canary", 51), "parts of 1 to 50 percent, found 51"),
        (lambda: Rollout("linear", 9), "parts of 10 to 50 percent, found 9"),
        (lambda: Rollout("rolling", 4), "parts of 5 to 50 percent, found 4"),
        (lambda: Rollout("canary", 10, 3601), "waits 0 to 3600 seconds"),
        (lambda: Serverless(3000), "in steps of 1024; found 3000"),
        (lambda: Serverless(3072, 201), "1 to 200 pages at once"),
        (
            lambda: EndpointConfig("hands", MODEL, serverless=Serverless(), scaling=Scaling()),
            "a serverless endpoint has no scaling",
        ),
        (
            lambda: EndpointConfig("hands", MODEL, serverless=Serverless(), instances=2),
            "no a number of instances",
        ),
        (lambda: Vpc(("s",), ()), "one security group"),
    ],
)
def test_what_cannot_work_is_refused_before_it_is_sent(make, message):
    with pytest.raises(ConfigError, match=message):
        make()
