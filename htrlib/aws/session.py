"""The way to AWS: region, credentials, time-outs, retries, errors and dry runs, set once."""

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
ATTEMPTS = 6  # with growing, random pauses between them: about half a minute in all
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
    """One account in one region. Its calls may be made from several threads.

    Nothing is sent when it is made. In a dry run nothing is ever sent: requests are checked against
    AWS's own descriptions and told, reads find an empty account, and writes answer "<Name>" where
    AWS would put a name.

    Args:
        region: as "eu-west-1"; None is that of the environment or of the profile.
        profile: of `~/.aws/config`; None is that of the environment.
        dry_run: is told each request instead of AWS.
        waits: other than usual.
    Raises:
        AwsError: there is no region, or no such profile.
        ConfigError: boto3 is not installed.
    """

    def __init__(
        self,
        region: Optional[str] = None,
        profile: Optional[str] = None,
        dry_run: Optional[Callable[[Request], None]] = None,
        waits: Optional[Waits] = None,
    ) -> None:
        try:
            import boto3
            from botocore.config import Config
            from botocore.exceptions import ProfileNotFound
        except ImportError:
            raise ConfigError("AWS needs boto3: pip install 'htrlib[aws]'") from None
        try:
            self._session = boto3.Session(region_name=region, profile_name=profile)
        except ProfileNotFound as error:
            raise AwsError(
                f"{error}; `aws configure list-profiles` shows those there are"
            ) from None
        waits = waits or Waits(CONNECT_SECONDS, READ_SECONDS, ATTEMPTS)
        self._config = Config(
            connect_timeout=waits.connect,
            read_timeout=waits.read,
            retries={"mode": "standard", "total_max_attempts": waits.attempts},
            max_pool_connections=64,
            user_agent_extra=f"htrlib/{__version__}",
        )
        if self._session.region_name is None:
            raise AwsError(
                "no region is set; name one (--region eu-west-1), or set AWS_DEFAULT_REGION"
            )
        self.region: str = self._session.region_name
        self.dry = dry_run is not None
        self._clients: Dict[str, Any] = {}
        self._lock = threading.Lock()
        if dry_run is not None:
            intercept(self._session.events, dry_run)

    def client(self, service: str) -> Any:
        """The boto3 client of a service, made on first use; `call` is the way to use it."""
        with self._lock:
            if service not in self._clients:
                config = self._config
                if service in _ASKED_ONCE:
                    from botocore.config import Config

                    config = config.merge(Config(retries={"total_max_attempts": 1}))
                self._clients[service] = self._session.client(service, config=config)
            return self._clients[service]

    def call(self, service: str, operation: str, **parameters: Any) -> Response:
        """Make one call, as `call("s3", "head_bucket", Bucket="pages")`.

        Raises:
            AwsAccessError: the credentials lack the right.
            AwsNotFoundError: what the call is about is not there.
            AwsError: there are no credentials, no connection, or AWS refuses.
            ConfigError: the parameters are not of the form that AWS describes.
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
        """Collect the items under `key` from all pages of a call. Raises as `call`."""
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
        """Turn what boto3 raises into htrlib's errors; no credential is in their messages."""
        with translated(service, operation, parameters, self._without_secrets):
            yield

    def _without_secrets(self, text: str) -> str:
        from botocore.exceptions import BotoCoreError

        try:
            credentials = self._session.get_credentials()
            secrets = () if credentials is None else credentials.get_frozen_credentials()
        except BotoCoreError:  # there are none, which may be what the text says
            return text
        for secret in filter(None, secrets):
            text = text.replace(secret, "***")
        return text
