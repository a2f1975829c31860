"""The examples for SageMaker's own Python library ask AWS for what `htrlib.aws` asks for.

Versions 2 and 3 of it exclude each other and want other packages than htrlib, so each has a Python
of its own, which an environment variable names. Where there is none, the example for version 3 is
run with stand-ins for the library's classes, which take the names that those of the library take.
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Dict, List, Tuple

import pytest

from htrlib.aws import machines
from htrlib.aws.training import TrainingJobConfig, start_training
from tests.aws.conftest import IMAGE, ROLE
from tests.aws.front import Answer
from tests.aws.test_examples import LETTER, SAGEMAKER

PYTHON = os.environ.get("HTRLIB_SAGEMAKER_PYTHON", sys.executable)
"""A Python that has `sagemaker<3`."""

PYTHON_V3 = os.environ.get("HTRLIB_SAGEMAKER_V3_PYTHON", sys.executable)
"""A Python that has `sagemaker>=3`."""

V3: Dict[str, Tuple[str, ...]] = {
    "sagemaker.train:ModelTrainer": (
        *("training_image", "role", "base_job_name", "compute", "hyperparameters"),
        *("output_data_config", "stopping_condition", "tags"),
    ),
    "sagemaker.core.training.configs:Compute": (
        *("instance_type", "instance_count", "volume_size_in_gb"),
    ),
    "sagemaker.core.training.configs:InputData": ("channel_name", "data_source"),
    "sagemaker.core.training.configs:MetricDefinition": ("name", "regex"),
    "sagemaker.core.training.configs:OutputDataConfig": ("s3_output_path",),
    "sagemaker.core.training.configs:StoppingCondition": ("max_runtime_in_seconds",),
    "sagemaker.core.training.configs:Tag": ("key", "value"),
    "sagemaker.core.shapes:ContainerDefinition": ("image", "model_data_url"),
    "sagemaker.core.shapes:ProductionVariant": (
        *("variant_name", "model_name", "initial_instance_count", "instance_type"),
    ),
    "sagemaker.core.resources:Model": (
        *("model_name", "primary_container", "execution_role_arn"),
        *("enable_network_isolation", "tags"),
    ),
    "sagemaker.core.resources:EndpointConfig": (
        *("endpoint_config_name", "production_variants", "tags"),
    ),
    "sagemaker.core.resources:Endpoint": ("endpoint_name", "endpoint_config_name", "tags"),
}
"""Classes of version 3 that the example uses, and the names that they take."""

DENIED = (
    b"<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message>"
    b"</Error></ErrorResponse>"
)
INSTALLED = {
    "sdk.py": (PYTHON, "from sagemaker.estimator import Estimator"),
    "sdk_v3.py": (PYTHON_V3, "from sagemaker.train import ModelTrainer"),
}


def python_of(script: str) -> str:
    """The interpreter whose environment has the library of a script."""
    python, code = INSTALLED[script]
    if subprocess.run([python, "-c", code], capture_output=True, check=False).returncode:
        variable = "HTRLIB_SAGEMAKER_V3_PYTHON" if "v3" in script else "HTRLIB_SAGEMAKER_PYTHON"
        pytest.skip(f"sagemaker is not installed: {variable} names a Python that has it")
    return python


@pytest.fixture
def installed() -> None:
    python_of("sdk.py")


@pytest.mark.parametrize("script", INSTALLED)
def test_the_example_trains_deploys_reads_and_deletes(script, front, aws, bucket):
    python = python_of(script)

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
    account = ("--image", IMAGE, "--role", ROLE, "--output", f"{bucket}/models")
    done = subprocess.run(
        [python, str(SAGEMAKER / script), f"{bucket}/labels/", *account, "--page", str(LETTER)],
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


# ---- version 3, without it ----


def stand_in(place: str, made: List[Any]) -> type:
    """A class that accepts the arguments of a library class and records them."""
    taken = set(V3[place])

    def keep(self: Any, **given: Any) -> None:
        assert set(given) <= taken, f"{place.partition(':')[2]} takes no {set(given) - taken}"
        self.__dict__.update(given)
        made.append(self)

    members: Dict[str, Any] = {"__init__": keep, "deleted": False}
    if place.startswith("sagemaker.core.resources"):
        members["create"] = classmethod(lambda cls, **given: cls(**given))
        members["delete"] = lambda self: self.__dict__.update(deleted=True)
        members["wait_for_status"] = lambda self, status: None
        body = SimpleNamespace(read=lambda: b"read elsewhere\n")
        members["invoke"] = lambda self, body, content_type, accept, answer=body: SimpleNamespace(
            body=answer
        )
    if place.endswith("ModelTrainer"):
        artifacts = SimpleNamespace(s3_model_artifacts="s3://pages/models/a/output/model.tar.gz")
        members["_latest_training_job"] = SimpleNamespace(model_artifacts=artifacts)
        members["with_metric_definitions"] = lambda self, metrics: setattr(self, "metrics", metrics)
        members["train"] = lambda self, input_data_config: setattr(self, "data", input_data_config)
    return type(place.partition(":")[2], (), members)


def test_the_example_for_version_3_asks_for_what_the_library_asks_for(monkeypatch, capsys):
    made: List[Any] = []
    for place in V3:
        module, _, name = place.partition(":")
        parts = module.split(".")
        for end in range(1, len(parts) + 1):
            package = ".".join(parts[:end])
            monkeypatch.setitem(sys.modules, package, sys.modules.get(package, ModuleType(package)))
        monkeypatch.setattr(sys.modules[module], name, stand_in(place, made), raising=False)
    account = ["--image", IMAGE, "--role", ROLE, "--output", "s3://pages/models"]
    arguments = ["sdk_v3.py", "s3://pages/labels/", *account, "--page", str(LETTER)]
    monkeypatch.setattr(sys, "argv", arguments)
    runpy.run_path(str(SAGEMAKER / "sdk_v3.py"), run_name="__main__")
    assert capsys.readouterr().out.endswith("read elsewhere\n\n")

    by_name = {type(item).__name__: item for item in made}
    trainer, variant = by_name["ModelTrainer"], by_name["ProductionVariant"]
    ours = TrainingJobConfig("htr-own", IMAGE, ROLE, {"train": "s3://pages/labels"}, "s3://pages/m")
    assert (trainer.training_image, trainer.role) == (IMAGE, ROLE)
    assert trainer.compute.instance_type == ours.instance_type
    assert trainer.compute.volume_size_in_gb == ours.volume_gb
    assert trainer.stopping_condition.max_runtime_in_seconds == ours.seconds
    assert trainer.data[0].channel_name == "train"
    assert variant.instance_type == machines.ENDPOINT
    assert by_name["Model"].enable_network_isolation is True
    resources = [item for item in made if hasattr(item, "delete")]
    assert [type(item).__name__ for item in resources] == ["Model", "EndpointConfig", "Endpoint"]
    assert all(item.deleted for item in resources)


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
        [python_of("sdk_v3.py"), "-c", code, json.dumps(V3)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    assert json.loads(done.stdout.splitlines()[-1]) == []
