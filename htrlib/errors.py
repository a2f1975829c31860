"""The exceptions that htrlib raises.

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

import os
from pathlib import Path
from typing import Any, Optional, Tuple, Type


class HtrError(Exception):
    """Base of all exceptions that htrlib raises."""

    def __reduce__(self) -> Tuple[Any, ...]:
        # The default would call __init__ with `args`, the message. A worker process that raised
        # such an error would then leave its pool waiting.
        return _restored, (type(self), self.args), self.__dict__


def _restored(kind: Type[HtrError], args: Tuple[Any, ...]) -> HtrError:
    return kind.__new__(kind, *args)


def os_error_text(error: OSError) -> str:
    """Return the message of an error of the system, which begins with the file's name if known.

    >>> os_error_text(FileNotFoundError(2, "No such file or directory", "a.png"))
    'a.png: No such file or directory'
    """
    if error.strerror is None or error.filename is None:
        return error.strerror or str(error)
    return f"{os.fsdecode(error.filename)}: {error.strerror}"


class ConfigError(HtrError, ValueError):
    """An option has an invalid value."""


class DeviceError(HtrError, ValueError):
    """The requested device does not exist, or its name is invalid."""


class ImageError(HtrError, ValueError):
    """A file or array is not a readable picture."""


class CharsetError(HtrError, ValueError):
    """A charset is malformed, or does not match what it is used with."""


class UnknownCharacterError(CharsetError):
    """A text contains a character that is not in the charset."""

    def __init__(self, character: str, position: int) -> None:
        self.character = character
        self.position = position
        super().__init__(
            f"character {character!r} (U+{ord(character):04X}) at position {position} is not in "
            "the charset; remove it, replace it, or train with a charset that includes it"
        )


class DatasetError(HtrError):
    """Training or evaluation data is missing or cannot be used."""


class AnnotationError(DatasetError):
    """An annotation file, or a line of one, is invalid."""

    def __init__(self, message: str, path: Path, line_number: Optional[int] = None) -> None:
        self.path = path
        self.line_number = line_number
        where = f"{path}" if line_number is None else f"{path}, line {line_number}"
        super().__init__(f"{where}: {message}")


class CorrectionError(HtrError, ValueError):
    """An edit does not apply to the page."""


class LanguageModelError(HtrError, ValueError):
    """A language model cannot be estimated, read or written."""


class BundleError(HtrError):
    """A model directory is damaged or incomplete."""


class BundleNotFoundError(BundleError, FileNotFoundError):
    """No bundle has that name or path."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class BundleMismatchError(BundleError):
    """A bundle is intact, but not the expected one."""

    def __init__(self, what: str, expected: object, found: object) -> None:
        self.expected = expected
        self.found = found
        super().__init__(f"{what}: expected {expected}, found {found}")


class TrainingError(HtrError):
    """Training cannot start or continue."""


class NonFiniteLossError(TrainingError):
    """The loss became NaN or infinite."""

    def __init__(self, epoch: int, batch: int, samples: Tuple[str, ...] = ()) -> None:
        self.epoch = epoch
        self.batch = batch
        self.samples = samples
        named = f" ({', '.join(samples)})" if samples else ""
        super().__init__(
            f"the loss is not finite in epoch {epoch}, batch {batch}; train in a new directory, "
            f"with a lower learning rate or without the samples of that batch{named}"
        )


class EndpointError(HtrError):
    """A server of htrlib failed, or did not answer."""


class EndpointNotFoundError(EndpointError):
    """A server of htrlib does not have the model."""


class AwsError(HtrError):
    """A call of AWS, or of a SageMaker endpoint, failed."""


class AwsAccessError(AwsError):
    """The credentials lack a permission."""

    def __init__(self, action: str, resource: str) -> None:
        self.action = action
        self.resource = resource
        super().__init__(
            f"no permission for {action} on {resource}; add the action to a policy of the role or "
            "user that the credentials belong to"
        )


class AwsNotFoundError(AwsError):
    """A bucket, object, job, endpoint or other resource does not exist."""


class AwsTooLargeError(AwsError):
    """An S3 object exceeds the size limit."""


class AwsJobError(AwsError):
    """A job, a build or an endpoint update failed."""

    def __init__(self, job: str, reason: str) -> None:
        self.job = job
        self.reason = reason
        super().__init__(f"{job}: {reason}")
