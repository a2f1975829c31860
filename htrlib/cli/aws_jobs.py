"""`htr aws status|watch|stop`: endpoints and jobs."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Callable, Dict

from htrlib.cli.aws_options import Add, give_result, tell
from htrlib.errors import AwsError

if TYPE_CHECKING:
    from htrlib.aws.session import Aws

_KINDS = ("training", "labeling", "batch")


def add_verbs(add: Add) -> None:
    """Add the commands."""
    add("status", _status, "list all endpoints, and jobs: those in progress and the newest others")
    for name, run, text in (
        ("watch", _watch, "follow a job until it ends"),
        ("stop", _stop, "stop a job, keeping its results so far"),
    ):
        verb = add(name, run, text)
        verb.add_argument("kind", choices=_KINDS)
        verb.add_argument("name", help="name of the job")


def _status(_: argparse.Namespace, aws: Aws) -> int:
    from htrlib.aws.status import KINDS, list_kind

    status = 0
    for kind in KINDS:
        try:
            rows = list_kind(kind, aws)
        except AwsError as error:
            print(f"htr: {kind}: {error}", file=sys.stderr)
            status = 2
            continue
        for row in rows:
            print(f"{row.kind:<10} {row.status:<12} {row.name}")
    return status


def _watch(parsed: argparse.Namespace, aws: Aws) -> int:
    watches: Dict[str, Callable[[str, Aws], int]] = {
        "training": _watch_training,
        "labeling": watch_labeling,
        "batch": watch_batch,
    }
    return watches[parsed.kind](parsed.name, aws)


def _watch_training(name: str, aws: Aws) -> int:
    from htrlib.aws.training import wait_for_training

    give_result(wait_for_training(name, aws, tell).model_data, aws)
    return 0


def watch_labeling(name: str, aws: Aws) -> int:
    """Wait for a labeling job, print its manifest, and return the exit status."""
    from htrlib.aws.labeling import wait_for_labels

    give_result(wait_for_labels(name, aws, tell).manifest, aws)
    return 0


def watch_batch(name: str, aws: Aws) -> int:
    """Wait for a batch job, print where its results are, and return the exit status."""
    from htrlib.aws.batch import wait_for_batch

    give_result(wait_for_batch(name, aws, tell), aws)
    return 0


def _stop(parsed: argparse.Namespace, aws: Aws) -> int:
    from htrlib.aws.batch import stop_batch
    from htrlib.aws.labeling import stop_labeling
    from htrlib.aws.training import stop_training

    stops = {"training": stop_training, "labeling": stop_labeling, "batch": stop_batch}
    stops[parsed.kind](parsed.name, aws)
    return 0
