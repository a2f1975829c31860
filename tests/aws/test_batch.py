from __future__ import annotations

from dataclasses import replace

import pytest

from htrlib.aws.batch import (
    BatchJobConfig,
    fetch_results,
    start_batch,
    stop_batch,
    wait_for_batch,
)
from htrlib.aws.sagemaker_models import ModelConfig, copy_model, register_model
from htrlib.aws.storage import write_object
from htrlib.document.geometry import Size
from htrlib.document.results import DocumentResult, PageResult
from htrlib.errors import AwsError, AwsJobError, AwsNotFoundError
from htrlib.formats.json_format import to_json
from tests.aws.conftest import IMAGE, ROLE

CONFIG = BatchJobConfig("corpus-1", "hands", "s3://pages/in", "s3://pages/out", instances=4)


def described(status, **more):
    return {
        "TransformJobName": "corpus-1",
        "TransformJobStatus": status,
        "TransformOutput": {"S3OutputPath": "s3://pages/out"},
        **more,
    }


def test_a_prefix_is_read_by_several_machines(front, aws):
    register_model("hands", ModelConfig(IMAGE, ROLE), aws=aws)
    assert wait_for_batch(start_batch(CONFIG, aws), aws) == "s3://pages/out"
    (request,) = front.asked("CreateTransformJob")
    assert request["ModelName"] == "hands"
    assert request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"] == "s3://pages/in/"
    assert request["TransformResources"] == {"InstanceType": "ml.m5.xlarge", "InstanceCount": 4}
    assert request["TransformOutput"]["Accept"] == "application/json"


def test_a_whole_bucket_is_read(front, aws):
    register_model("hands", ModelConfig(IMAGE, ROLE), aws=aws)
    start_batch(replace(CONFIG, input="s3://pages"), aws)
    (request,) = front.asked("CreateTransformJob")
    assert request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"] == "s3://pages/"


def test_pages_are_read_with_another_role_than_the_endpoint_s(front, aws):
    register_model("hands", ModelConfig(IMAGE, ROLE, "s3://pages/m.tar.gz"), aws=aws)
    other = f"{ROLE}-jobs"
    assert copy_model("corpus-1", "hands", other, {"htrlib": "x"}, aws) == "corpus-1"
    (first, second) = front.asked("CreateModel")
    assert second["PrimaryContainer"] == first["PrimaryContainer"]
    assert (second["ExecutionRoleArn"], second["Tags"]) == (
        other,
        [{"Key": "htrlib", "Value": "x"}],
    )
    with pytest.raises(AwsNotFoundError, match="there is no model 'nothing'"):
        copy_model("corpus-2", "nothing", other, aws=aws)


ARCHIVE = {"S3Uri": "s3://pages/m/", "S3DataType": "S3Prefix", "CompressionType": "None"}
SOURCE = {"S3DataSource": ARCHIVE}


@pytest.mark.parametrize(
    ("found", "copied"),
    [
        ({"Image": IMAGE, "ModelDataSource": SOURCE},) * 2,
        ({"ModelPackageName": "hands", "InferenceSpecificationName": "first"},) * 2,
        (
            {"Image": IMAGE, "ModelDataUrl": "s3://pages/m.tar.gz", "ModelDataSource": SOURCE},
            {"Image": IMAGE, "ModelDataUrl": "s3://pages/m.tar.gz"},
        ),
    ],
    ids=["files", "package", "archive"],
)
def test_a_copy_reads_with_the_networks_of_the_model(front, aws, found, copied):
    front.answers("DescribeModel", {"ModelName": "hands", "PrimaryContainer": found})
    front.answers("CreateModel", {"ModelArn": "arn:aws:sagemaker:eu-west-1:1:model/copy"})
    copy_model("copy", "hands", ROLE, aws=aws)
    assert front.asked("CreateModel")[0]["PrimaryContainer"] == copied


def test_a_pipeline_of_containers_is_not_copied_and_named(front, aws):
    front.answers("DescribeModel", {"ModelName": "hands", "Containers": [{"Image": IMAGE}]})
    with pytest.raises(AwsError, match="model hands is a pipeline of containers"):
        copy_model("copy", "hands", ROLE, aws=aws)


def test_a_key_encrypts_disks_and_results(front, aws):
    register_model("hands", ModelConfig(IMAGE, ROLE), aws=aws)
    start_batch(replace(CONFIG, kms_key="arn:key"), aws)
    (request,) = front.asked("CreateTransformJob")
    assert request["TransformResources"]["VolumeKmsKeyId"] == "arn:key"
    assert request["TransformOutput"]["KmsKeyId"] == "arn:key"


def test_machines_with_disks_of_their_own_take_no_key_for_them(front, aws):
    register_model("hands", ModelConfig(IMAGE, ROLE), aws=aws)
    start_batch(replace(CONFIG, kms_key="arn:key", instance_type="ml.g5.xlarge"), aws)
    (request,) = front.asked("CreateTransformJob")
    assert "VolumeKmsKeyId" not in request["TransformResources"]
    assert request["TransformOutput"]["KmsKeyId"] == "arn:key"


def test_the_results_are_those_of_the_library(aws, bucket, tmp_path):
    page, document = PageResult(Size(3, 4)), DocumentResult((PageResult(Size(1, 2)),))
    for name, result in (("1.png", page), ("box/2 ü.tiff", document)):
        data = to_json(result).encode()
        write_object(data, f"{bucket}/out/{name}.out", "application/json", aws)
    results = fetch_results(f"{bucket}/out", tmp_path, aws)
    assert results == {"1.png": page, "box/2 ü.tiff": document}


def test_a_file_that_is_no_result_is_told(aws, bucket, tmp_path):
    write_object(b'{"code": 400}', f"{bucket}/out/1.png.out", "application/json", aws)
    with pytest.raises(AwsError, match=r"1\.png\.out is not a result of htrlib"):
        fetch_results(f"{bucket}/out", tmp_path, aws)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (described("Failed", FailureReason="Bad HTTP status"), "failed: Bad HTTP status; what was"),
        (described("Stopped"), "stopped: no reason was told; .* is at s3://pages/out"),
    ],
)
def test_a_job_that_did_not_end_well_says_why(front, aws, answer, message):
    front.answers("DescribeTransformJob", described("InProgress"), answer)
    with pytest.raises(AwsJobError, match=message):
        wait_for_batch("corpus-1", aws)


def test_a_job_is_stopped(front, aws):
    front.answers("StopTransformJob", {})
    stop_batch("corpus-1", aws)
    assert front.asked("StopTransformJob") == [{"TransformJobName": "corpus-1"}]


def test_a_job_that_is_not_there_is_told(aws):
    with pytest.raises(AwsNotFoundError, match="nowhere is not there"):
        wait_for_batch("nowhere", aws)
