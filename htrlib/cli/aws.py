"""`htr aws`: label, train, deploy and read with Amazon SageMaker."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

from htrlib.aws import machines
from htrlib.aws.rollouts import KINDS as ROLLOUTS
from htrlib.cli import aws_commands

if TYPE_CHECKING:
    from htrlib.aws.session import Aws

_KINDS = ("training", "labeling", "batch")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "Label, train, deploy and read with Amazon SageMaker. Credentials and region "
        "are those of the AWS command line. docs/sagemaker.md walks through it."
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--region", help="of AWS (default: that of the environment or profile)")
    common.add_argument("--profile", help="of ~/.aws/config")
    common.add_argument(
        "--dry-run", action="store_true", help="print the requests as JSON, and send none"
    )
    verbs = parser.add_subparsers(metavar="COMMAND", dest="verb", required=True)

    def add(name: str, run: Callable[[argparse.Namespace, Aws], int], text: str) -> Any:
        verb = verbs.add_parser(name, help=text, description=text.capitalize(), parents=[common])
        verb.set_defaults(run=_with_account, run_verb=run)
        return verb

    _add_storage(add)
    _add_label(add)
    _add_train(add)
    _add_images(add)
    _add_endpoints(add)
    _add_reading(add)
    _add_jobs(add)


def _add_storage(add: Any) -> None:
    verb = add("upload", aws_commands.upload, "bring a folder to S3; goes on where it was cut")
    verb.add_argument("folder", type=Path, help="a folder, or a file")
    verb.add_argument("s3_uri", metavar="S3_URI", help="prefix, as s3://bucket/pages")
    verb = add("download", aws_commands.download, "bring what is below a prefix of S3 to a folder")
    verb.add_argument("s3_uri", metavar="S3_URI", help="a prefix, or an object")
    verb.add_argument("folder", type=Path)
    verb.add_argument(
        "--unpack", action="store_true", help="of a model.tar.gz: its files, into a new folder"
    )


def _add_label(add: Any) -> None:
    verb = add("label", aws_commands.label, "let a team label pages with Ground Truth")
    verb.add_argument("name", help="of the job")
    pages = verb.add_mutually_exclusive_group(required=True)
    pages.add_argument("--pages", metavar="S3_URI", help="prefix of the pictures")
    pages.add_argument(
        "--correct",
        metavar="S3_URI",
        help="output.manifest of an earlier job, whose labels are shown for correction",
    )
    verb.add_argument("--output", required=True, metavar="S3_URI", help="prefix for the labels")
    verb.add_argument("--role", required=True, metavar="ARN")
    verb.add_argument("--template", required=True, metavar="S3_URI", help="the workers' page")
    verb.add_argument("--pre-lambda", required=True, metavar="ARN")
    verb.add_argument("--post-lambda", required=True, metavar="ARN")
    verb.add_argument("--team", required=True, metavar="NAME", help="of workers")
    verb.add_argument(
        "--members",
        nargs=3,
        metavar=("POOL", "GROUP", "CLIENT"),
        help="Cognito user pool, group and client of a new team",
    )
    verb.add_argument(
        "--workers", type=int, default=1, help="that label each page; at most the team's size"
    )
    verb.add_argument("--detach", action="store_true", help="do not wait for the labels")
    _add_account_options(verb)


def _add_account_options(verb: Any) -> None:
    verb.add_argument("--kms-key", metavar="ARN", help="encrypts disks and what is written")
    verb.add_argument(
        "--tag",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="for the bill, as htrlib=htr; can be repeated",
    )


def _add_train(add: Any) -> None:
    verb = add("train", aws_commands.train, "train on SageMaker")
    verb.add_argument("name", help="of the job")
    verb.add_argument("--image", required=True, metavar="URI", help="of the container, in ECR")
    verb.add_argument("--role", required=True, metavar="ARN")
    verb.add_argument("--train", required=True, metavar="S3_URI", help="prefix of the data")
    verb.add_argument("--validation", metavar="S3_URI", help="prefix of data to choose the best by")
    verb.add_argument("--images", metavar="S3_URI", help="prefix of pictures that lie elsewhere")
    verb.add_argument("--output", required=True, metavar="S3_URI", help="prefix for the model")
    verb.add_argument(
        "--init", metavar="BUNDLE|S3_URI", help="to start from: a name, or a model.tar.gz"
    )
    verb.add_argument("--task", default="line-recognition", help="(default: %(default)s)")
    verb.add_argument("--format", help="of the data (default: it is found)")
    verb.add_argument(
        "--set",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="another hyperparameter, as epochs=10; can be repeated",
    )
    verb.add_argument("--instance-type", default=machines.TRAINING, help="(default: %(default)s)")
    verb.add_argument("--instances", type=int, default=1, metavar="N")
    verb.add_argument("--hours", type=float, default=24.0, help="at most (default: %(default)s)")
    verb.add_argument("--spot", action="store_true", help="spare machines, for about a third")
    verb.add_argument("--detach", action="store_true", help="do not wait for the model")
    verb.add_argument("--register", metavar="GROUP", help="add the model to the model registry")
    verb.add_argument(
        "--deploy", metavar="ENDPOINT", help="put the model behind it when the job completes"
    )
    verb.add_argument("--serving-role", metavar="ARN", help="of that endpoint (default: --role)")
    _add_endpoint_options(verb, "endpoint-")
    _add_network_options(verb)
    _add_account_options(verb)


def _add_network_options(verb: Any) -> None:
    verb.add_argument("--subnets", nargs="+", default=(), metavar="ID", help="of your own network")
    verb.add_argument("--security-groups", nargs="+", default=(), metavar="ID")


def _add_images(add: Any) -> None:
    verb = add("push-image", aws_commands.push_image, "bring the container image to ECR")
    verb.add_argument("image", nargs="?", default="htrlib:serve", help="(default: %(default)s)")
    verb.add_argument("--repository", default="htrlib", help="of ECR (default: %(default)s)")
    verb.add_argument(
        "--codebuild", metavar="PROJECT", help="let it build the image, where no Docker is here"
    )


def _add_endpoints(add: Any) -> None:
    verb = add("deploy", aws_commands.deploy, "put a model behind an endpoint, without downtime")
    verb.add_argument("name", help="of the endpoint")
    verb.add_argument("--image", required=True, metavar="URI", help="of the container, in ECR")
    verb.add_argument("--role", required=True, metavar="ARN")
    verb.add_argument(
        "--model-data", metavar="S3_URI", help="a model.tar.gz (default: the image's own bundle)"
    )
    verb.add_argument(
        "--bundle", type=Path, metavar="DIR", help="a bundle here, which is packed to --model-data"
    )
    verb.add_argument(
        "--multi-model", action="store_true", help="--model-data is a prefix of archives"
    )
    _add_endpoint_options(verb, "")
    _add_network_options(verb)
    _add_account_options(verb)
    verb = add("undeploy", aws_commands.undeploy, "delete an endpoint, and what belongs to it")
    verb.add_argument("name", help="of the endpoint")
    verb = add("register", aws_commands.register, "add a model to the model registry")
    verb.add_argument("group", help="of the model's versions; created if missing")
    verb.add_argument("--image", required=True, metavar="URI", help="of the container, in ECR")
    verb.add_argument("--model-data", required=True, metavar="S3_URI", help="a model.tar.gz")
    verb.add_argument("--description", default="", help="how it came about")
    _add_account_options(verb)


def _add_endpoint_options(verb: Any, prefix: str) -> None:
    kind = verb.add_mutually_exclusive_group()
    kind.add_argument(
        f"--{prefix}instance-type",
        dest="endpoint_type",
        default=machines.ENDPOINT,
        help="of the endpoint (default: %(default)s)",
    )
    kind.add_argument(
        "--serverless",
        type=int,
        nargs="?",
        const=3072,
        metavar="MB",
        help="no machines: it costs only while it reads (with %(const)s MB by default)",
    )
    verb.add_argument(
        f"--{prefix}instances",
        dest="endpoint_instances",
        type=int,
        metavar="N",
        help="(default: 1, or as many as an endpoint that is there has)",
    )
    verb.add_argument(
        "--scale", type=int, nargs=2, metavar=("LEAST", "MOST"), help="machines, by what is asked"
    )
    verb.add_argument(
        "--queue", metavar="S3_URI", help="asynchronous: prefix for answers; --scale from 0"
    )
    verb.add_argument("--capture", metavar="S3_URI", help="prefix for requests and answers")
    verb.add_argument(
        "--environment",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="a variable of the container; can be repeated",
    )
    _add_rollout_options(verb)


def _add_rollout_options(verb: Any) -> None:
    verb.add_argument(
        "--rollout",
        choices=ROLLOUTS,
        default="all-at-once",
        help="how an endpoint goes over to the new model (default: %(default)s)",
    )
    verb.add_argument(
        "--rollout-percent",
        type=int,
        default=20,
        metavar="N",
        help="of machines, in a part (default: %(default)s)",
    )
    verb.add_argument(
        "--rollout-wait",
        type=int,
        default=300,
        metavar="SECONDS",
        help="between parts (default: %(default)s)",
    )
    verb.add_argument(
        "--rollout-alarms",
        nargs="+",
        default=(),
        metavar="NAME",
        help="of CloudWatch: if one goes off, the old model comes back",
    )


def _add_reading(add: Any) -> None:
    verb = add("batch", aws_commands.batch, "read all pages below a prefix of S3")
    verb.add_argument("name", help="of the job")
    verb.add_argument("input", metavar="INPUT", help="S3 prefix of the pages")
    verb.add_argument("output", metavar="OUTPUT", help="S3 prefix for the results")
    model = verb.add_mutually_exclusive_group(required=True)
    model.add_argument("--endpoint", metavar="NAME", help="whose model reads")
    model.add_argument("--model", metavar="NAME", help="of SageMaker")
    verb.add_argument(
        "--role",
        metavar="ARN",
        help="that reads INPUT and writes OUTPUT (default: that of the model)",
    )
    verb.add_argument("--instance-type", default=machines.BATCH, help="(default: %(default)s)")
    verb.add_argument("--instances", type=int, default=1, metavar="N")
    verb.add_argument("--detach", action="store_true", help="do not wait for the results")
    verb.add_argument("--fetch", type=Path, metavar="DIR", help="download the results to it")
    _add_account_options(verb)
    verb = add("transcribe", aws_commands.transcribe, "read pictures with an endpoint")
    verb.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    where = verb.add_mutually_exclusive_group(required=True)
    where.add_argument("--endpoint", metavar="NAME")
    where.add_argument("--url", help="of a container here, as http://127.0.0.1:8080")
    verb.add_argument("--format", choices=("text", "json"), default="text")
    verb.add_argument("--beam-width", type=int, metavar="N")
    verb.add_argument("--stage", choices=("paragraph", "lines", "text"), help="the last to run")
    verb.add_argument("--language-model", choices=("on", "off"))
    verb.add_argument("--target-model", metavar="NAME", help="of a multi-model endpoint")
    verb.add_argument(
        "--queue", metavar="S3_URI", help="of an asynchronous endpoint, whose answers are awaited"
    )


def _add_jobs(add: Any) -> None:
    add("status", aws_commands.status, "list endpoints and jobs, the newest of each kind")
    for name, run, text in (
        ("watch", aws_commands.watch, "wait for a job, and tell how it goes"),
        ("stop", aws_commands.stop, "stop a job; what it has is kept"),
    ):
        verb = add(name, run, text)
        verb.add_argument("kind", choices=_KINDS)
        verb.add_argument("name", help="of the job")


def _with_account(parsed: argparse.Namespace) -> int:
    """Run a command with the account that its options name."""
    from htrlib.aws.dry_run import Request, to_json
    from htrlib.aws.session import Aws

    def show(request: Request) -> None:
        print(to_json(request))

    if parsed.verb == "transcribe" and parsed.url:
        return int(parsed.run_verb(parsed, None))
    aws = Aws(parsed.region, parsed.profile, show if parsed.dry_run else None)
    return int(parsed.run_verb(parsed, aws))
