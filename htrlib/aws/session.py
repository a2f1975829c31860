"""Access to AWS: region, credentials, timeouts, retries, errors and dry runs, set once."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager, suppress
from typing import Any, Callable, Dict, Iterator, Mapping, NamedTuple, Optional, Tuple, TypeVar

from htrlib._version import __version__
from htrlib.aws.dry_run import Request, intercept
from htrlib.aws.failures import translated
from htrlib.client import READ_SECONDS
from htrlib.errors import AwsError, AwsNotFoundError, ConfigError

CONNECT_SECONDS = 10
ATTEMPTS = 6  # with growing, random pauses: about half a minute in total
POLL_SECONDS = 15

_ASKED_ONCE = ("sagemaker-runtime",)
"""boto3 would retry a request that timed out; `endpoint_client` retries only what can succeed."""

Response = Dict[str, Any]
Described = TypeVar("Described")

_log = logging.getLogger(__name__)


class Waits(NamedTuple):
    """Timeouts in seconds for connecting and for each read, and the number of attempts."""

    connect: float
    read: float
    attempts: int


class Aws:
    """One account in one region; thread-safe.

    Creating it sends nothing. A dry run never sends anything: requests are checked against AWS's
    own descriptions and reported, reads find an empty account, and writes answer "<Name>" in place
    of names.

    Args:
        region: region such as "eu-west-1"; None means that of the environment or the profile.
        profile: profile in `~/.aws/config`; None means that of the environment.
        dry_run: called with each request instead of sending it.
        waits: timeouts and attempts that differ from the defaults.
    Raises:
        AwsError: the region is missing, the profile does not exist, or its file cannot be read.
        ConfigError: boto3 is not installed.
    """

    def __init__(
        self,
        region: Optional[str] = None,
        profile: Optional[str] = None,
        dry_run: Optional[Callable[[Request], None]] = None,
        waits: Optional[Waits] = None,
    ) -> None:
        self._session = _open_session(region, profile)
        from botocore.config import Config  # boto3, which brings it, is installed

        self.region: str = self._session.region_name
        waits = waits or Waits(CONNECT_SECONDS, READ_SECONDS, ATTEMPTS)
        self._config = Config(
            connect_timeout=waits.connect,
            read_timeout=waits.read,
            retries={"mode": "standard", "total_max_attempts": waits.attempts},
            max_pool_connections=64,
            user_agent_extra=f"htrlib/{__version__}",
        )
        self.dry = dry_run is not None
        self._clients: Dict[str, Any] = {}
        self._lock = threading.Lock()
        if dry_run is not None:
            intercept(self._session.events, dry_run)

    def client(self, service: str) -> Any:
        """Return the boto3 client of a service, created on first use; prefer `call`."""
        with self._lock:
            if service not in self._clients:
                config = self._config
                if service in _ASKED_ONCE:
                    from botocore.config import Config

                    config = config.merge(Config(retries={"total_max_attempts": 1}))
                self._clients[service] = self._session.client(service, config=config)
            return self._clients[service]

    def call(self, service: str, operation: str, **parameters: Any) -> Response:
        """Make a call, such as `call("s3", "head_bucket", Bucket="pages")`.

        Raises:
            AwsAccessError: the credentials lack the permission.
            AwsNotFoundError: the resource does not exist.
            AwsError: there are no credentials or no connection, or AWS refuses.
            ConfigError: the parameters do not have the form that AWS describes.
        """
        _log.debug("%s %s", service, operation)
        with self.explained(service, operation, parameters):
            response: Response = getattr(self.client(service), operation)(**parameters)
            return response

    def find(self, service: str, operation: str, **parameters: Any) -> Optional[Response]:
        """Like `call`, but return None if the resource does not exist."""
        try:
            return self.call(service, operation, **parameters)
        except AwsNotFoundError:
            return None

    def items(
        self, service: str, operation: str, key: str, **parameters: Any
    ) -> Tuple[Response, ...]:
        """Collect the items under `key` from all pages of a call. Raises like `call`."""
        _log.debug("%s %s", service, operation)
        with self.explained(service, operation, parameters):
            pages = self.client(service).get_paginator(operation).paginate(**parameters)
            return tuple(item for page in pages for item in page.get(key, ()))

    def poll(self, describe: Callable[[], Described]) -> Iterator[Described]:
        """Call `describe` repeatedly and yield its results; a dry run yields nothing."""
        if self.dry:
            with suppress(AwsNotFoundError):
                describe()
            return
        while True:
            yield describe()
            time.sleep(POLL_SECONDS)

    @contextmanager
    def explained(
        self, service: str, operation: str, parameters: Mapping[str, Any]
    ) -> Iterator[None]:
        """Turn boto3's exceptions into htrlib's errors, without credentials in messages."""
        with translated(service, operation, parameters, self._without_secrets):
            yield

    def _without_secrets(self, text: str) -> str:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            credentials = self._session.get_credentials()
            known = None if credentials is None else credentials.get_frozen_credentials()
        except (BotoCoreError, ClientError):  # there are none, which may be what the text says
            return text
        for name in ("access_key", "secret_key", "token"):
            secret = getattr(known, name, None)
            text = text.replace(secret, "***") if secret else text
        return text


def _open_session(region: Optional[str], profile: Optional[str]) -> Any:
    """Read the settings, and return boto3's session. Raises as `Aws`."""
    try:
        import boto3
        from botocore.exceptions import BotoCoreError, ProfileNotFound
    except ImportError:
        raise ConfigError("AWS needs boto3: pip install 'htrlib[aws]'") from None
    try:
        opened = boto3.Session(region_name=region, profile_name=profile)
        found = opened.region_name
    except ProfileNotFound as error:
        raise AwsError(f"{error}; `aws configure list-profiles` shows those there are") from None
    except BotoCoreError as error:
        raise AwsError(f"the settings for AWS cannot be read: {error}; correct the file") from None
    if found is None:
        raise AwsError("no region is set; name one (--region eu-west-1), or set AWS_DEFAULT_REGION")
    return opened
