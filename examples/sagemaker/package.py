"""Upload what the stack needs: Lambda functions, the image's source, the template.

    python3 examples/sagemaker/package.py

prints the link that opens the filled-in form of the stack. It needs boto3 and rapidfuzz alone, not
htrlib. The archives' names hold their checksums, so a change gives the stack new names, and it
updates what changed.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import sys
import zipfile
from pathlib import Path
from typing import Any, Dict, Iterator, Optional, Tuple
from urllib.parse import urlencode

import boto3
import rapidfuzz
from botocore.exceptions import BotoCoreError, ClientError

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TEMPLATE = HERE / "template.yaml"
FUNCTIONS = (
    HERE / "ground_truth" / "pre_annotation.py",
    HERE / "ground_truth" / "post_annotation.py",
    HERE / "build_image.py",
    HERE / "invitation.py",
)
# What post_annotation imports of the library; neither needs more than rapidfuzz.
MODULES = ("htrlib/document/geometry.py", "htrlib/data/consolidation.py")
SOURCE = ("htrlib", "container", "docs", "examples/sagemaker", "examples/data")
LEFT_OUT = {"__pycache__", "work", "stack_outputs.json"}  # the last two are those of a walk here
SOURCE_FILES = (
    *("setup.cfg", "setup.py", "MANIFEST.in", "pyproject.toml", ".dockerignore"),
    *("README.md", "LICENSE", "NOTICE"),
)


def function_files() -> Iterator[Tuple[str, Path]]:
    """Name in the archive -> file, of the Lambda functions and what they import."""
    for path in FUNCTIONS:
        yield path.name, path
    for name in MODULES:
        yield name, ROOT / name
    # Without its compiled parts rapidfuzz computes the same in Python, on any platform.
    package = Path(rapidfuzz.__file__).parent
    for path in sorted(package.rglob("*.py")):
        if "__pyinstaller" not in path.parts:
            yield f"rapidfuzz/{path.relative_to(package).as_posix()}", path


def source_files() -> Iterator[Tuple[str, Path]]:
    """Name in the archive -> file, of the image's source and what the notebooks show."""
    for name in SOURCE_FILES:
        yield name, ROOT / name
    for folder in SOURCE:
        for path in sorted((ROOT / folder).rglob("*")):
            relative = path.relative_to(ROOT)
            if path.is_file() and not LEFT_OUT & set(relative.parts):
                yield relative.as_posix(), path


def archive(files: Iterator[Tuple[str, Path]]) -> bytes:
    """A ZIP archive; the same files give the same bytes."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, path in files:
            entry = zipfile.ZipInfo(name)  # of 1980: no time of today
            entry.external_attr = 0o755 << 16  # Lambda's user reads it, scripts run
            entry.compress_type = zipfile.ZIP_DEFLATED
            bundle.writestr(entry, path.read_bytes())
    return target.getvalue()


class BucketError(Exception):
    """The bucket cannot take the archives."""


def upload(bucket: str, session: boto3.Session) -> Dict[str, str]:
    """Upload the archives and the template to a bucket, creating it if missing.

    Returns:
        the stack's parameters that say where they are, and ``template_url``.
    Raises:
        BucketError: the bucket is somebody else's, or in another region.
        ClientError, BotoCoreError: AWS refuses otherwise.
    """
    s3, region = session.client("s3"), session.region_name
    _open_bucket(s3, bucket, region)
    keys = {}
    for stem, suffix, body in (
        ("functions", "zip", archive(function_files())),
        ("source", "zip", archive(source_files())),
        ("template", "yaml", TEMPLATE.read_bytes()),
    ):
        keys[stem] = f"htrlib/{stem}-{hashlib.sha256(body).hexdigest()[:16]}.{suffix}"
        s3.put_object(Bucket=bucket, Key=keys[stem], Body=body)
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return {
        "CodeBucket": bucket,
        "FunctionsKey": keys["functions"],
        "SourceKey": keys["source"],
        "template_url": f"https://{bucket}.s3.{region}.{domain}/{keys['template']}",
    }


def _open_bucket(s3: Any, bucket: str, region: str) -> None:
    """Find or create the bucket in the stack's region; Lambda reads code from no other region."""
    try:
        found = s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        there = error.response["ResponseMetadata"].get("HTTPHeaders", {}).get("x-amz-bucket-region")
        if there not in (None, region):
            raise _elsewhere(bucket, there, region) from None
        if status == 403:
            raise BucketError(
                f"s3:ListBucket on {bucket} is denied: the bucket is somebody else's, or your user "
                "lacks that right; name another one with --bucket"
            ) from None
        if status != 404:
            raise
        # us-east-1 is where buckets are made that say nothing, and must not say it.
        place = {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=bucket, **(place if region != "us-east-1" else {}))
        return
    headers = found["ResponseMetadata"]["HTTPHeaders"]
    there = found.get("BucketRegion") or headers.get("x-amz-bucket-region") or region
    if there != region:
        raise _elsewhere(bucket, there, region)


def _elsewhere(bucket: str, there: str, region: str) -> BucketError:
    return BucketError(
        f"the bucket {bucket} is in {there}, and the stack would be in {region}, where Lambda "
        f"takes code from buckets of {region} only; name another with --bucket (it is made), or "
        f"create the stack there with --region {there}"
    )


def default_bucket(session: boto3.Session) -> str:
    """A name that no other account has."""
    account = session.client("sts").get_caller_identity()["Account"]
    return f"htrlib-artifacts-{account}-{session.region_name}"


def quick_create_link(region: str, stack: str, uploaded: Dict[str, str]) -> str:
    """The console's form for a new stack, with the places filled in."""
    fields = {"templateURL": uploaded["template_url"], "stackName": stack}
    names = ("CodeBucket", "FunctionsKey", "SourceKey")
    fields.update({f"param_{name}": uploaded[name] for name in names})
    domain = "console.amazonaws.cn" if region.startswith("cn-") else "console.aws.amazon.com"
    console = f"https://{region}.{domain}/cloudformation/home"
    return f"{console}?region={region}#/stacks/create/review?{urlencode(fields)}"


def main() -> Optional[str]:
    """Upload and print the link; return the error, if there is one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--bucket", help="created if missing (default: htrlib-artifacts-ACCOUNT-REGION)"
    )
    parser.add_argument("--region", help="of AWS (default: that of the environment or profile)")
    parser.add_argument("--stack", default="htr", help="the stack's name (default: %(default)s)")
    options = parser.parse_args()
    session = boto3.Session(region_name=options.region)
    if session.region_name is None:
        return "package.py: no region is set; name one with --region, or set AWS_DEFAULT_REGION"
    try:
        uploaded = upload(options.bucket or default_bucket(session), session)
    except (BucketError, BotoCoreError, ClientError) as error:
        return f"package.py: {error}"
    print(quick_create_link(session.region_name, options.stack, uploaded))
    return None


if __name__ == "__main__":
    sys.exit(main())
