"""`htr aws push-image|deploy|undeploy`: the image and endpoints."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from htrlib.cli.aws_options import (
    Add,
    add_account_options,
    add_endpoint_options,
    add_network_options,
    endpoint_config,
    give_result,
    tell,
    vpc_of,
)
from htrlib.errors import ConfigError

if TYPE_CHECKING:
    from htrlib.aws.session import Aws


def add_verbs(add: Add) -> None:
    """Add the commands."""
    _add_push_image(add)
    _add_deploy(add)
    verb = add("undeploy", _undeploy, "delete an endpoint and the resources it owns")
    verb.add_argument("name", help="name of the endpoint")


def _add_push_image(add: Add) -> None:
    verb = add("push-image", _push_image, "push the container image to ECR")
    image = "htrlib:serve-mxnet"  # serves and trains
    verb.add_argument("image", nargs="?", default=image, help="(default: %(default)s)")
    verb.add_argument(
        "--repository",
        default="htr",
        help="ECR repository; the stack's policy allows its prefix (default: %(default)s)",
    )
    verb.add_argument(
        "--codebuild",
        metavar="PROJECT",
        help="build the image with this project, without Docker here",
    )


def _push_image(parsed: argparse.Namespace, aws: Aws) -> int:
    from htrlib.aws.images import build_image, push_image

    if parsed.codebuild:
        build_image(parsed.codebuild, aws=aws, tell=tell)
    else:
        give_result(push_image(parsed.image, parsed.repository, aws), aws)
    return 0


def _add_deploy(add: Add) -> None:
    verb = add("deploy", _deploy, "create or update an endpoint, without downtime")
    verb.add_argument("name", help="name of the endpoint")
    verb.add_argument("--image", required=True, metavar="URI", help="container image in ECR")
    verb.add_argument("--role", required=True, metavar="ARN", help="execution role")
    verb.add_argument(
        "--model-data", metavar="S3_URI", help="a model.tar.gz (default: the image's own bundle)"
    )
    verb.add_argument(
        "--bundle", type=Path, metavar="DIR", help="local bundle; uploaded to --model-data"
    )
    verb.add_argument(
        "--multi-model", action="store_true", help="--model-data is a prefix of archives"
    )
    add_endpoint_options(verb, "")
    add_network_options(verb)
    add_account_options(verb)


def _deploy(parsed: argparse.Namespace, aws: Aws) -> int:
    from htrlib.aws.endpoints import deploy
    from htrlib.aws.storage import upload_archive

    if parsed.bundle:
        if not parsed.model_data:
            raise ConfigError("--bundle is uploaded to S3; add --model-data S3_URI")
        upload_archive(parsed.bundle, parsed.model_data, aws)
    config = endpoint_config(parsed.name, parsed.model_data, parsed.role, vpc_of(parsed), parsed)
    deploy(config, aws, tell)
    return 0


def _undeploy(parsed: argparse.Namespace, aws: Aws) -> int:
    from htrlib.aws.endpoints import undeploy

    undeploy(parsed.name, aws)
    tell(f"endpoint {parsed.name} deleted")
    return 0
