"""Upload files to S3 with checksums, and resume interrupted uploads."""

from __future__ import annotations

import hashlib
import mimetypes
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, Dict, Tuple

from htrlib.aws.checksums import Part, parts_of, sha256, sha256_of_parts
from htrlib.aws.location import S3Uri
from htrlib.aws.session import Aws
from htrlib.errors import AwsError

_AT_ONCE = 4  # parts uploaded at the same time


def send(aws: Aws, path: Path, place: S3Uri, advance: Callable[[int], object]) -> int:
    """Upload a file, and return the number of bytes sent.

    Large files are uploaded in parts. If the bucket has an interrupted upload of the file, parts
    with the right checksum are not sent again.

    Args:
        advance: called with the bytes of each part that has arrived.
    Raises:
        AwsError: see `Aws.call`; the next call resumes the upload.
    """
    parts = parts_of(path.stat().st_size)
    if len(parts) == 1:
        data = path.read_bytes()
        aws.call("s3", "put_object", **_object(place, path), Body=data, ChecksumSHA256=sha256(data))
        advance(len(data))
        return len(data)
    return _send_parts(aws, path, place, parts, advance)


def _send_parts(
    aws: Aws, path: Path, place: S3Uri, parts: Tuple[Part, ...], advance: Callable[[int], object]
) -> int:
    upload, there = _unfinished(aws, place)
    if not upload:
        upload = aws.call("s3", "create_multipart_upload", **_object(place, path))["UploadId"]
    target = {"Bucket": place.bucket, "Key": place.key, "UploadId": upload}

    def deliver(part: Part) -> Tuple[Dict[str, Any], int]:
        data = part.read(path)
        entry: Dict[str, Any] = {"PartNumber": part.number, "ChecksumSHA256": sha256(data)}
        tag, sent = _tag_of(data, entry, there.get(part.number)), 0
        if not tag:
            checked = {**target, **entry, "Body": data, "ChecksumAlgorithm": "SHA256"}
            tag, sent = str(aws.call("s3", "upload_part", **checked)["ETag"]), len(data)
        advance(len(data))
        return {**entry, "ETag": tag}, sent

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        futures = [pool.submit(deliver, part) for part in parts]
        try:
            delivered = [future.result() for future in futures]
        except BaseException:
            for future in futures:
                future.cancel()
            raise
    entries = [entry for entry, _ in delivered]
    answer = aws.call(
        "s3", "complete_multipart_upload", **target, MultipartUpload={"Parts": entries}
    )
    expected = sha256_of_parts(entry["ChecksumSHA256"] for entry in entries)
    if not aws.dry and answer.get("ChecksumSHA256", expected) != expected:
        raise AwsError(
            f"{place}: S3 has the checksum {answer['ChecksumSHA256']}, {path} has {expected}; "
            "upload it again"
        )
    return sum(sent for _, sent in delivered)


def _object(place: S3Uri, path: Path) -> Dict[str, Any]:
    """Return the parameters for creating an object."""
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return {
        "Bucket": place.bucket,
        "Key": place.key,
        "ContentType": kind,
        "ChecksumAlgorithm": "SHA256",
    }


def _unfinished(aws: Aws, place: S3Uri) -> Tuple[str, Dict[int, Any]]:
    """Return the latest interrupted upload and its parts by number; "" and no parts if none."""
    uploads = aws.items(
        "s3", "list_multipart_uploads", "Uploads", Bucket=place.bucket, Prefix=place.key
    )
    ours = [
        upload
        for upload in uploads
        if upload["Key"] == place.key and upload.get("ChecksumAlgorithm") == "SHA256"
    ]
    if not ours:
        return "", {}
    newest = max(ours, key=lambda upload: upload["Initiated"])["UploadId"]
    parts = aws.items(
        "s3", "list_parts", "Parts", Bucket=place.bucket, Key=place.key, UploadId=newest
    )
    return str(newest), {part["PartNumber"]: part for part in parts}


def _tag_of(data: bytes, entry: Dict[str, Any], there: Any) -> str:
    """Return the ETag of an uploaded part if it equals this one."""
    if there is None or there["Size"] != len(data):
        return ""
    tag = str(there["ETag"])
    # S3 gives the checksum; stand-ins for it may give the ETag alone, which is an MD5
    kept = there.get("ChecksumSHA256")
    same = (
        kept == entry["ChecksumSHA256"] if kept else tag.strip('"') == hashlib.md5(data).hexdigest()
    )
    return tag if same else ""
