from __future__ import annotations

import re

import pytest

from htrlib.aws.storage import write_object
from htrlib.aws.training import (
    METRICS,
    TrainingJobConfig,
    Vpc,
    describe_training,
    start_training,
    stop_training,
    wait_for_training,
)
from htrlib.errors import AwsError, AwsJobError, AwsNotFoundError, ConfigError
from htrlib.training.config import TrainerConfig
from tests.aws.conftest import IMAGE, ROLE
from tests.aws.front import refusal


def config(**changes):
    given = {
        "name": "hands-1",
        "image": IMAGE,
        "role": ROLE,
        "channels": {"train": "s3://pages/labels"},
        "output": "s3://pages/models",
    }
    return TrainingJobConfig(**{**given, **changes})


def described(status, secondary, **more):
    return {
        "TrainingJobName": "hands-1",
        "TrainingJobStatus": status,
        "SecondaryStatus": secondary,
        "ModelArtifacts": {"S3ModelArtifacts": "s3://pages/models/hands-1/output/model.tar.gz"},
        **more,
    }


def test_a_job_is_started_with_all_it_needs_and_ends_with_a_model(front, aws):
    values = {"task": "line-recognition", "epochs": 3, "dropout": None, "learning_rate": 6e-4}
    name = start_training(config(hyperparameters=values, tags={"project": "hands"}), aws)
    (request,) = front.asked("CreateTrainingJob")
    assert request["HyperParameters"] == {
        "task": "line-recognition",
        "epochs": "3",
        "dropout": "none",
        "learning_rate": "0.0006",
    }
    assert "EnableManagedSpotTraining" not in request
    assert "VpcConfig" not in request
    trained = wait_for_training(name, aws)
    assert trained.model_data == "s3://pages/models/hands-1/output/model.tar.gz"
    assert describe_training(name, aws)["RoleArn"] == ROLE


def test_the_trainer_reads_the_hyperparameters_as_they_were_given(front, aws):
    given = TrainerConfig(epochs=3, freeze_batch_statistics=True, augmentation=None, dropout=0.1)
    start_training(config(hyperparameters=given.to_dict()), aws)
    (request,) = front.asked("CreateTrainingJob")
    assert TrainerConfig.from_dict(request["HyperParameters"]) == given


def test_spot_machines_keep_checkpoints_and_wait(front, aws):
    start_training(config(spot=True, seconds=3600, wait_seconds=7200, instances=2), aws)
    (request,) = front.asked("CreateTrainingJob")
    assert request["EnableManagedSpotTraining"] is True
    assert request["CheckpointConfig"] == {
        "S3Uri": "s3://pages/models/hands-1/checkpoints",
        "LocalPath": "/opt/ml/checkpoints",
    }
    assert request["StoppingCondition"] == {
        "MaxRuntimeInSeconds": 3600,
        "MaxWaitTimeInSeconds": 7200,
    }
    assert request["ResourceConfig"]["InstanceCount"] == 2


def test_a_job_can_run_in_a_network_of_its_own(front, aws):
    start_training(config(vpc=Vpc(("subnet-1",), ("sg-1",)), checkpoints="s3://pages/c"), aws)
    (request,) = front.asked("CreateTrainingJob")
    assert request["VpcConfig"] == {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
    assert request["CheckpointConfig"]["S3Uri"] == "s3://pages/c"


def test_a_channel_may_be_a_whole_bucket(front, aws):
    start_training(config(channels={"images": "s3://pages"}), aws)
    (channel,) = front.asked("CreateTrainingJob")[0]["InputDataConfig"]
    assert channel["DataSource"]["S3DataSource"]["S3Uri"] == "s3://pages/"


def test_channels_are_folders_so_that_their_neighbours_are_not_read(front, aws, bucket):
    write_object(b"x", f"{bucket}/init/model.tar.gz", "application/gzip", aws)
    channels = {"train": f"{bucket}/labels", "init": f"{bucket}/init/model.tar.gz"}
    start_training(config(channels=channels), aws)
    (request,) = front.asked("CreateTrainingJob")
    sources = {
        channel["ChannelName"]: channel["DataSource"]["S3DataSource"]["S3Uri"]
        for channel in request["InputDataConfig"]
    }
    assert sources == {"train": f"{bucket}/labels/", "init": f"{bucket}/init/model.tar.gz"}


@pytest.mark.parametrize(
    ("machine", "with_key"),
    [("ml.m5.2xlarge", True), ("ml.m7i-flex.large", True), ("ml.g4dn.xlarge", False)],
)
def test_a_key_encrypts_the_model_and_disks_that_take_one(front, aws, machine, with_key):
    start_training(config(kms_key="arn:key", instance_type=machine), aws)
    (request,) = front.asked("CreateTrainingJob")
    assert request["OutputDataConfig"]["KmsKeyId"] == "arn:key"
    assert ("VolumeKmsKeyId" in request["ResourceConfig"]) is with_key


def test_a_quota_that_is_used_up_is_explained(front, aws):
    message = (
        "The account-level service limit 'ml.m5.2xlarge for spot training job usage' is 0 "
        "Instances, with current utilization of 0 Instances and a request delta of 1 Instances."
    )
    front.answers("CreateTrainingJob", refusal("ResourceLimitExceeded", message))
    with pytest.raises(
        AwsError,
        match=r"'ml\.m5\.2xlarge for spot training job usage' in Service Quotas, Amazon Sage",
    ):
        start_training(config(spot=True), aws)


def test_the_metrics_are_found_in_what_a_training_prints(front, aws):
    start_training(config(), aws)
    (request,) = front.asked("CreateTrainingJob")
    definitions = request["AlgorithmSpecification"]["MetricDefinitions"]
    line = "epoch=3; step=17; minutes=1.5000; train_loss=0.2000; validation_cer=1e-05;"
    found = {
        d["Name"]: match[1] for d in definitions for match in [re.search(d["Regex"], line)] if match
    }
    assert found == {
        "epoch": "3",
        "step": "17",
        "minutes": "1.5000",
        "train_loss": "0.2000",
        "validation_cer": "1e-05",
    }
    assert {d["Name"] for d in definitions} == set(METRICS)


def test_each_change_is_told_once(front, aws):
    cer = {"MetricName": "validation_cer", "Value": 0.0731, "Timestamp": 1}
    front.answers(
        "DescribeTrainingJob",
        described("InProgress", "Starting"),
        described("InProgress", "Starting"),
        described("InProgress", "Training", FinalMetricDataList=[cer]),
        described("Completed", "Completed", FinalMetricDataList=[cer], BillableTimeInSeconds=99),
    )
    lines = []
    trained = wait_for_training("hands-1", aws, lines.append)
    assert lines == [
        "training job hands-1: Starting",
        "training job hands-1: Training validation_cer=0.0731;",
        "training job hands-1: Completed validation_cer=0.0731;",
    ]
    assert trained.metrics == {"validation_cer": 0.0731}
    assert trained.billed_seconds == 99


def test_a_job_that_failed_says_why(front, aws):
    reason = "AlgorithmError: channel 'train' has no manifest, exit code: 1"
    front.answers("DescribeTrainingJob", described("Failed", "Failed", FailureReason=reason))
    with pytest.raises(
        AwsJobError, match="training job hands-1: AlgorithmError: channel"
    ) as caught:
        wait_for_training("hands-1", aws)
    assert caught.value.reason == reason


def test_a_job_that_was_stopped_says_where_its_model_is(front, aws):
    front.answers("DescribeTrainingJob", described("Stopped", "MaxRuntimeExceeded"))
    with pytest.raises(AwsJobError, match=r"stopped .MaxRuntimeExceeded.; .*hands-1/output/model"):
        wait_for_training("hands-1", aws)


def test_a_job_is_stopped(front, aws):
    front.answers("StopTrainingJob", {})
    stop_training("hands-1", aws)
    assert front.asked("StopTrainingJob") == [{"TrainingJobName": "hands-1"}]


def test_a_job_that_is_not_there_is_told(aws):
    with pytest.raises(AwsNotFoundError, match="nowhere is not there"):
        wait_for_training("nowhere", aws)


def test_a_name_that_is_taken_is_told(front, aws):
    front.answers(
        "CreateTrainingJob", refusal("ResourceInUse", "Training job names must be unique")
    )
    with pytest.raises(AwsError, match="hands-1: ResourceInUse: Training job names must be unique"):
        start_training(config(), aws)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "under_score"}, "letters, digits and hyphens"),
        ({"name": "-x"}, "letters, digits and hyphens"),
        ({"name": "x" * 64}, "63 at most"),
        ({"channels": {}}, "at least one channel"),
        ({"instances": 0}, "at least one instance"),
    ],
)
def test_what_cannot_work_is_refused_before_it_is_sent(changes, message):
    with pytest.raises(ConfigError, match=message):
        config(**changes)
