"""`htr aws label`: label pages with Ground Truth."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from htrlib.cli import datasets
from htrlib.cli.aws_jobs import watch_labeling
from htrlib.cli.aws_options import Add, add_account_options, tell

if TYPE_CHECKING:
    from htrlib.aws.labeling import LabelingJobConfig
    from htrlib.aws.session import Aws


def add_verbs(add: Add) -> None:
    """Add the command."""
    verb = add("label", _label, "have a team label pages with Ground Truth")
    verb.add_argument("name", help="name of the job")
    pages = verb.add_mutually_exclusive_group(required=True)
    pages.add_argument("--pages", metavar="S3_URI", help="prefix of the page images")
    pages.add_argument(
        "--correct",
        metavar="S3_URI",
        help="correct the labels in the output.manifest of an earlier job",
    )
    verb.add_argument("--output", required=True, metavar="S3_URI", help="prefix for the labels")
    verb.add_argument("--role", required=True, metavar="ARN", help="execution role")
    verb.add_argument("--template", required=True, metavar="S3_URI", help="labeling page")
    verb.add_argument(
        "--pre-lambda", required=True, metavar="ARN", help="Lambda that prepares each task"
    )
    verb.add_argument(
        "--post-lambda", required=True, metavar="ARN", help="Lambda that consolidates answers"
    )
    verb.add_argument("--team", required=True, metavar="NAME", help="work team")
    verb.add_argument(
        "--members",
        nargs=3,
        metavar=("POOL", "GROUP", "CLIENT"),
        help="create the team from a Cognito user pool, group and client",
    )
    verb.add_argument(
        "--workers", type=int, default=1, help="workers per page, at most the size of the team"
    )
    verb.add_argument("--detach", action="store_true", help="return without waiting for the labels")
    add_account_options(verb)


def _label(parsed: argparse.Namespace, aws: Aws) -> int:
    from htrlib.aws import labeling

    config = _job_config(parsed)
    labeling.check_new(config.name, aws)
    members = labeling.WorkTeamMembers(*parsed.members) if parsed.members else None
    team = labeling.work_team(parsed.team, members, aws)
    labeling.check_workers(config.workers, team)
    config = replace(config, work_team=team.arn)
    if parsed.correct:
        config = replace(config, attribute=labeling.next_attribute(config.manifest, aws))
        what = f"the labels of {config.manifest}, corrected as {config.attribute!r},"
    else:
        what = f"{labeling.write_manifest(parsed.pages, config.manifest, aws)} pages"
    labeling.start_labeling(config, aws)
    portal = f" at {team.portal}" if team.portal else ""
    tell(f"labeling job {parsed.name}: {what} assigned to {parsed.team}{portal}")
    return 0 if parsed.detach else watch_labeling(parsed.name, aws)


def _job_config(parsed: argparse.Namespace) -> LabelingJobConfig:
    """The job that the options describe, with the name of its team in the place of the ARN."""
    from htrlib.aws.labeling import LabelingJobConfig

    manifest = f"{parsed.output.rstrip('/')}/{parsed.name}/input.manifest"
    return LabelingJobConfig(
        name=parsed.name,
        manifest=parsed.correct or manifest,
        output=parsed.output,
        role=parsed.role,
        work_team=parsed.team,
        template=parsed.template,
        pre_lambda=parsed.pre_lambda,
        post_lambda=parsed.post_lambda,
        workers=parsed.workers,
        kms_key=parsed.kms_key,
        tags=datasets.pairs(parsed.tag, "--tag"),
    )
