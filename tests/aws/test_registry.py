from __future__ import annotations

from htrlib.aws.registry import register
from htrlib.aws.sagemaker_models import ModelConfig
from tests.aws.conftest import IMAGE
from tests.aws.front import refusal

MODEL = ModelConfig(IMAGE, "", "s3://pages/models/1/model.tar.gz")
VERSION = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/hands/1"


def test_the_first_version_makes_the_group_and_waits_for_approval(front, aws):
    front.answers(
        "DescribeModelPackageGroup", refusal("ValidationException", "hands does not exist.")
    )
    front.answers("CreateModelPackageGroup", {"ModelPackageGroupArn": "arn"})
    front.answers("CreateModelPackage", {"ModelPackageArn": VERSION})
    assert register("hands", MODEL, "validation_cer 0.07", {"htrlib": "htr"}, aws) == VERSION
    (group,) = front.asked("CreateModelPackageGroup")
    assert group["Tags"] == [{"Key": "htrlib", "Value": "htr"}]
    (made,) = front.asked("CreateModelPackage")
    assert made["ModelApprovalStatus"] == "PendingManualApproval"
    (container,) = made["InferenceSpecification"]["Containers"]
    assert container["ModelDataUrl"] == "s3://pages/models/1/model.tar.gz"
    assert "Tags" not in made


def test_further_versions_join_the_group(front, aws):
    front.answers("DescribeModelPackageGroup", {"ModelPackageGroupName": "hands"})
    front.answers("CreateModelPackage", {"ModelPackageArn": VERSION})
    register("hands", MODEL, aws=aws)
    assert not front.asked("CreateModelPackageGroup")
