"""Run SageMaker's labeling, training and transform jobs and endpoints on this machine.

Each step follows the request that AWS would have received, so a request that AWS would fail on
fails here too. `stand_ins.py` runs these steps behind an AWS API on this machine.
"""

from __future__ import annotations

import importlib
import json
import re
import shutil
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from htrlib.aws.location import S3Uri
from htrlib.aws.session import Aws
from htrlib.aws.storage import (
    download,
    download_archive,
    list_objects,
    read_object,
    upload,
    write_object,
)

sys.path.insert(0, str(Path(__file__).resolve().parent / "ground_truth"))

LARGEST_MANIFEST = 1 << 20  # bytes
LARGEST_PAGE = 100 << 20  # bytes, as a transform job takes at most

Request = Mapping[str, Any]
"""The parameters of an AWS operation."""

Answers = Callable[[int, str], Sequence[str]]
"""Takes a page's row number and S3 URI, and returns the answer that each worker submits."""


def label_pages(job: Request, answers: Answers, aws: Aws) -> Dict[str, Any]:
    """Label the pages of a manifest as Ground Truth does: both Lambda functions run.

    Args:
        job: the request that created the labeling job.
    Returns:
        the description of the completed job.
    """
    name, attribute = job["LabelingJobName"], job["LabelAttributeName"]
    source = job["InputConfig"]["DataSource"]["S3DataSource"]["ManifestS3Uri"]
    output = S3Uri.parse(job["OutputConfig"]["S3OutputPath"]) / name
    rows = [json.loads(row) for row in read_object(source, LARGEST_MANIFEST, aws).splitlines()]
    labels = _consolidated(job, rows, answers, output, aws)
    for label in labels:
        row = rows[int(label["datasetObjectId"])]
        row.update(label["consolidatedAnnotation"]["content"])
        row[f"{attribute}-metadata"] = {
            "type": "groundtruth/custom",
            "job-name": name,
            "human-annotated": "yes",
            "creation-date": "2026-01-01T00:00:00.000000",
        }
    labeled = output / "manifests" / "output" / "output.manifest"
    lines = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
    write_object(lines.encode("utf-8"), labeled, "application/jsonlines", aws)
    return {
        "LabelingJobStatus": "Completed",
        "LabelCounters": {"TotalLabeled": len(labels), "Unlabeled": len(rows) - len(labels)},
        "LabelingJobOutput": {"OutputDatasetS3Uri": str(labeled)},
    }


def _consolidated(
    job: Request, rows: Sequence[Any], answers: Answers, output: S3Uri, aws: Aws
) -> List[Dict[str, Any]]:
    """Let workers answer for each row, and consolidate the answers to labels."""
    task = job["HumanTaskConfig"]
    items = []
    for number, row in enumerate(rows):
        event = {"version": "2018-10-16", "labelingJobArn": "arn", "dataObject": row}
        page = _call(task["PreHumanTaskLambdaArn"], event)["taskInput"]["image"]
        submitted = answers(number, page)
        if len(submitted) != task["NumberOfHumanWorkersPerDataObject"]:
            raise ValueError(f"{len(submitted)} workers answered for {page}")
        annotations = [
            {"workerId": f"worker-{worker}", "annotationData": {"content": answer}}
            for worker, answer in enumerate(submitted)
        ]
        item = {"datasetObjectId": str(number), "dataObject": {"s3Uri": row["source-ref"]}}
        items.append({**item, "annotations": annotations})
    payload = output / "annotations" / "consolidation-request" / "iteration-1" / "0.json"
    data = json.dumps(items, ensure_ascii=False).encode("utf-8")
    write_object(data, payload, "application/json", aws)
    event = {
        "version": "2018-10-06",
        "labelingJobArn": "arn",
        "labelAttributeName": job["LabelAttributeName"],
        "payload": {"s3Uri": str(payload)},
    }
    consolidation = task["AnnotationConsolidationConfig"]["AnnotationConsolidationLambdaArn"]
    labels: List[Dict[str, Any]] = _call(consolidation, event)
    return labels


def _call(function: str, event: Dict[str, Any]) -> Any:
    """Call a Lambda function by its ARN. Its input and output pass through JSON, as on AWS."""
    module = "_".join(function.split("-")[-2:])  # "...:htr-pre-annotation" -> "pre_annotation"
    handler = importlib.import_module(module).handler
    return json.loads(json.dumps(handler(json.loads(json.dumps(event)), None)))


def prepare_training(job: Request, root: Path, aws: Aws) -> None:
    """Lay out `root` as SageMaker lays out /opt/ml on the machine of a training job.

    Args:
        job: the request that created the training job.
    """
    channels = [channel["ChannelName"] for channel in job["InputDataConfig"]]
    for channel in job["InputDataConfig"]:
        source = channel["DataSource"]["S3DataSource"]["S3Uri"]
        download(source, root / "input" / "data" / channel["ChannelName"], aws)
    mode = {"TrainingInputMode": job["AlgorithmSpecification"]["TrainingInputMode"]}
    hosts = [f"algo-{number + 1}" for number in range(job["ResourceConfig"]["InstanceCount"])]
    config = root / "input" / "config"
    config.mkdir(parents=True)
    for name, content in {
        "hyperparameters": job["HyperParameters"],
        "inputdataconfig": dict.fromkeys(channels, mode),
        "resourceconfig": {"current_host": hosts[0], "hosts": hosts},
    }.items():
        (config / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    (root / "model").mkdir()


def metrics_in(log: str, job: Request) -> Dict[str, float]:
    """Find the last value of each of a training job's metrics in its log."""
    found = {
        metric["Name"]: re.findall(metric["Regex"], log)
        for metric in job["AlgorithmSpecification"]["MetricDefinitions"]
    }
    return {name: float(values[-1]) for name, values in found.items() if values}


def upload_model(job: Request, root: Path, aws: Aws) -> S3Uri:
    """Pack what training left in `root`/model, and return where the archive is now."""
    place = S3Uri.parse(job["OutputDataConfig"]["S3OutputPath"]) / job["TrainingJobName"] / "output"
    with tempfile.TemporaryDirectory() as scratch:
        # SageMaker's archives have an entry "./", and so do those of shutil.
        upload(shutil.make_archive(f"{scratch}/model", "gztar", root / "model"), place, aws)
    return place / "model.tar.gz"


def transform_pages(job: Request, url: str, aws: Aws) -> Dict[str, Any]:
    """Read every object below a prefix with a server, as a transform job does.

    Args:
        job: the request that created the transform job.
        url: address of a server of the job's model.
    Returns:
        the description of the job, which fails as SageMaker's do with the first page refused.
    """
    source = S3Uri.parse(job["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"])
    output = S3Uri.parse(job["TransformOutput"]["S3OutputPath"])
    done = {"TransformOutput": job["TransformOutput"]}
    for place in list_objects(source, aws):
        body = read_object(place, LARGEST_PAGE, aws)
        request = urllib.request.Request(f"{url}/invocations", data=body, method="POST")
        request.add_header("Content-Type", job["TransformInput"]["ContentType"])
        request.add_header("Accept", job["TransformOutput"]["Accept"])
        try:
            with urllib.request.urlopen(request, timeout=600) as answer:
                result = answer.read()
        except urllib.error.HTTPError as error:
            reason = f"Bad HTTP status returned from invoke: {error.code} for {place}"
            return {"TransformJobStatus": "Failed", "FailureReason": reason, **done}
        name = place.key[len(source.prefix) :]
        write_object(result, output / f"{name}.out", "application/json", aws)
    return {"TransformJobStatus": "Completed", **done}


def fetch_model(
    configuration: str, folder: Path, aws: Aws
) -> Tuple[Optional[Path], Dict[str, str]]:
    """Unpack the model of an endpoint configuration below `folder`, as SageMaker does.

    Returns:
        the model's folder, None where the image brings its own; the container's environment.
    """
    found = aws.call("sagemaker", "describe_endpoint_config", EndpointConfigName=configuration)
    (variant,) = found["ProductionVariants"]
    return unpack_model(variant["ModelName"], folder, aws)


def unpack_model(name: str, folder: Path, aws: Aws) -> Tuple[Optional[Path], Dict[str, str]]:
    """Unpack a model below `folder`. Returns as `fetch_model`."""
    model = aws.call("sagemaker", "describe_model", ModelName=name)
    container = model["PrimaryContainer"]
    environment = container.get("Environment", {})
    if "ModelDataUrl" not in container:
        return None, environment
    target = folder / name
    shutil.rmtree(target, ignore_errors=True)
    return download_archive(container["ModelDataUrl"], target, aws), environment
