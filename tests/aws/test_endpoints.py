"""Creating and deleting endpoints, with their models and configurations."""

from __future__ import annotations

from dataclasses import replace

import pytest

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
from tests.aws.conftest import IMAGE, MODEL, OLD, ROLE
from tests.aws.front import refusal
from tests.aws.listings import described, names


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


@pytest.mark.parametrize("place", ["s3://pages/models", "s3://pages"])
def test_a_multi_model_endpoint_has_a_prefix(front, aws, place):
    model = ModelConfig(IMAGE, ROLE, place, multi_model=True)
    deploy(EndpointConfig("hands", model), aws)
    (made,) = front.asked("CreateModel")
    assert made["PrimaryContainer"]["Mode"] == "MultiModel"
    assert made["PrimaryContainer"]["ModelDataUrl"] == f"{place}/"


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


def test_an_endpoint_that_is_not_deleted_goes_on_scaling(front, aws, clock):
    deploy(EndpointConfig("hands", MODEL, scaling=Scaling()), aws)
    busy = 'Cannot update in-progress endpoint "hands"'
    front.answers("DeleteEndpoint", refusal("ValidationException", busy))
    with pytest.raises(AwsError, match=busy):
        undeploy("hands", aws)
    assert not front.asked("DeregisterScalableTarget")


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
        (lambda: Rollout("sudden"), "kind must be one of"),
        (lambda: Rollout("canary", 51), "parts of 1 to 50 percent, found 51"),
        (lambda: Rollout("linear", 9), "parts of 10 to 50 percent, found 9"),
        (lambda: Rollout("rolling", 4), "parts of 5 to 50 percent, found 4"),
        (lambda: Rollout("canary", 10, 3601), "can wait 0 to 3600 seconds"),
        (lambda: Serverless(3000), "in steps of 1024; found 3000"),
        (lambda: Serverless(3072, 201), "1 to 200 pages at once"),
        (
            lambda: EndpointConfig("hands", MODEL, serverless=Serverless(), scaling=Scaling()),
            "a serverless endpoint cannot have: scaling",
        ),
        (
            lambda: EndpointConfig("hands", MODEL, serverless=Serverless(), instances=2),
            "cannot have: number of instances; leave it out",
        ),
        (lambda: Vpc(("s",), ()), "one security group"),
    ],
)
def test_what_cannot_work_is_refused_before_it_is_sent(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_who_interrupts_a_deployment_is_told_how_to_delete_the_endpoint(front, aws, clock):
    missing = refusal("ValidationException", "Could not find endpoint")
    front.answers("DescribeEndpoint", missing, described("Creating", OLD))
    lines = []

    def tell(line):
        lines.append(line)
        if line.endswith("Creating"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deploy(EndpointConfig("hands", MODEL), aws, tell)
    assert lines[-1].endswith("then: htr aws undeploy hands")
