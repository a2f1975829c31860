"""Every exception that htrlib raises on purpose.

The tree::

    HtrError
      ConfigError(ValueError)
      DeviceError(ValueError)
      ImageError(ValueError)
      CharsetError(ValueError)
        UnknownCharacterError        .character .position
      DatasetError
        AnnotationError              .path .line_number
      CorrectionError(ValueError)
      LanguageModelError(ValueError)
      BundleError
        BundleNotFoundError(FileNotFoundError)
        BundleMismatchError          .expected .found
      TrainingError
        NonFiniteLossError           .epoch .batch .samples
      EndpointError
        EndpointNotFoundError
      AwsError
        AwsAccessError               .action .resource
        AwsNotFoundError
        AwsTooLargeError
        AwsJobError                  .job .reason

A message says what was found, what was expected, where, and what to do about it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional, Tuple, Type


class HtrError(Exception):
    """Base of every error that htrlib raises on purpose."""

    def __reduce__(self) -> Tuple[Any, ...]:
        # Exception's own would call __init__ with `args`, the message; a worker process that
        # raised such an error would leave its pool waiting.
        return _restored, (type(self), self.args), self.__dict__


def _restored(kind: Type[HtrError], args: Tuple[Any, ...]) -> HtrError:
    return kind.__new__(kind, *args)


class ConfigError(HtrError, ValueError):
    """An option has a value that cannot work."""


class DeviceError(HtrError, ValueError):
    """The device asked for is not there, or is not named correctly."""


class ImageError(HtrError, ValueError):
    """A file or an array is not a picture that can be read."""


class CharsetError(HtrError, ValueError):
    """A charset is malformed, or does not fit what it is used with."""


class UnknownCharacterError(CharsetError):
    """A text holds a character that the charset lacks."""

    def __init__(self, character: str, position: int) -> None:
        self.character = character
        self.position = position
        super().__init__(
            f"character {character!r} (U+{ord(character):04X}) at position {position} is not in "
            "the charset; drop it, replace it, or train with a charset that has it"
        )


class DatasetError(HtrError):
    """Training or evaluation data is missing or cannot be used."""


class AnnotationError(DatasetError):
    """One annotation file, or one line of it, is wrong."""

    def __init__(self, message: str, path: Path, line_number: Optional[int] = None) -> None:
        self.path = path
        self.line_number = line_number
        where = f"{path}" if line_number is None else f"{path}, line {line_number}"
        super().__init__(f"{where}: {message}")


class CorrectionError(HtrError, ValueError):
    """An edit does not fit the page that it is made to."""


class LanguageModelError(HtrError, ValueError):
    """A language model cannot be estimated, read or written."""


class BundleError(HtrError):
    """A model directory is damaged or incomplete."""


class BundleNotFoundError(BundleError, FileNotFoundError):
    """No bundle has that name, or lies at that path."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class BundleMismatchError(BundleError):
    """A bundle is whole, but not what was asked for."""

    def __init__(self, what: str, expected: object, found: object) -> None:
        self.expected = expected
        self.found = found
        super().__init__(f"{what}: expected {expected}, found {found}")


class TrainingError(HtrError):
    """Training cannot start or go on."""


class NonFiniteLossError(TrainingError):
    """The loss became NaN or infinite."""

    def __init__(self, epoch: int, batch: int, samples: Tuple[str, ...] = ()) -> None:
        self.epoch = epoch
        self.batch = batch
        self.samples = samples
        named = f" ({', '.join(samples)})" if samples else ""
        super().__init__(
            f"the loss is not finite in epoch {epoch}, batch {batch}; lower the learning rate or "
            f"look at the samples of that batch{named}"
        )


class EndpointError(HtrError):
    """A server of htrlib failed, or did not answer."""


class EndpointNotFoundError(EndpointError):
    """A server of htrlib does not have the model."""


class AwsError(HtrError):
    """A call of AWS, or of a SageMaker endpoint, failed."""


class AwsAccessError(AwsError):
    """The credentials lack a right."""

    def __init__(self, action: str, resource: str) -> None:
        self.action = action
        self.resource = resource
        super().__init__(
            f"no right to {action} on {resource}; add the action to a policy of the role or user "
            "whose credentials these are"
        )


class AwsNotFoundError(AwsError):
    """A bucket, an object, a job, an endpoint, ... is not there."""


class AwsTooLargeError(AwsError):
    """An object of S3 has more bytes than are read."""


class AwsJobError(AwsError):
    """A job, a build or an update of an endpoint ended without a result."""

    def __init__(self, job: str, reason: str) -> None:
        self.job = job
        self.reason = reason
        super().__init__(f"{job}: {reason}")
