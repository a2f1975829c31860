"""Follow what takes AWS minutes or hours to its end."""

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
        line: for a reader.
        ended: whether it will change no more.
        failure: why there is no result, where there is none.
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
    """Wait for the end of a job and give its last description; in a dry run an empty one.

    Args:
        job: kind and name, for messages.
        describe: asks AWS.
        state_of: reads what AWS answers.
        tell: is told each change.
    Raises:
        AwsJobError: the job ended without a result.
        AwsError: as `Aws.call`; the job goes on.
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
