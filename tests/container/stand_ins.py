"""Run the jobs and endpoints that moto only records, in the image or without it.

The examples' `simulated_jobs` does the steps around the machines.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Callable, Dict, List, Mapping, Optional, Protocol, Sequence, Tuple

from htrlib.aws.session import Aws
from tests.aws.front import Answer, Front, Request
from tests.container.running import LOCKED, Run, ask, mount
from tests.serving.running import Served, until

ROOT = Path(__file__).resolve().parents[2]
Variables = Mapping[str, str]

Worker = Callable[[str], str]
"""Takes the place of a picture, and gives what the page that people label on submits."""

Import = Callable[[str], ModuleType]
"""Imports the module that a Lambda function is made of, by its name."""


class Machine(Protocol):
    """Runs the commands of the image."""

    def train(self, root: Path, variables: Variables) -> Tuple[int, str]:
        """Train with `root` as /opt/ml; give the exit status and the log."""

    def serve(self, model: Path, variables: Variables) -> str:
        """Serve with `model` as /opt/ml/model; give the address when it answers."""


class Processes:
    """The two commands of the image, without the image."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def train(self, root: Path, variables: Variables) -> Tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "htrlib.sagemaker.training_job", "--root", str(root)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1", **variables},
        )
        return done.returncode, done.stdout

    def serve(self, model: Path, variables: Variables) -> str:
        own = {"HTRLIB_BUNDLE": str(model), "SAGEMAKER_BIND_TO_PORT": "0"}
        server = Served(environment={**own, **variables}, command=("-m", "htrlib.serving"))
        self._stack.callback(server.end)
        server.listening()
        until(lambda: server.ask().status == 200, "a ping that finds it well")
        return f"http://127.0.0.1:{server.port}"


class Containers:
    """The image."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def train(self, root: Path, variables: Variables) -> Tuple[int, str]:
        options = (*LOCKED, *mount(root, "/opt/ml"), *_set(variables))
        return self._run("train", options=options).wait()

    def serve(self, model: Path, variables: Variables) -> str:
        _, address = self._run.serve(*LOCKED, *mount(model, "/opt/ml/model"), *_set(variables))
        return address


def _set(variables: Variables) -> List[str]:
    return [f"--env={name}={value}" for name, value in variables.items()]


class SageMaker:
    """Runs the jobs and endpoints that a test has requested from moto.

    Args:
        jobs: the module `simulated_jobs` of the examples.
        folder: for what SageMaker's machines have on their disks.
    """

    def __init__(
        self, front: Front, aws: Aws, jobs: ModuleType, machine: Machine, folder: Path
    ) -> None:
        self._front = front
        self._aws = aws
        self._jobs = jobs
        self._machine = machine
        self._folder = folder
        # moto keeps no labeling jobs
        front.answers("CreateLabelingJob", {"LabelingJobArn": "arn:aws:sagemaker:::labeling-job"})

    def label(self, workers: Sequence[Worker]) -> None:
        """Let workers label the pages of the last labeling job."""
        (*_, job) = self._front.asked("CreateLabelingJob")
        done = self._jobs.label_pages(job, lambda _, page: [w(page) for w in workers], self._aws)
        self._front.answers("DescribeLabelingJob", done)

    def train(self, name: str) -> Dict[str, float]:
        """Run a training job, upload its model, and return its last metrics."""
        asked = self._front.asked("CreateTrainingJob")  # moto keeps only a part of it
        (job,) = (job for job in asked if job["TrainingJobName"] == name)
        root = self._folder / name
        self._jobs.prepare_training(job, root, self._aws)
        status, log = self._machine.train(root, {"TRAINING_JOB_NAME": name})
        assert status == 0, log
        self._jobs.upload_model(job, root, self._aws)
        metrics: Dict[str, float] = self._jobs.metrics_in(log, job)
        return metrics

    def host(self, name: str) -> Path:
        """Serve the model of an endpoint in moto, and answer the endpoint's requests with it."""
        endpoint = self._aws.call("sagemaker", "describe_endpoint", EndpointName=name)
        bundle: Path
        bundle, environment = self._jobs.fetch_model(
            endpoint["EndpointConfigName"], self._folder / "served", self._aws
        )
        address = self._machine.serve(bundle, environment)

        def invoke(request: Request) -> Optional[Answer]:
            if request.path != f"/endpoints/{name}/invocations":
                return None
            headers = {key: request.headers[key] for key in ("Content-Type", "Accept")}
            status, text = ask(f"{address}/invocations", request.body, **headers)
            return Answer(text.encode("utf-8"), status, {"Content-Type": "application/json"})

        self._front.rules.append(invoke)
        return bundle
