"""The browser that the tests of the review page share."""

from __future__ import annotations

from typing import Any, Iterator

import pytest


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    from tests.browsing import start_browser

    started = start_browser("--window-size=1366,900")
    yield started
    started.quit()
