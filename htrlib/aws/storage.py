"""Transfer folders to and from S3.

Files that exist on the other side with the same size and checksum are not transferred again, so
repeating a call resumes an interrupted transfer.
"""

from __future__ import annotations

import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Callable, Dict, List, Optional, Sequence, Tuple, Union

from tqdm import tqdm

from htrlib.archives import pack, unpack
from htrlib.atomic_files import replacing
from htrlib.aws.checksums import agrees, look_up
from htrlib.aws.location import S3Uri
from htrlib.aws.sending import send
from htrlib.aws.session import Aws
from htrlib.errors import AwsError, AwsNotFoundError, AwsTooLargeError, DatasetError
from htrlib.progress import Heartbeat

_AT_ONCE = 8  # files transferred at the same time
_MEGABYTE = 1_000_000

Advance = Callable[[int], object]


@dataclass(frozen=True)
class Transfer:
    """The outcome of a transfer.

    Attributes:
        files: number of files now on the other side.
        skipped: number of files that existed there before.
        sent: bytes transferred over the network.
    """

    files: int
    skipped: int
    sent: int


def upload(
    folder: Union[str, Path], s3_uri: Union[str, S3Uri], aws: Optional[Aws] = None
) -> Transfer:
    """Upload the files of a folder, or one file, below a prefix of S3.

    Large files are uploaded in parts; parts of an interrupted upload are not sent again. They stay
    in the bucket, and are billed, until then, or until a lifecycle rule of the bucket
    (`AbortIncompleteMultipartUpload`) removes them.

    Args:
        folder: a folder, or a file, which keeps its name.
    Raises:
        DatasetError: the folder does not exist, or is empty.
        AwsError: see `Aws.call`.
    """
    aws, target, folder = aws or Aws(), S3Uri.parse(s3_uri), Path(folder)
    files = _files(folder)
    there = _sizes(aws, target)

    def bring(path: Path, advance: Advance) -> Optional[int]:
        place = target / _below(path, folder)
        size = path.stat().st_size
        if there.get(place.key) == size and agrees(aws, path, place, look_up(aws, place)):
            advance(size)
            return None
        return send(aws, path, place, advance)

    return _transfer(bring, files, sum(path.stat().st_size for path in files), "up")


def download(
    s3_uri: Union[str, S3Uri], folder: Union[str, Path], aws: Optional[Aws] = None
) -> Transfer:
    """Download the objects below a prefix, or one object, to a folder.

    A file appears once it is complete and its checksum, if S3 stores one, is right.

    Raises:
        AwsNotFoundError: there is no such object, and none below such a prefix.
        AwsError: see `Aws.call`; or a key would lead out of the folder.
    """
    aws, source, folder = aws or Aws(), S3Uri.parse(s3_uri), Path(folder)
    sizes = {key: size for key, size in _sizes(aws, source).items() if not key.endswith("/")}
    if not sizes and not aws.dry:
        raise AwsNotFoundError(f"{source}: no such object, and nothing below such a prefix")
    start = len(source.prefix)
    targets = {
        key: folder / _inside(key[start:] or PurePosixPath(key).name, source) for key in sizes
    }

    def bring(key: str, advance: Advance) -> Optional[int]:
        return _fetch(aws, S3Uri(source.bucket, key), targets[key], advance)

    return _transfer(bring, sorted(sizes), sum(sizes.values()), "down")


def read_object(s3_uri: Union[str, S3Uri], limit: int, aws: Optional[Aws] = None) -> bytes:
    """Read an object.

    Args:
        limit: maximum size in bytes.
    Raises:
        AwsNotFoundError: the object does not exist.
        AwsTooLargeError: the object is larger; at most `limit` bytes are kept in memory.
        AwsError: see `Aws.call`.
    """
    aws, place = aws or Aws(), S3Uri.parse(s3_uri)
    parameters = {"Bucket": place.bucket, "Key": place.key}
    answer = aws.call("s3", "get_object", **parameters)
    with aws.explained("s3", "get_object", parameters), answer["Body"] as body:
        if answer["ContentLength"] > limit:
            raise AwsTooLargeError(
                f"{place} has {answer['ContentLength']:,} bytes; at most {limit:,} are read"
            )
        data: bytes = body.read()
    return data


def write_object(
    data: bytes, s3_uri: Union[str, S3Uri], content_type: str, aws: Optional[Aws] = None
) -> None:
    """Write bytes to an object. Raises like `Aws.call`."""
    place = S3Uri.parse(s3_uri)
    (aws or Aws()).call(
        "s3",
        "put_object",
        Bucket=place.bucket,
        Key=place.key,
        Body=data,
        ContentType=content_type,
        ChecksumAlgorithm="SHA256",
    )


def download_archive(
    s3_uri: Union[str, S3Uri], folder: Union[str, Path], aws: Optional[Aws] = None
) -> Path:
    """Unpack a model.tar.gz in S3 into a new folder, and return the folder.

    Raises:
        AwsNotFoundError: the object does not exist.
        AwsError: see `Aws.call`.
        BundleError, ConfigError: see `archives.unpack`.
    """
    aws, place, folder = aws or Aws(), S3Uri.parse(s3_uri), Path(folder)
    with tempfile.TemporaryDirectory() as scratch:
        download(place, scratch, aws)
        archive = Path(scratch) / place.key.rpartition("/")[2]
        if aws.dry:
            return folder
        if not archive.is_file():
            raise AwsNotFoundError(f"{place} is a prefix; name the archive below it")
        return unpack(archive, folder)


def upload_archive(
    folder: Union[str, Path], s3_uri: Union[str, S3Uri], aws: Optional[Aws] = None
) -> S3Uri:
    """Pack a bundle into an archive for SageMaker and upload it.

    Args:
        s3_uri: URI of the archive, such as "s3://models/hands/model.tar.gz".
    Raises:
        AwsError: see `Aws.call`.
    """
    place = S3Uri.parse(s3_uri)
    parent, _, name = place.key.rpartition("/")
    with tempfile.TemporaryDirectory() as scratch:
        upload(pack(Path(folder), Path(scratch) / name), S3Uri(place.bucket, parent), aws)
    return place


def list_objects(s3_uri: Union[str, S3Uri], aws: Optional[Aws] = None) -> Tuple[S3Uri, ...]:
    """Return the objects below a prefix, by key. Raises like `Aws.call`."""
    place = S3Uri.parse(s3_uri)
    keys = sorted(_sizes(aws or Aws(), place))
    return tuple(S3Uri(place.bucket, key) for key in keys if not key.endswith("/"))


def _files(folder: Path) -> List[Path]:
    files = [folder] if folder.is_file() else sorted(p for p in folder.rglob("*") if p.is_file())
    if not files:
        raise DatasetError(f"{folder}: expected a file or a folder with files, found none")
    return files


def _below(path: Path, folder: Path) -> str:
    return path.name if path == folder else path.relative_to(folder).as_posix()


def _sizes(aws: Aws, place: S3Uri) -> Dict[str, int]:
    """Return the sizes of an object and of those below it, by key."""
    listed = aws.items("s3", "list_objects_v2", "Contents", Bucket=place.bucket, Prefix=place.key)
    return {
        entry["Key"]: entry["Size"]
        for entry in listed
        if entry["Key"] == place.key or entry["Key"].startswith(place.prefix)
    }


def _inside(name: str, source: S3Uri) -> Path:
    """The path of a key below a folder; keys may hold anything."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name:
        raise AwsError(f"{source}: the key {name!r} leads out of the folder; rename the object")
    return Path(*path.parts)


def _fetch(aws: Aws, place: S3Uri, path: Path, advance: Advance) -> Optional[int]:
    known = look_up(aws, place)
    size: int = known["ContentLength"]
    if path.is_file() and agrees(aws, path, place, known):
        advance(size)
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    parameters = {"Bucket": place.bucket, "Key": place.key}
    with replacing(path) as partial:
        with aws.explained("s3", "get_object", parameters):
            client = aws.client("s3")
            client.download_file(**parameters, Filename=str(partial), Callback=advance)
        if agrees(aws, partial, place, known) is False:
            raise AwsError(f"{place} came with another checksum than S3 keeps; download it again")
    return size


def _transfer(
    bring: Callable[..., Optional[int]], items: Sequence[object], size: int, direction: str
) -> Transfer:
    """Bring all items, several at once; the first failure stops the rest."""
    # disable=None: no bar where standard error is no terminal
    bar = tqdm(total=size, unit="B", unit_scale=True, desc=f"{direction}load", disable=None)
    heartbeat = Heartbeat(f"{direction}load", size // _MEGABYTE, "MB")
    lock, done = threading.Lock(), 0

    def advance(count: int) -> None:
        nonlocal done
        bar.update(count)
        with lock:
            done += count
            heartbeat.beat(done // _MEGABYTE)

    with bar, ThreadPoolExecutor(_AT_ONCE) as pool:
        futures = [pool.submit(bring, item, advance) for item in items]
        try:
            sent = [future.result() for future in futures]
        except BaseException:
            for future in futures:
                future.cancel()
            raise
    return Transfer(len(sent), sent.count(None), sum(count or 0 for count in sent))
