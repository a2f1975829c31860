"""The examples for SageMaker's own Python library, run with it.

Versions 2 and 3 exclude each other and want other packages than htrlib, so each has a Python of its
own, which an environment variable names; without either, `conftest` leaves this module out.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from htrlib.aws.training import TrainingJobConfig, start_training
from tests.aws.conftest import IMAGE, ROLE, SDK_PYTHONS
from tests.aws.front import Answer
from tests.aws.test_examples import LETTER, SAGEMAKER
from tests.aws.test_sdk_example import V3

DENIED = (
    b"<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message>"
    b"</Error></ErrorResponse>"
)


@pytest.mark.parametrize("script", SDK_PYTHONS)
def test_the_example_trains_deploys_reads_and_deletes(script, front, aws, bucket):
    def serve(request):
        if request.body.startswith(b"Action="):  # of IAM, which the walk's policy does not allow
            return Answer(DENIED, 403, {"Content-Type": "text/xml"})
        if not request.path.endswith("/invocations"):
            return None
        return Answer(b"read elsewhere\n", headers={"Content-Type": "text/plain"})

    front.rules.append(serve)
    job = {
        "TrainingJobName": "a",
        "TrainingJobStatus": "Completed",
        "SecondaryStatus": "Completed",
        "ModelArtifacts": {"S3ModelArtifacts": f"{bucket}/models/a/output/model.tar.gz"},
        "ResourceConfig": {"InstanceCount": 1, "VolumeSizeInGB": 50},
        "TrainingJobArn": "arn:aws:sagemaker:eu-west-1:123456789012:training-job/a",
        "OutputDataConfig": {"S3OutputPath": f"{bucket}/models"},
        "EnableManagedSpotTraining": False,
        "BillableTimeInSeconds": 60,
        "TrainingTimeInSeconds": 60,
        "CreationTime": 1.8e9,
        "StoppingCondition": {"MaxRuntimeInSeconds": 86400},
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
    }
    front.answers("CreateTrainingJob", {"TrainingJobArn": job["TrainingJobArn"]})
    front.answers("DescribeTrainingJob", job)
    # moto's answers have empty parts, which version 3 refuses.
    for kind in ("Model", "EndpointConfig", "Endpoint"):
        made = {f"{kind}Name": "htr-sdk", f"{kind}Arn": job["TrainingJobArn"]}
        times = {"CreationTime": 1.8e9, "LastModifiedTime": 1.8e9}
        state = {"EndpointConfigName": "htr-sdk", "EndpointStatus": "InService"}
        front.answers(f"Describe{kind}", {"ProductionVariants": [], **state, **times, **made})
    arguments = [str(SAGEMAKER / script), "--page", str(LETTER)]
    account = ("--image", IMAGE, "--role", ROLE, "--output", f"{bucket}/models")
    done = subprocess.run(
        [SDK_PYTHONS[script], *arguments, f"{bucket}/labels/", *account],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HOME": "/nonexistent"},
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
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
    assert theirs["StoppingCondition"] == ours["StoppingCondition"]
    (model,) = front.asked("CreateModel")
    assert model["EnableNetworkIsolation"] is True
    assert front.asked("DeleteEndpoint")
    assert front.asked("DeleteModel")


@pytest.mark.skipif("sdk_v3.py" not in SDK_PYTHONS, reason="HTRLIB_SAGEMAKER_V3_PYTHON is not set")
def test_the_stand_ins_take_what_version_3_takes(tmp_path: Path):
    code = """
import importlib, inspect, json, sys
unknown = []
for place, names in json.loads(sys.argv[1]).items():
    module, _, name = place.partition(":")
    kind = getattr(importlib.import_module(module), name)
    if "resources" in module:
        taken = inspect.signature(kind.create).parameters
    else:
        taken = kind.model_fields
    unknown += [f"{name}.{given}" for given in names if given not in taken]
print(json.dumps(unknown))
"""
    done = subprocess.run(
        [SDK_PYTHONS["sdk_v3.py"], "-c", code, json.dumps(V3)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    assert json.loads(done.stdout.splitlines()[-1]) == []
