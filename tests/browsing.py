"""A headless Chromium, and a user at its keyboard."""

from __future__ import annotations

import shutil

import pytest

pytest.importorskip("selenium", reason="selenium is not installed: pip install -e '.[test]'")

from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains


def start_browser(*arguments: str) -> webdriver.Chrome:
    """A headless Chromium; skips the test if it is not installed."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("no chromium and chromedriver: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", *arguments):
        options.add_argument(argument)
    return webdriver.Chrome(options, webdriver.ChromeService(driver))


class Typist:
    """A user at a browser's keyboard."""

    browser: webdriver.Chrome

    def keys(self, *keys: str) -> None:
        """Press keys one after another in the focused element."""
        ActionChains(self.browser).send_keys(*keys).perform()

    def chord(self, *keys: str) -> None:
        """Press the last key while holding the others."""
        actions = ActionChains(self.browser)
        for key in keys[:-1]:
            actions.key_down(key)
        actions.send_keys(keys[-1])
        for key in keys[:-1]:
            actions.key_up(key)
        actions.perform()
