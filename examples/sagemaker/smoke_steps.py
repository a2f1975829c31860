"""The steps of `smoke.py`; each raises an `HtrError` if it proves nothing."""

from __future__ import annotations

import json
import re
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Set

import boto3
import package
from botocore.exceptions import BotoCoreError, ClientError
from sample_pages import sample_pages
from smoke_report import reason

import htrlib
from htrlib import data
from htrlib.aws.batch import BatchJobConfig, fetch_results, start_batch, wait_for_batch
from htrlib.aws.endpoint_client import EndpointClient
from htrlib.aws.endpoints import EndpointConfig, ModelConfig, deploy, undeploy
from htrlib.aws.following import State, follow
from htrlib.aws.names import is_stamped, stamped
from htrlib.aws.sagemaker_models import copy_model, model_of
from htrlib.aws.session import Aws, Response
from htrlib.aws.storage import download_archive, list_objects, upload, write_object
from htrlib.aws.training import TrainingJobConfig, start_training, wait_for_training
from htrlib.bundle import load_bundle
from htrlib.data import Dataset, LabeledLine, PageSample
from htrlib.document.geometry import Size
from htrlib.document.results import TextLine
from htrlib.errors import AwsError, ConfigError
from htrlib.metrics import ErrorRate

LETTER = Path(__file__).resolve().parents[1] / "data" / "letter.png"
PREFIX = re.compile(r"[a-z][a-z0-9-]{0,18}[a-z0-9]")
OUTPUTS = ("SageMakerIamRole", "ServingRole", "ImageUri")
ALIKE = 0.02  # character error rate between two machines that read with one model
SECONDS_BETWEEN = 0.5  # two requests to an endpoint that is exchanged
EPOCHS = 2
RUNNING = ("InProgress", "Stopping")  # of jobs
CHANGING = ("Creating", "Updating", "RollingBack", "SystemUpdating")  # endpoints, none deletable

Tell = Callable[[str], object]


class Smoke:
    """One run, with the resources it has created and deletes at the end.

    Args:
        prefix: name of the stack, and the first part of all other names.
        profile: of the credentials that `package` uploads with, as those of `aws`.
    Raises:
        ConfigError: the prefix makes no names.
    """

    def __init__(self, aws: Aws, prefix: str, profile: Optional[str], tell: Tell) -> None:
        if not PREFIX.fullmatch(prefix):
            raise ConfigError(
                "a prefix has 2 to 20 lowercase letters, digits and hyphens, a letter first, "
                f"found {prefix!r}"
            )
        self._aws, self._prefix, self._profile, self._tell = aws, prefix, profile, tell
        self._outputs: Dict[str, str] = {}
        self._code_bucket = self._stack = self._trained = ""
        self._training = self._batch = ""  # names of the jobs; the batch job's model has its name
        self._endpoint = f"{prefix}-endpoint"
        self._read_here = ""  # the text of the letter, as the library here reads it
        self._tags = {"htrlib": prefix}

    @property
    def dry(self) -> bool:
        """True if nothing is sent."""
        return self._aws.dry

    # ---- the stack ----

    def create(self) -> str:
        account = "0" * 12
        if not self._aws.dry:
            account = self._aws.call("sts", "get_caller_identity")["Account"]
        there = self._aws.find("cloudformation", "describe_stacks", StackName=self._prefix)
        if there is not None:
            raise AwsError(f"a stack {self._prefix} is there already; name another with --prefix")
        code_bucket = f"{self._prefix}-smoke-code-{account}-{self._aws.region}"
        request = self._stack_request(self._upload_code(code_bucket))
        self._stack = self._prefix  # an interrupted call may have made it
        try:
            made = self._aws.call("cloudformation", "create_stack", **request)
        except AwsError:
            self._stack = ""
            raise
        self._stack = str(made["StackId"])
        answer = self._follow_stack("CREATE_COMPLETE")
        outputs = {o["OutputKey"]: o["OutputValue"] for o in answer.get("Outputs", ())}
        self._outputs = outputs or {
            **{name: f"arn:aws:iam::{account}:role/<{name}>" for name in OUTPUTS},
            "S3Bucket": f"{self._prefix}-pages-{account}",
            "SageMakerDemoEndpointName": f"{self._prefix}-demo",
        }
        return f"image {self._outputs['ImageUri']}"

    def _upload_code(self, bucket: str) -> Dict[str, str]:
        self._code_bucket = bucket
        if self._aws.dry:
            names = ("CodeBucket", "FunctionsKey", "SourceKey", "template_url")
            return {name: f"https://{bucket}/<{name}>" for name in names}
        session = boto3.Session(region_name=self._aws.region, profile_name=self._profile)
        try:
            return package.upload(bucket, session)
        except (package.BucketError, BotoCoreError, ClientError) as error:
            raise AwsError(f"uploading the code: {error}") from error

    def _stack_request(self, uploaded: Dict[str, str]) -> Dict[str, Any]:
        values = {"SolutionPrefix": self._prefix, **uploaded}
        url = values.pop("template_url")
        return {
            "StackName": self._prefix,
            "TemplateURL": url,
            "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in values.items()],
            "Capabilities": ["CAPABILITY_NAMED_IAM"],
            "Tags": [{"Key": "htrlib", "Value": self._prefix}],
        }

    def _follow_stack(self, wanted: str) -> Response:
        def describe() -> Response:
            # by its id, which finds a stack that is deleted
            found = self._aws.call("cloudformation", "describe_stacks", StackName=self._stack)
            stack: Response = found["Stacks"][0]
            return stack

        def state(stack: Response) -> State:
            status = stack["StackStatus"]
            failed = not status.endswith("_IN_PROGRESS") and status != wanted
            return State(status, status == wanted, self._why() or status if failed else "")

        return follow(self._aws, f"stack {self._prefix}", describe, state, self._tell)

    def _why(self) -> str:
        """The first failure among the events of the stack."""
        events = self._aws.items(
            "cloudformation", "describe_stack_events", "StackEvents", StackName=self._stack
        )
        failures = [event for event in events if event["ResourceStatus"].endswith("_FAILED")]
        if not failures:
            return ""
        first = failures[-1]  # the newest come first
        return f"{first['LogicalResourceId']}: {first.get('ResourceStatusReason', 'no reason')}"

    # ---- reading, training ----

    def demo(self) -> str:
        client = EndpointClient(self._outputs["SageMakerDemoEndpointName"], aws=self._aws)
        seconds = []
        for _ in range(2):
            begun = time.monotonic()
            self._check_reading(client)
            seconds.append(time.monotonic() - begun)
        return f"first answer after {seconds[0]:.1f} s, second after {seconds[1]:.1f} s"

    def _check_reading(self, client: EndpointClient) -> None:
        """Compare the results of the endpoint with local ones."""
        result = client.transcribe(LETTER)
        if self._aws.dry:
            return
        rate = ErrorRate()
        self._read_here = self._read_here or htrlib.transcribe(LETTER).text
        rate.add(self._read_here, result.text)
        if rate.rate > ALIKE:
            raise AwsError(f"it reads otherwise than the library here, CER {rate.rate:.3f}")

    def train(self) -> str:
        name = self._training = stamped(f"{self._prefix}-train")
        with tempfile.TemporaryDirectory() as folder:
            data.write_ground_truth(_labeled_pages(), Path(folder) / "output.manifest")
            upload(folder, f"{self._bucket}/training/{name}", self._aws)
        job = TrainingJobConfig(
            name=name,
            image=self._outputs["ImageUri"],
            role=self._outputs["SageMakerIamRole"],
            channels={"train": f"{self._bucket}/training/{name}"},
            output=f"{self._bucket}/models",
            hyperparameters={"epochs": EPOCHS, "batch_columns": 3000, "warmup": 5},
            tags=self._tags,
        )
        start_training(job, self._aws)
        trained = wait_for_training(job.name, self._aws, self._tell)
        self._trained = trained.model_data
        with tempfile.TemporaryDirectory() as scratch:
            bundle = download_archive(trained.model_data, Path(scratch) / "bundle", self._aws)
            epochs = 0 if self._aws.dry else self._check_bundle(bundle)
        cer = trained.metrics.get("validation_cer", float("nan"))
        return f"{epochs} epochs, validation CER {cer:.3f}, {trained.billed_seconds} s billed"

    def _check_bundle(self, folder: Path) -> int:
        load_bundle(folder)
        history = json.loads((folder / "history.json").read_text(encoding="utf-8"))
        if len(history) != EPOCHS:
            raise AwsError(f"history.json has {len(history)} epochs, and {EPOCHS} were trained")
        return len(history)

    # ---- endpoints, batches ----

    def deploy(self) -> str:
        deploy(self._endpoint_config(""), self._aws, self._tell)
        self._check_reading(EndpointClient(self._endpoint, aws=self._aws))
        return self._endpoint

    def update(self) -> str:
        client, done = EndpointClient(self._endpoint, aws=self._aws), threading.Event()
        answered: List[str] = []
        failed: List[str] = []

        def ask() -> None:
            while not done.wait(SECONDS_BETWEEN):
                try:
                    answered.append(client.transcribe(LETTER, stage="lines").bundle)
                except Exception as error:
                    failed.append(str(error))

        asking = threading.Thread(target=ask)
        if not self._aws.dry:
            asking.start()
        try:
            deploy(self._endpoint_config(self._trained), self._aws, self._tell)
            done.wait(0 if self._aws.dry else 10 * SECONDS_BETWEEN)
        finally:
            done.set()
            if asking.is_alive():
                asking.join()
        models: Set[str] = set(answered)
        if failed:
            raise AwsError(f"{len(failed)} requests failed in the exchange, first: {failed[0]}")
        if len(models) < 2 and not self._aws.dry:
            raise AwsError(f"the model was not exchanged: {', '.join(models) or 'no'} answered")
        return f"{len(answered)} requests were answered, none failed"

    def batch(self) -> str:
        pages = list(sample_pages())[:2]
        names = [f"entry-{number}.png" for number in range(1, len(pages) + 1)]
        with tempfile.TemporaryDirectory() as folder:
            data.write_ground_truth(_labeled_pages(), Path(folder) / "output.manifest")
            pictures = sorted((Path(folder) / "images").iterdir())[: len(names)]
            for picture, name in zip(pictures, names):
                upload(picture.rename(picture.with_name(name)), f"{self._bucket}/in", self._aws)
            # begins with the prefix's letters, and is not below it
            write_object(b"no picture", f"{self._bucket}/in-old/1.png", "image/png", self._aws)
        name = self._batch = stamped(f"{self._prefix}-batch")
        role = self._outputs["SageMakerIamRole"]
        model = copy_model(name, model_of(self._endpoint, self._aws), role, self._tags, self._aws)
        config = BatchJobConfig(
            name, model, f"{self._bucket}/in", f"{self._bucket}/out", tags=self._tags
        )
        start_batch(config, self._aws)
        wait_for_batch(name, self._aws, self._tell)
        with tempfile.TemporaryDirectory() as folder:
            results = fetch_results(config.output, folder, self._aws)
        if sorted(results) != names and not self._aws.dry:
            raise AwsError(f"results of {', '.join(sorted(results))}, and not of {names}")
        return f"{len(results)} results"

    def _endpoint_config(self, model_data: str) -> EndpointConfig:
        image, role = self._outputs["ImageUri"], self._outputs["ServingRole"]
        model = ModelConfig(image, role, model_data or None)
        return EndpointConfig(self._endpoint, model, tags=self._tags)

    @property
    def _bucket(self) -> str:
        return f"s3://{self._outputs['S3Bucket']}"

    # ---- the end ----

    @property
    def by_hand(self) -> List[str]:
        """Commands that delete what costs money; one fails if its resource is gone already."""
        jobs = (("training", self._training), ("transform", self._batch))
        buckets = (self._outputs.get("S3Bucket", ""), self._code_bucket)
        return [
            *(f"aws sagemaker stop-{k}-job --{k}-job-name {name}" for k, name in jobs if name),
            f"htr aws undeploy {self._endpoint}",
            f"aws cloudformation delete-stack --stack-name {self._prefix}",
            *(f"aws s3 rb --force s3://{bucket}" for bucket in buckets if bucket),
        ]

    def delete(self) -> str:
        """Delete everything. What cannot be deleted is reported after the rest is deleted."""
        if not self._stack:
            self._delete_bucket(self._code_bucket)
            return "no stack was made"
        failures: List[str] = []
        for part in (
            lambda: self._stop_job("Training", self._training),
            lambda: self._stop_job("Transform", self._batch),
            self._delete_endpoint,
            self._delete_models,
            self._delete_stack,
            lambda: self._delete_bucket(self._outputs.get("S3Bucket", "")),
            lambda: self._delete_bucket(self._code_bucket),
            self._check_left,
        ):
            try:
                part()
            except Exception as error:
                failures.append(reason(error))
        if failures:
            raise AwsError("; ".join(failures))
        return "left, free or nearly so: records of jobs, and log groups below /aws/sagemaker"

    def _stop_job(self, kind: str, name: str) -> None:
        """Stop a job that still runs, and wait for its end: until then it writes to the bucket."""
        operation, status = f"{kind.lower()}_job", f"{kind}JobStatus"
        asked = {f"{kind}JobName": name}
        found = self._aws.find("sagemaker", f"describe_{operation}", **asked) if name else None
        if found is None or found[status] not in RUNNING:
            return
        self._aws.call("sagemaker", f"stop_{operation}", **asked)
        follow(
            self._aws,
            f"{kind.lower()} job {name}",
            lambda: self._aws.call("sagemaker", f"describe_{operation}", **asked),
            lambda job: State(job[status], ended=job[status] not in RUNNING),
            self._tell,
        )

    def _delete_endpoint(self) -> None:
        """Delete the endpoint, which SageMaker refuses until a creation or update has ended."""
        asked = {"EndpointName": self._endpoint}
        found = self._aws.find("sagemaker", "describe_endpoint", **asked)
        if found is not None:
            follow(
                self._aws,
                f"endpoint {self._endpoint}",
                lambda: self._aws.call("sagemaker", "describe_endpoint", **asked),
                lambda one: State(
                    one["EndpointStatus"], ended=one["EndpointStatus"] not in CHANGING
                ),
                self._tell,
            )
        if found is not None or self._aws.dry:
            undeploy(self._endpoint, self._aws)

    def _delete_models(self) -> None:
        """Delete the batch job's model, and what an interrupted deployment left."""
        if self._batch:
            self._aws.find("sagemaker", "delete_model", ModelName=self._batch)
        for noun, operation in (("EndpointConfig", "endpoint_config"), ("Model", "model")):
            for item in self._aws.items(
                "sagemaker", f"list_{operation}s", f"{noun}s", NameContains=self._endpoint
            ):
                name = item[f"{noun}Name"]
                if is_stamped(name, self._endpoint):
                    self._aws.find("sagemaker", f"delete_{operation}", **{f"{noun}Name": name})

    def _delete_stack(self) -> None:
        if self._stack == self._prefix:
            found = self._aws.find("cloudformation", "describe_stacks", StackName=self._stack)
            if found is None:
                return
            self._stack = str(found["Stacks"][0]["StackId"])
        self._aws.call("cloudformation", "delete_stack", StackName=self._stack)
        self._follow_stack("DELETE_COMPLETE")

    def _delete_bucket(self, bucket: str) -> None:
        if not bucket or self._aws.find("s3", "head_bucket", Bucket=bucket) is None:
            return
        for place in list_objects(f"s3://{bucket}", self._aws):
            self._aws.call("s3", "delete_object", Bucket=bucket, Key=place.key)
        self._aws.call("s3", "delete_bucket", Bucket=bucket)

    def _check_left(self) -> None:
        """Look for resources that cost money or obstruct the next run."""
        left = [
            f"{noun.lower()} {item[f'{noun}Name']}"
            for operation, key, noun in (
                ("list_endpoints", "Endpoints", "Endpoint"),
                ("list_models", "Models", "Model"),
                ("list_training_jobs", "TrainingJobSummaries", "TrainingJob"),
                ("list_transform_jobs", "TransformJobSummaries", "TransformJob"),
            )
            for item in self._aws.items("sagemaker", operation, key, NameContains=self._prefix)
            if item[f"{noun}Name"].startswith(f"{self._prefix}-")
            and (not noun.endswith("Job") or item[f"{noun}Status"] in RUNNING)
        ]
        if left:
            raise AwsError(f"left behind, delete or stop them by hand: {', '.join(left)}")


def _labeled_pages() -> Dataset:
    """The sample pages with their labels."""
    return Dataset(tuple(_labeled(number, page) for number, page in enumerate(sample_pages(), 1)))


def _labeled(number: int, page: Any) -> PageSample:
    height, width = page.image.shape
    lines = tuple(LabeledLine(text, TextLine(box)) for text, box in page.lines)
    return PageSample(lambda: page.image, Size(width, height), f"entry-{number}", lines)
