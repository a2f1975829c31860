"""Put what the stack needs into a bucket of yours: Lambdas, the image's source, the template.

    python examples/sagemaker/package.py --bucket my-artifacts

prints the link that opens the filled-in form of the stack. The archives' names hold their
checksums, so a change gives the stack new names, and it updates what changed.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import sys
import zipfile
from pathlib import Path
from typing import Dict, Iterator, Optional, Tuple
from urllib.parse import urlencode

import rapidfuzz

from htrlib.aws.session import Aws
from htrlib.errors import HtrError

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TEMPLATE = HERE / "template.yaml"
FUNCTIONS = (
    HERE / "ground_truth" / "pre_annotation.py",
    HERE / "ground_truth" / "post_annotation.py",
    HERE / "build_image.py",
)
# What post_annotation imports of the library; neither needs more than rapidfuzz.
MODULES = ("htrlib/geometry.py", "htrlib/data/consolidation.py")
SOURCE = ("htrlib", "container", "docs", "examples/sagemaker", "examples/data")
LEFT_OUT = {"__pycache__", "work", "stack_outputs.json"}  # the last two are those of a walk here
SOURCE_FILES = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "NOTICE", ".dockerignore")


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


def upload(bucket: str, aws: Aws) -> Dict[str, str]:
    """Put the archives and the template into a bucket, which is made where it is missing.

    Returns:
        the stack's parameters that say where they are, and ``template_url``.
    Raises:
        AwsError: the bucket is somebody else's, or AWS refuses otherwise.
    """
    if aws.find("s3", "head_bucket", Bucket=bucket) is None:
        # us-east-1 is where buckets are made that say nothing, and must not say it.
        place = {"CreateBucketConfiguration": {"LocationConstraint": aws.region}}
        aws.call(
            "s3", "create_bucket", Bucket=bucket, **(place if aws.region != "us-east-1" else {})
        )
    keys = {}
    for stem, suffix, body in (
        ("functions", "zip", archive(function_files())),
        ("source", "zip", archive(source_files())),
        ("template", "yaml", TEMPLATE.read_bytes()),
    ):
        keys[stem] = f"htrlib/{stem}-{hashlib.sha256(body).hexdigest()[:16]}.{suffix}"
        aws.call("s3", "put_object", Bucket=bucket, Key=keys[stem], Body=body)
    return {
        "CodeBucket": bucket,
        "FunctionsKey": keys["functions"],
        "SourceKey": keys["source"],
        "template_url": f"https://{bucket}.s3.{aws.region}.amazonaws.com/{keys['template']}",
    }


def quick_create_link(region: str, stack: str, uploaded: Dict[str, str]) -> str:
    """The console's form for a new stack, with the places filled in."""
    fields = {"templateURL": uploaded["template_url"], "stackName": stack}
    names = ("CodeBucket", "FunctionsKey", "SourceKey")
    fields.update({f"param_{name}": uploaded[name] for name in names})
    console = f"https://{region}.console.aws.amazon.com/cloudformation/home"
    return f"{console}?region={region}#/stacks/create/review?{urlencode(fields)}"


def main() -> Optional[str]:
    """Upload and print the link; return what went wrong, if anything did."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bucket", required=True, help="made where it is missing")
    parser.add_argument("--region", help="of AWS (default: that of the environment or profile)")
    parser.add_argument("--stack", default="htr", help="the stack's name (default: %(default)s)")
    options = parser.parse_args()
    try:
        aws = Aws(options.region)
        uploaded = upload(options.bucket, aws)
    except HtrError as error:
        return f"package.py: {error}"
    print(quick_create_link(aws.region, options.stack, uploaded))
    return None


if __name__ == "__main__":
    sys.exit(main())
