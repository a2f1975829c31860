"""Follow long-running jobs of AWS to their end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

from htrlib.aws.session import Aws, Response
from htrlib.errors import AwsJobError

Tell = Callable[[str], object]
"""Is told a line for a reader."""


def silent(_: str) -> None:
    """Ignore messages."""


@dataclass(frozen=True)
class State:
    """The status of a job.

    Attributes:
        line: description for people.
        ended: True if the status is final.
        failure: reason of a failure, or None.
    """

    line: str
    ended: bool = False
    failure: str = ""


def follow(
    aws: Aws,
    job: str,
    describe: Callable[[], Response],
    state_of: Callable[[Response], State],
    tell: Tell,
) -> Response:
    """Wait for the end of a job and return its last description; in a dry run an empty one.

    Args:
        job: kind and name of the job, for messages.
        describe: requests the description.
        state_of: extracts the state from the description.
        tell: called with each change.
    Raises:
        AwsJobError: the job ended without a result.
        AwsError: see `Aws.call`; the job continues.
    """
    last = ""
    for answer in aws.poll(describe):
        state = state_of(answer)
        if state.line != last:
            last = state.line
            tell(f"{job}: {last}")
        if state.failure:
            raise AwsJobError(job, state.failure)
        if state.ended:
            return answer
    return {}
