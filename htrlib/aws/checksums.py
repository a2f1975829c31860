"""Compute the checksums that S3 stores for objects, from local files.

An object uploaded at once has a SHA-256, or else an MD5 as its ETag. One uploaded in parts has
the checksum of its parts' checksums and, after a hyphen, their number.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Callable, Iterator, Optional, Tuple

from htrlib.aws.location import S3Uri
from htrlib.aws.session import Aws, Response

PART_BYTES = 8 << 20
"""Size of the parts of a large file, the default of boto3 and the AWS command line."""

_MOST_PARTS = 10_000
_MD5 = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Part:
    """A part of a file; numbers start at 1."""

    number: int
    start: int
    size: int

    def read(self, path: Path) -> bytes:
        with path.open("rb") as file:
            file.seek(self.start)
            return file.read(self.size)


def parts_of(size: int, part_bytes: Optional[int] = None) -> Tuple[Part, ...]:
    """Divide a file of the given size into parts; only one if it is small.

    >>> [part.size for part in parts_of(20 << 20)] == [8 << 20, 8 << 20, 4 << 20]
    True
    """
    step = part_bytes or max(PART_BYTES, -(-size // _MOST_PARTS))
    starts = range(0, max(size, 1), step)
    return tuple(Part(n, start, min(step, size - start)) for n, start in enumerate(starts, 1))


def sha256(data: bytes) -> str:
    """Encode a checksum as S3 does, in base64."""
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def sha256_of_parts(sums: Iterator[str]) -> str:
    """Compute the checksum of an object uploaded in parts, from theirs."""
    digests = [base64.b64decode(value) for value in sums]
    return f"{sha256(b''.join(digests))}-{len(digests)}"


def look_up(aws: Aws, place: S3Uri) -> Response:
    """Look up an object's metadata, including its checksum. Raises as `Aws.call`."""
    return aws.call("s3", "head_object", Bucket=place.bucket, Key=place.key, ChecksumMode="ENABLED")


def agrees(aws: Aws, path: Path, place: S3Uri, known: Response) -> Optional[bool]:
    """Return whether a file equals an object; None if S3 has no comparable checksum.

    Args:
        known: metadata from `look_up`.
    """
    size = path.stat().st_size
    if size != known["ContentLength"]:
        return False
    tag, _, count = str(known["ETag"]).strip('"').partition("-")
    parts: Tuple[Part, ...] = ()
    if count:
        first = aws.call("s3", "head_object", Bucket=place.bucket, Key=place.key, PartNumber=1)
        parts = parts_of(size, first["ContentLength"])
        if len(parts) != int(count):
            return None  # parts of several sizes
    if "ChecksumSHA256" in known:
        kept = str(known["ChecksumSHA256"]).partition("-")[0]
        return kept == base64.b64encode(_sum(path, parts, hashlib.sha256)).decode()
    if str(known.get("ServerSideEncryption", "")).startswith("aws:kms"):
        return None  # the ETag is of what the key made of it
    return tag == _sum(path, parts, hashlib.md5).hex() if _MD5.fullmatch(tag) else None


def _sum(path: Path, parts: Tuple[Part, ...], kind: Callable[[bytes], Any]) -> bytes:
    """Compute the checksum of a file, or of its parts if it was uploaded in parts."""
    with path.open("rb") as file:
        if not parts:
            return _digest(file, path.stat().st_size, kind)
        digests = [_digest(file, part.size, kind) for part in parts]
    return bytes(kind(b"".join(digests)).digest())


def _digest(file: BinaryIO, size: int, kind: Callable[[bytes], Any]) -> bytes:
    state = kind(b"")
    while size:
        block = file.read(min(size, 1 << 20))
        if not block:
            break  # the file has become shorter, which the checksum shows
        state.update(block)
        size -= len(block)
    return bytes(state.digest())
