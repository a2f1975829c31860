"""The account of `htr aws`'s tests is that of the tests of `htrlib.aws`."""

from __future__ import annotations

from tests.aws.conftest import aws, bucket, front, loader, moto_address  # noqa: F401
