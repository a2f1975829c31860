"""What SageMaker does with the jobs and endpoints that moto only writes down.

It goes by what was asked for, so that a job that is asked for wrongly fails here too.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any, Callable, Dict, List, Mapping, Optional, Protocol, Sequence, Tuple

from htrlib.aws.location import S3Uri
from htrlib.aws.session import Aws
from htrlib.aws.storage import download, download_archive, read_object, upload, write_object
from tests.aws.front import Answer, Front, Request
from tests.container.running import LOCKED, Run, ask, mount
from tests.serving.running import Served, until

ROOT = Path(__file__).resolve().parents[2]
LARGEST_MANIFEST = 1 << 20  # bytes

Variables = Mapping[str, str]

Worker = Callable[[str], str]
"""Takes the place of a picture, and gives what the page that people label on submits."""

Import = Callable[[str], ModuleType]
"""Imports the module that a Lambda function is made of, by its name."""


class Machine(Protocol):
    """Runs what the image runs."""

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


class GroundTruth:
    """Labeling jobs."""

    def __init__(self, front: Front, aws: Aws, script: Import) -> None:
        self._front = front
        self._aws = aws
        self._script = script
        front.answers("CreateLabelingJob", {"LabelingJobArn": "arn:aws:sagemaker:::labeling-job"})

    def label(self, workers: Sequence[Worker]) -> None:
        """Let workers label the pages of the job that was asked for last."""
        (*_, job) = self._front.asked("CreateLabelingJob")
        source = job["InputConfig"]["DataSource"]["S3DataSource"]["ManifestS3Uri"]
        place = S3Uri.parse(job["OutputConfig"]["S3OutputPath"]) / job["LabelingJobName"]
        rows = [json.loads(row) for row in self._read(source).splitlines()]
        labels = {
            label["datasetObjectId"]: label["consolidatedAnnotation"]["content"]
            for label in self._consolidated(job, rows, workers, place)
        }
        metadata = {
            "type": "groundtruth/custom",
            "job-name": job["LabelingJobName"],
            "human-annotated": "yes",
            "creation-date": "2026-01-01T00:00:00.000000",
        }
        named = f"{job['LabelAttributeName']}-metadata"
        output = place / "manifests/output/output.manifest"
        self._write(
            output,
            *({**row, **labels[str(number)], named: metadata} for number, row in enumerate(rows)),
        )
        answer = {
            "LabelingJobStatus": "Completed",
            "LabelCounters": {"TotalLabeled": len(rows)},
            "LabelingJobOutput": {"OutputDatasetS3Uri": str(output)},
        }
        self._front.answers("DescribeLabelingJob", answer)

    def _consolidated(
        self, job: Mapping[str, Any], rows: Sequence[Any], workers: Sequence[Worker], place: S3Uri
    ) -> List[Dict[str, Any]]:
        """What the job's two functions make of the workers' answers."""
        task = job["HumanTaskConfig"]
        assert task["NumberOfHumanWorkersPerDataObject"] == len(workers)
        consolidation = task["AnnotationConsolidationConfig"]["AnnotationConsolidationLambdaArn"]
        items = []
        for number, row in enumerate(rows):
            event = {"version": "2018-10-16", "labelingJobArn": "arn", "dataObject": row}
            shown = self._call(task["PreHumanTaskLambdaArn"], event)["taskInput"]
            annotations = [
                {"workerId": f"worker-{index}", "annotationData": {"content": work(shown["image"])}}
                for index, work in enumerate(workers)
            ]
            item = {"datasetObjectId": str(number), "dataObject": {"s3Uri": row["source-ref"]}}
            items.append({**item, "annotations": annotations})
        payload = place / "annotations/consolidation-request/iteration-1/0.json"
        self._write(payload, items)
        event = {
            "version": "2018-10-06",
            "labelingJobArn": "arn",
            "labelAttributeName": job["LabelAttributeName"],
            "payload": {"s3Uri": str(payload)},
        }
        labels: List[Dict[str, Any]] = self._call(consolidation, event)
        return labels

    def _call(self, function: str, event: Dict[str, Any]) -> Any:
        """Call a function by its ARN; what goes in and comes out is JSON."""
        handler = self._script(function.rpartition(":")[2]).handler
        return json.loads(json.dumps(handler(json.loads(json.dumps(event)), None)))

    def _read(self, place: str) -> str:
        return read_object(place, LARGEST_MANIFEST, self._aws).decode("utf-8")

    def _write(self, place: S3Uri, *rows: object) -> None:
        text = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
        write_object(text.encode("utf-8"), place, "application/jsonlines", self._aws)


class SageMaker:
    """Training jobs and endpoints.

    Args:
        folder: for what SageMaker's machines have on their disks.
    """

    def __init__(self, front: Front, aws: Aws, machine: Machine, folder: Path) -> None:
        self._front = front
        self._aws = aws
        self._machine = machine
        self._folder = folder

    def train(self, name: str) -> Dict[str, float]:
        """Do what was asked for, with the model to S3, and give the last of the metrics."""
        asked = self._front.asked("CreateTrainingJob")  # not all of which moto keeps
        (job,) = (job for job in asked if job["TrainingJobName"] == name)
        algorithm = job["AlgorithmSpecification"]
        root = self._folder / name
        channels = {channel["ChannelName"]: channel for channel in job["InputDataConfig"]}
        for channel in channels.values():
            source = channel["DataSource"]["S3DataSource"]["S3Uri"]
            download(source, root / "input" / "data" / channel["ChannelName"], self._aws)
        hosts = [f"algo-{number + 1}" for number in range(job["ResourceConfig"]["InstanceCount"])]
        files = {
            "hyperparameters": job["HyperParameters"],
            "inputdataconfig": {
                channel: {"TrainingInputMode": algorithm["TrainingInputMode"]}
                for channel in channels
            },
            "resourceconfig": {"current_host": hosts[0], "hosts": hosts},
        }
        (root / "input" / "config").mkdir()
        for file, content in files.items():
            (root / "input" / "config" / f"{file}.json").write_text(json.dumps(content))
        (root / "model").mkdir()
        status, log = self._machine.train(root, {"TRAINING_JOB_NAME": name})
        assert status == 0, log
        # As SageMaker packs it: "./" is in it.
        archive = shutil.make_archive(str(root / "model"), "gztar", root / "model")
        place = S3Uri.parse(job["OutputDataConfig"]["S3OutputPath"]) / name / "output"
        upload(archive, place, self._aws)
        found = {
            metric["Name"]: re.findall(metric["Regex"], log)
            for metric in algorithm["MetricDefinitions"]
        }
        return {metric: float(values[-1]) for metric, values in found.items() if values}

    def host(self, name: str) -> Path:
        """Serve the model of an endpoint in moto, and answer the endpoint's requests with it."""
        endpoint = self._aws.call("sagemaker", "describe_endpoint", EndpointName=name)
        configuration = self._aws.call(
            "sagemaker",
            "describe_endpoint_config",
            EndpointConfigName=endpoint["EndpointConfigName"],
        )
        (variant,) = configuration["ProductionVariants"]
        model = self._aws.call("sagemaker", "describe_model", ModelName=variant["ModelName"])
        container = model["PrimaryContainer"]
        bundle = download_archive(container["ModelDataUrl"], self._folder / "served", self._aws)
        address = self._machine.serve(bundle, container["Environment"])

        def invoke(request: Request) -> Optional[Answer]:
            if request.path != f"/endpoints/{name}/invocations":
                return None
            headers = {key: request.headers[key] for key in ("Content-Type", "Accept")}
            status, said = ask(f"{address}/invocations", request.body, **headers)
            return Answer(said.encode("utf-8"), status, {"Content-Type": "application/json"})

        self._front.rules.append(invoke)
        return bundle
