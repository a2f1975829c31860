"""Options and outputs that the commands of `htr aws` share."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Callable, Optional

from htrlib.aws import machines
from htrlib.aws.rollouts import KINDS as ROLLOUTS
from htrlib.cli import datasets

if TYPE_CHECKING:
    from htrlib.aws.endpoints import EndpointConfig
    from htrlib.aws.network import Vpc
    from htrlib.aws.session import Aws

Run = Callable[[argparse.Namespace, "Aws"], int]
Add = Callable[[str, Run, str], argparse.ArgumentParser]
"""Adds a command: its name, the function that runs it, its help text."""


def add_account_options(verb: argparse.ArgumentParser) -> None:
    """Add the options for encryption and tags."""
    verb.add_argument("--kms-key", metavar="ARN", help="key that encrypts disks and output")
    verb.add_argument(
        "--tag",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="cost-allocation tag, such as htrlib=htr; can be repeated",
    )


def add_network_options(verb: argparse.ArgumentParser) -> None:
    """Add the options that place machines in a VPC."""
    verb.add_argument("--subnets", nargs="+", default=(), metavar="ID", help="subnets of your VPC")
    verb.add_argument(
        "--security-groups", nargs="+", default=(), metavar="ID", help="for those subnets"
    )


def add_endpoint_options(verb: argparse.ArgumentParser, prefix: str) -> None:
    """Add the options of an endpoint; `prefix` sets those of machines apart from a job's."""
    _add_machine_options(verb, prefix)
    verb.add_argument(
        "--queue",
        metavar="S3_URI",
        help="asynchronous endpoint: prefix for results; allows --scale 0 MAX",
    )
    verb.add_argument("--capture", metavar="S3_URI", help="record requests and answers below it")
    verb.add_argument(
        "--environment",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="environment variable of the container; can be repeated",
    )
    _add_rollout_options(verb)


def _add_machine_options(verb: argparse.ArgumentParser, prefix: str) -> None:
    kind = verb.add_mutually_exclusive_group()
    kind.add_argument(
        f"--{prefix}instance-type",
        dest="endpoint_type",
        default=machines.ENDPOINT,
        help="machine type of the endpoint (default: %(default)s)",
    )
    kind.add_argument(
        "--serverless",
        type=int,
        nargs="?",
        const=3072,
        metavar="MB",
        help="serverless endpoint, billed only while it reads (default memory: %(const)s MB)",
    )
    verb.add_argument(
        f"--{prefix}instances",
        dest="endpoint_instances",
        type=int,
        metavar="N",
        help="number of machines (default: 1, or the current number of an existing endpoint)",
    )
    verb.add_argument(
        "--scale",
        type=int,
        nargs=2,
        metavar=("MIN", "MAX"),
        help="scale the number of machines with the number of requests",
    )


def _add_rollout_options(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--rollout",
        choices=ROLLOUTS,
        default="all-at-once",
        help="how an endpoint switches to the new model (default: %(default)s)",
    )
    verb.add_argument(
        "--rollout-percent",
        type=int,
        default=20,
        metavar="N",
        help="percentage of machines to switch in each step (default: %(default)s)",
    )
    verb.add_argument(
        "--rollout-wait",
        type=int,
        default=300,
        metavar="SECONDS",
        help="pause between steps (default: %(default)s)",
    )
    verb.add_argument(
        "--rollout-alarms",
        nargs="+",
        default=(),
        metavar="NAME",
        help="CloudWatch alarms that trigger a rollback to the old model",
    )


def endpoint_config(
    name: str, model_data: Optional[str], role: str, vpc: Optional[Vpc], parsed: argparse.Namespace
) -> EndpointConfig:
    """The endpoint that the options describe."""
    from htrlib.aws.endpoints import (
        DataCapture,
        EndpointConfig,
        ModelConfig,
        Queue,
        Rollout,
        Scaling,
        Serverless,
    )

    return EndpointConfig(
        name=name,
        model=ModelConfig(
            image=parsed.image,
            role=role,
            model_data=model_data,
            multi_model=getattr(parsed, "multi_model", False),
            environment=datasets.pairs(parsed.environment, "--environment"),
            vpc=vpc,
        ),
        instance_type=parsed.endpoint_type,
        instances=parsed.endpoint_instances,
        scaling=Scaling(*parsed.scale) if parsed.scale else None,
        serverless=Serverless(parsed.serverless) if parsed.serverless else None,
        queue=Queue(parsed.queue) if parsed.queue else None,
        capture=DataCapture(parsed.capture) if parsed.capture else None,
        rollout=Rollout(
            parsed.rollout,
            parsed.rollout_percent,
            parsed.rollout_wait,
            tuple(parsed.rollout_alarms),
        ),
        kms_key=parsed.kms_key,
        tags=datasets.pairs(parsed.tag, "--tag"),
    )


def vpc_of(parsed: argparse.Namespace) -> Optional[Vpc]:
    """The VPC that the options name, or None."""
    from htrlib.aws.network import Vpc

    if not parsed.subnets and not parsed.security_groups:
        return None
    return Vpc(tuple(parsed.subnets), tuple(parsed.security_groups))


def tell(line: str) -> None:
    """Print a message for people, to standard error."""
    print(line, file=sys.stderr, flush=True)


def give_result(result: str, aws: Aws) -> None:
    """Print a result for programs; a dry run has none."""
    if not aws.dry:
        print(result)
