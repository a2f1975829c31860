"""AWS on this machine, for notebooks without an account.

    python stand_ins.py FOLDER BUCKET

Prints the environment variables that point boto3 here, as JSON, and serves until its standard input
closes. moto stores what S3 and SageMaker store. moto has no people and no machines, so
`simulated_jobs` does their work: three `labelers` answer between the two Lambda functions, and the
container's `train` and `serve` run as processes. FOLDER/bucket keeps the bucket between two runs.
"""

from __future__ import annotations

import functools
import io
import json
import os
import shutil
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple

import boto3
import labelers
from moto.server import DomainDispatcherApplication, create_backend_app
from sample_pages import sample_pages
from simulated_jobs import (
    fetch_model,
    label_pages,
    metrics_in,
    prepare_training,
    transform_pages,
    unpack_model,
    upload_model,
)
from simulated_stack import small_stack
from werkzeug.serving import make_server

from htrlib.aws.session import Aws
from htrlib.aws.storage import download, list_objects, upload
from htrlib.errors import HtrError

DEMO = "-demo"  # how the names of demo endpoints end
REFUSED = "424 Failed Dependency"  # how an endpoint of SageMaker passes on a refusal
ARN = "arn:aws:sagemaker:us-east-1:123456789012"

Parameters = Dict[str, Any]
Reply = Tuple[str, bytes]


@dataclass
class Server:
    """An endpoint: the server of one model, and during an update also that of the next."""

    configuration: str
    status: str
    failure: str = ""
    url: str = ""
    process: Optional[subprocess.Popen] = None

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait()


@dataclass
class StandIns:
    """A WSGI application with SageMaker's jobs and endpoints; it passes the rest to moto."""

    folder: Path
    moto: Callable[..., Iterable[bytes]]
    jobs: Dict[str, Parameters] = field(default_factory=dict)
    endpoints: Dict[str, Server] = field(default_factory=dict)
    processes: List[subprocess.Popen] = field(default_factory=list)

    def __call__(self, environ: Parameters, start_response: Callable) -> Iterable[bytes]:
        operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        path = environ["PATH_INFO"]
        action = self.actions().get(operation)
        if action is None and not path.endswith("/invocations"):
            return self.moto(small_stack(environ), start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if action is None:
            status, data = self.invoke(path.split("/")[2], environ, body)
        else:
            reply = action(json.loads(body))
            if reply is None:  # moto knows how AWS says that there is no such thing
                return self.moto({**environ, "wsgi.input": io.BytesIO(body)}, start_response)
            status, data = "200 OK", json.dumps(reply).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(data)))]
        if status == REFUSED:
            headers.append(("x-amzn-ErrorType", "ModelError"))
        start_response(status, headers)
        return [data]

    def actions(self) -> Dict[str, Callable[[Parameters], Optional[Parameters]]]:
        """Return the operations that are simulated here, by name."""
        return {
            "CreateLabelingJob": self.start_labeling,
            "DescribeLabelingJob": lambda asked: self.jobs.get(asked["LabelingJobName"]),
            "ListLabelingJobs": self.list_labeling,
            "CreateTrainingJob": self.start_training,
            "DescribeTrainingJob": lambda asked: self.jobs.get(asked["TrainingJobName"]),
            "CreateTransformJob": self.start_transform,
            "DescribeTransformJob": lambda asked: self.jobs.get(asked["TransformJobName"]),
            "CreateEndpoint": self.bring_up,
            "UpdateEndpoint": self.bring_up,
            "DescribeEndpoint": self.describe_endpoint,
            "ListEndpoints": self.list_endpoints,
            "DeleteEndpoint": self.delete_endpoint,
        }

    def end(self) -> None:
        """Stop everything that runs."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait()

    def _start(self, *command: str, **variables: str) -> subprocess.Popen:
        """Start a Python module, with standard output and error in one pipe."""
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.processes.append(process)
        return process

    # ---- labeling ----

    def start_labeling(self, asked: Parameters) -> Parameters:
        name = asked["LabelingJobName"]
        people = asked["HumanTaskConfig"]["NumberOfHumanWorkersPerDataObject"]
        try:
            self.jobs[name] = label_pages(asked, functools.partial(answers, people=people), Aws())
        except UnknownPageError as error:
            self.jobs[name] = {"LabelingJobStatus": "Failed", "FailureReason": str(error)}
        return {"LabelingJobArn": f"{ARN}:labeling-job/{name}"}

    def list_labeling(self, asked: Parameters) -> Parameters:
        rows = [
            {"LabelingJobName": name, "LabelingJobStatus": job["LabelingJobStatus"]}
            for name, job in self.jobs.items()
            if "LabelingJobStatus" in job
        ]
        return {"LabelingJobSummaryList": rows}

    # ---- training ----

    def start_training(self, asked: Parameters) -> Parameters:
        name = asked["TrainingJobName"]
        job = self.jobs[name] = {
            "TrainingJobStatus": "InProgress",
            "SecondaryStatus": "Downloading",
            "FinalMetricDataList": [],
        }
        threading.Thread(target=self._train, args=(asked, job), daemon=True).start()
        return {"TrainingJobArn": f"{ARN}:training-job/{name}"}

    def _train(self, asked: Parameters, job: Parameters) -> None:
        root = self.folder / "jobs" / asked["TrainingJobName"]
        shutil.rmtree(root, ignore_errors=True)
        aws = Aws()
        try:
            prepare_training(asked, root, aws)
            job["SecondaryStatus"] = "Training"
            if self._run_train(root, asked, job):
                job["SecondaryStatus"] = "Uploading"
                archive = upload_model(asked, root, aws)
                job["ModelArtifacts"] = {"S3ModelArtifacts": str(archive)}
                job.update(TrainingJobStatus="Completed", SecondaryStatus="Completed")
            else:
                reason = (root / "output" / "failure").read_text(encoding="utf-8")
                job.update(TrainingJobStatus="Failed", FailureReason=reason)
        except (HtrError, OSError) as error:
            job.update(TrainingJobStatus="Failed", FailureReason=str(error))

    def _run_train(self, root: Path, asked: Parameters, job: Parameters) -> bool:
        """Run the container's `train`, and read its log for metrics as SageMaker does."""
        command = ("htrlib.sagemaker.training_job", "--root", str(root))
        process = self._start(*command, TRAINING_JOB_NAME=asked["TrainingJobName"])
        with (root / "log").open("w", buffering=1, encoding="utf-8") as log:
            for line in process.stdout:
                log.write(line)
                found = metrics_in(line, asked)
                if found:
                    job["FinalMetricDataList"] = [
                        {"MetricName": name, "Value": value} for name, value in found.items()
                    ]
        return process.wait() == 0

    # ---- batch transform ----

    def start_transform(self, asked: Parameters) -> Parameters:
        name = asked["TransformJobName"]
        self.jobs[name] = {"TransformJobStatus": "InProgress"}
        threading.Thread(target=self._transform, args=(asked,), daemon=True).start()
        return {"TransformJobArn": f"{ARN}:transform-job/{name}"}

    def _transform(self, asked: Parameters) -> None:
        aws = Aws()
        bundle, _ = unpack_model(asked["ModelName"], self.folder / "models", aws)
        server = self._serve_bundle(bundle)
        failed = {"TransformJobStatus": "Failed", "FailureReason": server.failure}
        done = failed if server.failure else transform_pages(asked, server.url, aws)
        server.stop()
        self.jobs[asked["TransformJobName"]] = done

    # ---- endpoints ----

    def bring_up(self, asked: Parameters) -> Optional[Parameters]:
        name, configuration = asked["EndpointName"], asked["EndpointConfigName"]
        old = self.endpoints.get(name)
        if old is None:
            old = self.endpoints[name] = Server("", "Creating")
        else:
            old.status = "Updating"
        threading.Thread(
            target=self._exchange, args=(name, old, configuration), daemon=True
        ).start()
        return {"EndpointArn": f"{ARN}:endpoint/{name}"}

    def _exchange(self, name: str, old: Server, configuration: str) -> None:
        """Serve the new model, then stop serving the old one."""
        new = self._serve(configuration)
        if new.failure:
            old.failure = new.failure
            old.status = "InService" if old.url else "Failed"
            return
        self.endpoints[name] = new
        old.stop()

    def _serve(self, configuration: str) -> Server:
        bundle, _ = fetch_model(configuration, self.folder / "models", Aws())
        return self._serve_bundle(bundle, configuration)

    def _serve_bundle(self, bundle: Optional[Path], configuration: str = "") -> Server:
        """Serve a bundle, by default the one in the package; return the status of its endpoint."""
        arguments = [] if bundle is None else ["--bundle", str(bundle)]
        command = ("htrlib", "serve", "--port", "0", "--workers", "1", *arguments)
        process = self._start(*command)
        last = ""
        for last in process.stdout:
            if '"event": "listening"' in last:
                # Nobody wants the rest, but a full pipe would stop the server.
                threading.Thread(target=process.stdout.read, daemon=True).start()
                url = f"http://127.0.0.1:{json.loads(last)['port']}"
                return Server(configuration, "InService", url=url, process=process)
        return Server(configuration, "Failed", failure=last.strip())

    def describe_endpoint(self, asked: Parameters) -> Optional[Parameters]:
        server = self.endpoints.get(asked["EndpointName"])
        return server and {
            "EndpointName": asked["EndpointName"],
            "EndpointConfigName": server.configuration,
            "EndpointStatus": server.status,
            "FailureReason": server.failure,
        }

    def list_endpoints(self, asked: Parameters) -> Parameters:
        rows = [
            {"EndpointName": name, "EndpointStatus": server.status}
            for name, server in self.endpoints.items()
            if not name.endswith(DEMO)  # it comes and goes with its stack
        ]
        return {"Endpoints": rows}

    def delete_endpoint(self, asked: Parameters) -> Optional[Parameters]:
        server = self.endpoints.pop(asked["EndpointName"], None)
        if server is None:
            return None
        server.stop()
        return {}

    def invoke(self, name: str, environ: Parameters, body: bytes) -> Reply:
        if name.endswith(DEMO) and name not in self.endpoints:  # a stack has it from the start
            self.endpoints[name] = self._serve_bundle(None)
        server = self.endpoints.get(name)
        if server is None or not server.url:
            message = (server and server.failure) or f"Endpoint {name} not found"
            return "400 Bad Request", json.dumps(
                {"__type": "ValidationError", "message": message}
            ).encode()
        request = urllib.request.Request(f"{server.url}/invocations", data=body, method="POST")
        for header in ("Accept", "X-Amzn-SageMaker-Custom-Attributes"):
            value = environ.get(f"HTTP_{header.upper().replace('-', '_')}")
            if value:
                request.add_header(header, value)
        request.add_header("Content-Type", environ["CONTENT_TYPE"])
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return "200 OK", answer.read()
        except urllib.error.HTTPError as error:
            said = {"OriginalStatusCode": error.code, "OriginalMessage": error.read().decode()}
            exchanged = self.endpoints.get(name) is not server  # a moment ago
            if error.code == HTTPStatus.SERVICE_UNAVAILABLE and exchanged:
                return self.invoke(name, environ, body)
            return REFUSED, json.dumps(said).encode()


class UnknownPageError(Exception):
    """The simulated labelers cannot read the page."""


def answers(number: int, picture: str, people: int) -> List[str]:
    """Return what the first `people` labelers submit for a page.

    Args:
        number: of the page's row in the manifest.
        picture: the page's S3 URI.
    Raises:
        UnknownPageError: it is none of the sample pages.
    """
    pages = {f"entry-{n}.png": page for n, page in enumerate(sample_pages(), start=1)}
    page = pages.get(picture.rpartition("/")[2])
    if page is None:
        raise UnknownPageError(
            f"the simulated labelers know only the sample pages, not {picture}; for people who "
            "can read it, use an AWS account"
        )
    return [labelers.answer(person, page.lines, number) for person in labelers.PEOPLE[:people]]


def main() -> None:
    folder, bucket = Path(sys.argv[1]), sys.argv[2]
    stand_ins = StandIns(folder, DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, stand_ins, threaded=True)
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
    }
    os.environ.update(environment)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    boto3.client("s3").create_bucket(Bucket=bucket)
    kept = folder / "bucket"
    if kept.is_dir():
        upload(kept, f"s3://{bucket}")
    print(json.dumps(environment), flush=True)
    sys.stdin.read()
    stand_ins.end()
    if list_objects(f"s3://{bucket}"):
        download(f"s3://{bucket}", kept)


if __name__ == "__main__":
    main()
