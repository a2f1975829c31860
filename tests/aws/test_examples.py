"""The scripts of `examples/sagemaker`, as a reader runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import htrlib
from htrlib.aws.storage import list_objects
from htrlib.formats.json_format import to_json
from tests.aws.conftest import IMAGE, ROLE
from tests.aws.front import Answer, refusal
from tests.formats.results import page

ROOT = Path(htrlib.__file__).parent.parent
SAGEMAKER = ROOT / "examples" / "sagemaker"
LETTER = ROOT / "examples" / "data" / "letter.png"


def run(script: str, *arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, str(SAGEMAKER / script), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.fixture
def labels(tmp_path):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "output.manifest").write_text("{}\n")
    return tmp_path / "labels"


def test_a_model_is_trained_and_put_behind_an_endpoint(front, aws, bucket, labels):
    name = bucket[len("s3://") :]
    account = ("--image", IMAGE, "--role", ROLE)
    trained = run("train.py", labels, *account, "--bucket", name, "--epochs", "2", "--spot")
    assert trained.returncode == 0, trained.stderr
    model = trained.stdout.strip()
    assert model.startswith(f"{bucket}/models/handwriting-")
    assert model.endswith("/output/model.tar.gz")
    (job,) = front.asked("CreateTrainingJob")
    assert [str(place) for place in list_objects(bucket, aws)] == [
        f"{bucket}/training/{job['TrainingJobName']}/output.manifest"
    ]
    assert job["HyperParameters"]["epochs"] == "2"
    assert job["EnableManagedSpotTraining"] is True

    said = to_json(page(["read elsewhere"])).encode()

    def serve(request):
        if request.path == "/endpoints/handwriting/invocations":
            return Answer(said, headers={"Content-Type": "application/json"})
        return None

    front.rules.append(serve)
    deployed = run("deploy.py", model, *account, "--page", LETTER)
    assert deployed.returncode == 0, deployed.stderr
    assert deployed.stdout == "read elsewhere\n"
    assert "endpoint handwriting: InService" in deployed.stderr
    assert front.asked("CreateModel")[0]["PrimaryContainer"]["ModelDataUrl"] == model


def test_a_training_reads_no_files_of_the_one_before(front, aws, bucket, labels):
    arguments = ("--image", IMAGE, "--role", ROLE, "--bucket", bucket[len("s3://") :])
    assert run("train.py", labels, *arguments, "--name", "anna").returncode == 0
    (labels / "output.manifest").rename(labels / "new.manifest")
    assert run("train.py", labels, *arguments, "--name", "berta").returncode == 0
    second = front.asked("CreateTrainingJob")[1]["InputDataConfig"][0]["DataSource"]
    source = second["S3DataSource"]["S3Uri"]
    assert [str(place) for place in list_objects(source, aws)] == [f"{source}new.manifest"]


def test_a_job_that_failed_ends_the_script_with_the_reason(front, bucket, labels):
    front.answers("CreateTrainingJob", refusal("ResourceLimitExceeded", "0 spot machines"))
    name = bucket[len("s3://") :]
    done = run("train.py", labels, "--image", IMAGE, "--role", ROLE, "--bucket", name)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("train.py: sagemaker create_training_job on handwriting-")
    assert "ResourceLimitExceeded: 0 spot machines; ask for more" in last
    assert "Traceback" not in done.stderr
