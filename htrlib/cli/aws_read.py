"""`htr aws batch|transcribe`: read pages with a deployed model."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, Optional

from htrlib.aws import machines
from htrlib.cli import datasets
from htrlib.cli.aws_jobs import watch_batch
from htrlib.cli.aws_options import Add, add_account_options, tell
from htrlib.cli.reading_options import add_content_options
from htrlib.errors import AwsError, AwsJobError, ImageError
from htrlib.reading.options import LINE

if TYPE_CHECKING:
    from htrlib.aws.queue import Asked, Result
    from htrlib.aws.session import Aws


def add_verbs(add: Add) -> None:
    """Add the commands."""
    _add_batch(add)
    _add_transcribe(add)


def _add_batch(add: Add) -> None:
    verb = add("batch", _batch, "read every page below an S3 prefix")
    verb.add_argument("name", help="name of the job")
    verb.add_argument("input", metavar="INPUT", help="S3 prefix of the pages")
    verb.add_argument("output", metavar="OUTPUT", help="S3 prefix for the results")
    model = verb.add_mutually_exclusive_group(required=True)
    model.add_argument("--endpoint", metavar="NAME", help="use the model of this endpoint")
    model.add_argument("--model", metavar="NAME", help="SageMaker model")
    verb.add_argument(
        "--role",
        metavar="ARN",
        help="role that reads INPUT and writes OUTPUT (default: the model's role)",
    )
    verb.add_argument("--instance-type", default=machines.BATCH, help="(default: %(default)s)")
    verb.add_argument("--instances", type=int, default=1, metavar="N", help="number of machines")
    verb.add_argument(
        "--detach", action="store_true", help="return without waiting for the results"
    )
    verb.add_argument("--fetch", type=Path, metavar="DIR", help="download the results into it")
    add_account_options(verb)


def _add_transcribe(add: Add) -> None:
    verb = add("transcribe", _transcribe, "read images with an endpoint")
    verb.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="image file")
    where = verb.add_mutually_exclusive_group(required=True)
    where.add_argument("--endpoint", metavar="NAME", help="SageMaker endpoint")
    where.add_argument("--url", help="address of a server, such as http://127.0.0.1:8080")
    verb.add_argument("--format", choices=("text", "json"), default="text", help="of the output")
    verb.add_argument("--beam-width", type=int, metavar="N", help="number of hypotheses")
    verb.add_argument("--stage", choices=("paragraph", "lines", "text"), help="last stage to run")
    verb.add_argument("--language-model", choices=("on", "off"), help="of the model")
    add_content_options(verb, default=None)
    verb.add_argument("--target-model", metavar="NAME", help="archive of a multi-model endpoint")
    verb.add_argument(
        "--queue",
        metavar="S3_URI",
        help="prefix for the results of an asynchronous endpoint; waits for them",
    )


def _batch(parsed: argparse.Namespace, aws: Aws) -> int:
    from htrlib.aws.batch import BatchJobConfig, fetch_results, start_batch
    from htrlib.aws.sagemaker_models import copy_model, model_of

    tags = datasets.pairs(parsed.tag, "--tag")
    model = parsed.model or model_of(parsed.endpoint, aws)
    if parsed.role:
        model = copy_model(parsed.name, model, parsed.role, tags, aws)
    config = BatchJobConfig(
        name=parsed.name,
        model=model,
        input=parsed.input,
        output=parsed.output,
        instance_type=parsed.instance_type,
        instances=parsed.instances,
        kms_key=parsed.kms_key,
        tags=tags,
    )
    needed = False
    try:
        start_batch(config, aws)
        needed = True
        if parsed.detach:
            tell(f"batch job {parsed.name} started: htr aws watch batch {parsed.name}")
            return 0
        watch_batch(parsed.name, aws)
        needed = False
    except AwsJobError:
        needed = False
        raise
    finally:
        if parsed.role:
            _drop_copy(model, needed, aws)
    if parsed.fetch:
        tell(f"{parsed.fetch}: {len(fetch_results(parsed.output, parsed.fetch, aws))} results")
    return 0


def _drop_copy(model: str, needed: bool, aws: Aws) -> None:
    """Delete the temporary model of a job; say how, if the job still needs it or AWS refuses."""
    from htrlib.aws.sagemaker_models import delete_model

    if not needed:
        with suppress(AwsError):
            delete_model(model, aws)
            return
    tell(
        f"the temporary model {model} stays; delete it when the job has ended: "
        f"aws sagemaker delete-model --model-name {model}"
    )


def _transcribe(parsed: argparse.Namespace, aws: Optional[Aws]) -> int:
    from htrlib.aws.endpoint_client import EndpointClient

    if parsed.queue and aws is not None:
        return _transcribe_queued(parsed, aws)
    client = EndpointClient(parsed.endpoint, url=parsed.url, aws=aws)
    options = {"target_model": parsed.target_model, **_reading(parsed)}
    return _print_each(
        (partial(client.transcribe, path, **options) for path in parsed.paths), parsed.format
    )


def _transcribe_queued(parsed: argparse.Namespace, aws: Aws) -> int:
    from htrlib.aws.queue import ask, collect
    from htrlib.client import attributes_of

    attributes = attributes_of(**_reading(parsed))
    asked = [
        ask(parsed.endpoint, path, parsed.queue, attributes=attributes, aws=aws)
        for path in parsed.paths
    ]
    if aws.dry:
        return 0

    def answer(question: Asked) -> Result:
        return collect([question], aws, tell)[question.picture]

    return _print_each((partial(answer, question) for question in asked), parsed.format)


def _print_each(reads: Iterable[Callable[[], Result]], form: str) -> int:
    """Print the result of each reading, report those that fail, and return the exit status."""
    from htrlib.formats.json_format import to_json
    from htrlib.formats.text import to_text

    status = 0
    for read in reads:
        try:
            result = read()
        except (ImageError, AwsJobError) as error:
            print(f"htr: {error}", file=sys.stderr)
            status = 1
            continue
        print(to_json(result) if form == "json" else to_text(result), end="")
    return status


def _reading(parsed: argparse.Namespace) -> Dict[str, Any]:
    """The reading options to ask for; None leaves one as the endpoint has it."""
    return {
        "beam_width": parsed.beam_width,
        "stage": parsed.stage,
        "language_model": parsed.language_model and parsed.language_model == "on",
        "kinds": parsed.kinds,
        "what": LINE if parsed.single_line else None,
        "orientation": parsed.orientation,
    }
