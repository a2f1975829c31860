"""`htr aws upload|download`: folders to and from S3."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from htrlib.cli.aws_options import Add, give_result, tell

if TYPE_CHECKING:
    from htrlib.aws.session import Aws
    from htrlib.aws.storage import Transfer


def add_verbs(add: Add) -> None:
    """Add the commands."""
    verb = add("upload", _upload, "upload a folder to S3; repeat the command to resume")
    verb.add_argument("folder", type=Path, help="folder or file")
    verb.add_argument("s3_uri", metavar="S3_URI", help="prefix, such as s3://bucket/pages")
    verb = add("download", _download, "download everything below an S3 prefix")
    verb.add_argument("s3_uri", metavar="S3_URI", help="prefix or object")
    verb.add_argument("folder", type=Path, help="folder to download to")
    verb.add_argument(
        "--unpack", action="store_true", help="unpack a model.tar.gz into the folder, which is new"
    )


def _upload(parsed: argparse.Namespace, aws: Aws) -> int:
    from htrlib.aws.storage import upload

    done = upload(parsed.folder, parsed.s3_uri, aws)
    tell(f"{parsed.s3_uri}: {_counts(done)}, {done.sent:,} bytes sent")
    return 0


def _download(parsed: argparse.Namespace, aws: Aws) -> int:
    from htrlib.aws.storage import download, download_archive

    if parsed.unpack:
        give_result(str(download_archive(parsed.s3_uri, parsed.folder, aws)), aws)
        return 0
    done = download(parsed.s3_uri, parsed.folder, aws)
    tell(f"{parsed.folder}: {_counts(done)}, {done.sent:,} bytes received")
    return 0


def _counts(done: Transfer) -> str:
    return f"{done.files} files, {done.skipped} already there"
