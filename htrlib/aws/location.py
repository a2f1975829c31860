"""Locations in S3."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Union

from htrlib.errors import ConfigError

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass(frozen=True)
class S3Uri:
    """A bucket, and a key or prefix in it, without "/" at either end.

    >>> str(S3Uri.parse("s3://pages/letters/") / "1.png")
    's3://pages/letters/1.png'
    """

    bucket: str
    key: str = ""

    @classmethod
    def parse(cls, uri: Union[str, S3Uri]) -> S3Uri:
        """Parse a URI.

        Raises:
            ConfigError: the URI does not have the form s3://BUCKET/KEY.
        """
        if isinstance(uri, S3Uri):
            return uri
        scheme, separator, rest = uri.partition("://")
        bucket, _, key = rest.partition("/")
        if scheme != "s3" or not separator or not _BUCKET.fullmatch(bucket):
            raise ConfigError(f"a place in S3 is s3://BUCKET/KEY, found {uri!r}")
        return cls(bucket, key.strip("/"))

    def __truediv__(self, name: str) -> S3Uri:
        return S3Uri(self.bucket, f"{self.key}/{name}".lstrip("/"))

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @property
    def prefix(self) -> str:
        """Common prefix of the keys below it."""
        return f"{self.key}/" if self.key else ""

    @property
    def folder(self) -> str:
        """The URI with one "/" at its end. AWS compares text: without, "labels" takes "labels-old".

        >>> S3Uri.parse("s3://pages/labels").folder, S3Uri.parse("s3://pages").folder
        ('s3://pages/labels/', 's3://pages/')
        """
        return f"s3://{self.bucket}/{self.prefix}"
