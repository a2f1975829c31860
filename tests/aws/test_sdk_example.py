"""The example for SageMaker's own Python library asks AWS for what `htrlib.aws` asks for."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from htrlib.aws.training import TrainingJobConfig, start_training
from tests.aws.conftest import IMAGE, ROLE
from tests.aws.front import Answer
from tests.aws.test_examples import LETTER, SAGEMAKER

PYTHON = os.environ.get("HTRLIB_SAGEMAKER_PYTHON", sys.executable)
"""A Python that has `sagemaker<3`, which wants other packages than the library's."""


@pytest.fixture
def installed() -> None:
    code = "from sagemaker.estimator import Estimator"
    if subprocess.run([PYTHON, "-c", code], capture_output=True, check=False).returncode:
        pytest.skip("sagemaker is not installed: HTRLIB_SAGEMAKER_PYTHON names a Python with it")


def test_the_example_trains_deploys_reads_and_deletes(installed, front, aws, bucket):
    def serve(request):
        if not request.path.endswith("/invocations"):
            return None
        return Answer(b"read elsewhere\n", headers={"Content-Type": "text/plain"})

    front.rules.append(serve)
    job = {
        "TrainingJobStatus": "Completed",
        "SecondaryStatus": "Completed",
        "ModelArtifacts": {"S3ModelArtifacts": f"{bucket}/models/a/output/model.tar.gz"},
        "ResourceConfig": {"InstanceCount": 1},
        "TrainingJobArn": "arn:aws:sagemaker:eu-west-1:123456789012:training-job/a",
        "OutputDataConfig": {"S3OutputPath": f"{bucket}/models"},
        "EnableManagedSpotTraining": False,
        "BillableTimeInSeconds": 60,
        "TrainingTimeInSeconds": 60,
    }
    front.answers("CreateTrainingJob", {"TrainingJobArn": job["TrainingJobArn"]})
    front.answers("DescribeTrainingJob", job)
    account = ("--image", IMAGE, "--role", ROLE, "--output", f"{bucket}/models")
    done = subprocess.run(
        [PYTHON, str(SAGEMAKER / "sdk.py"), f"{bucket}/labels/", *account, "--page", str(LETTER)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HOME": "/nonexistent"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith("read elsewhere")

    (theirs,) = front.asked("CreateTrainingJob")
    assert theirs["TrainingJobName"].startswith("htr-sdk-")
    assert theirs["HyperParameters"] == {"task": "line-recognition", "epochs": "30"}
    channels = {"train": f"{bucket}/labels"}
    start_training(TrainingJobConfig("htr-own", IMAGE, ROLE, channels, f"{bucket}/models"), aws)
    _, ours = front.asked("CreateTrainingJob")
    assert theirs["AlgorithmSpecification"]["TrainingImage"] == IMAGE
    wanted = {m["Name"]: m["Regex"] for m in ours["AlgorithmSpecification"]["MetricDefinitions"]}
    for metric in theirs["AlgorithmSpecification"]["MetricDefinitions"]:
        assert wanted[metric["Name"]] == metric["Regex"]
    (channel,), (own,) = theirs["InputDataConfig"], ours["InputDataConfig"]
    assert channel["DataSource"] == own["DataSource"]
    assert theirs["ResourceConfig"]["InstanceType"] == ours["ResourceConfig"]["InstanceType"]
    (model,) = front.asked("CreateModel")
    assert model["EnableNetworkIsolation"] is True
    assert front.asked("DeleteEndpoint")
    assert front.asked("DeleteModel")
