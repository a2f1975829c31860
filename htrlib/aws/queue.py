"""Use asynchronous endpoints: pictures wait in S3, and answers are written there.

By default a picture may have 100 MB and take a quarter of an hour; the endpoint's `Queue` can
change these limits, up to SageMaker's 1 GB and one hour. The endpoint may have no machine while
nothing waits; then the first answer takes some minutes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterable, Optional, Union

from htrlib.aws.following import State, Tell, follow, silent
from htrlib.aws.location import S3Uri
from htrlib.aws.session import Aws, Response
from htrlib.aws.storage import read_object, upload
from htrlib.document.results import DocumentResult, PageResult
from htrlib.errors import AwsError, AwsJobError, AwsNotFoundError
from htrlib.formats.json_format import from_json

PICTURE_BYTES = 1 << 30
_SECONDS = 3600  # the most that SageMaker waits (else 900); the endpoint's `Queue` sets the limit
_ANSWER_BYTES = 256 << 20
_WAITING, _ANSWERED, _FAILED = "waits", "answered", "failed"

Result = Union[PageResult, DocumentResult]


@dataclass(frozen=True)
class Asked:
    """A picture sent to an endpoint.

    Attributes:
        picture: S3 URI of the picture.
        answer, failure: S3 URIs; an object will appear at one of them.
    """

    picture: str
    answer: str
    failure: str


def ask(
    endpoint: str,
    picture: Union[str, Path],
    queue: str,
    *,
    attributes: str = "",
    aws: Optional[Aws] = None,
) -> Asked:
    """Put a picture into the queue of an endpoint.

    Args:
        picture: a local file, which is uploaded to `questions/` below `queue`, or an S3 URI.
        queue: S3 prefix of the endpoint's queue.
        attributes: options, such as `stage=lines; beam_width=50`.
    Raises:
        AwsNotFoundError: the endpoint does not exist.
        AwsError: see `Aws.call`; the picture exceeds 1 GB, or the endpoint has no queue.
    """
    aws = aws or Aws()
    place = _uploaded(picture, S3Uri.parse(queue), aws)
    answer = aws.call(
        "sagemaker-runtime",
        "invoke_endpoint_async",
        EndpointName=endpoint,
        InputLocation=str(place),
        ContentType="application/octet-stream",  # the container detects the type
        Accept="application/json",
        InvocationTimeoutSeconds=_SECONDS,
        **({"CustomAttributes": attributes} if attributes else {}),
    )
    return Asked(str(place), str(answer["OutputLocation"]), str(answer.get("FailureLocation", "")))


def collect(
    asked: Iterable[Asked], aws: Optional[Aws] = None, tell: Tell = silent
) -> Dict[str, Result]:
    """Wait for the answers, and return them by the S3 URI of their picture.

    Raises:
        AwsJobError: the endpoint could not read a picture; with its message.
        AwsError: see `Aws.call`; the pictures stay in the queue.
    """
    aws = aws or Aws()
    return {question.picture: _answer(question, aws, tell) for question in asked}


def _answer(question: Asked, aws: Aws, tell: Tell) -> Result:
    def describe() -> Response:
        for key, place in ((_ANSWERED, question.answer), (_FAILED, question.failure)):
            data = _found(place, aws)
            if data is not None:
                return {"status": key, "data": data}
        return {"status": _WAITING, "data": b""}

    def state(answer: Response) -> State:
        failure = answer["data"].decode("utf-8", "replace")[:1000]
        failed = answer["status"] == _FAILED
        return State(answer["status"], answer["status"] == _ANSWERED, failure if failed else "")

    data = follow(aws, question.picture, describe, state, tell).get("data", b"")
    try:
        return from_json(data.decode("utf-8"))
    except (ValueError, KeyError, TypeError) as error:
        raise AwsJobError(
            question.picture, f"{question.answer} is not a result of htrlib: {error}"
        ) from error


def _found(place: str, aws: Aws) -> Optional[bytes]:
    if not place:
        return None
    try:
        return read_object(place, _ANSWER_BYTES, aws)
    except AwsNotFoundError:
        return None


def _uploaded(picture: Union[str, Path], queue: S3Uri, aws: Aws) -> S3Uri:
    if isinstance(picture, str) and picture.startswith("s3://"):
        return S3Uri.parse(picture)
    path = Path(picture)
    size = path.stat().st_size if path.is_file() else 0
    if size > PICTURE_BYTES:
        raise AwsError(f"{path} has {size:,} bytes, and a queue takes {PICTURE_BYTES:,} at most")
    # One folder per picture, because two pictures may have the same name.
    folder = queue / "questions" / hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]
    upload(path, folder, aws)
    return folder / path.name
