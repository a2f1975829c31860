"""Fixtures of the commands' tests; those of `htr aws` use the account of `tests/aws`."""

from __future__ import annotations

from tests.aws.conftest import aws, bucket, front, loader, moto_address  # noqa: F401
from tests.cli.staged_pages import htr  # noqa: F401
