"""`htr aws`: label, train, deploy and read with Amazon SageMaker."""

from __future__ import annotations

import argparse

from htrlib.cli import aws_deploy, aws_jobs, aws_label, aws_read, aws_storage, aws_train
from htrlib.cli.aws_options import Run

_MODULES = (aws_storage, aws_label, aws_train, aws_deploy, aws_read, aws_jobs)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "Label, train, deploy and read with Amazon SageMaker, using the credentials and region of "
        "the AWS command line. docs/sagemaker.md is a walkthrough."
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--region", help="AWS region (default: from the environment or profile)")
    common.add_argument("--profile", help="profile in ~/.aws/config")
    common.add_argument(
        "--dry-run", action="store_true", help="print the requests as JSON without sending them"
    )
    verbs = parser.add_subparsers(metavar="COMMAND", dest="verb", required=True)

    def add(name: str, run: Run, text: str) -> argparse.ArgumentParser:
        description = text[0].upper() + text[1:]
        verb = verbs.add_parser(name, help=text, description=description, parents=[common])
        verb.set_defaults(run=_run_parsed, run_verb=run)
        return verb

    for module in _MODULES:
        module.add_verbs(add)


def _run_parsed(parsed: argparse.Namespace) -> int:
    """Run a command with the account that its options name."""
    from htrlib.aws.dry_run import Request, to_json
    from htrlib.aws.session import Aws

    def show(request: Request) -> None:
        print(to_json(request))

    if parsed.verb == "transcribe" and parsed.url:
        return int(parsed.run_verb(parsed, None))
    aws = Aws(parsed.region, parsed.profile, show if parsed.dry_run else None)
    return int(parsed.run_verb(parsed, aws))
