"""A user of the review page in a real browser, and pages for them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, List, Optional, Sequence, Tuple
from urllib.parse import quote

import pytest
from PIL import Image, ImageDraw

from htrlib.data.corrections import CorrectedLine, CorrectedPage
from htrlib.document.geometry import Box, Size
from htrlib.document.results import TextLine, Word
from htrlib.formats.page_editing import PageFile, Stamp, read_page_file, write_page_file

pytest.importorskip("selenium", reason="selenium is not installed: pip install -e '.[test]'")

from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from tests.browsing import Typist

SIZE = Size(600, 400)
WAIT_SECONDS = 60  # for anything; never for so long unless something is broken

Read = Tuple[str, Sequence[str]]
"""A line's text and those of its words that are doubtful."""


def draw_page(path: Path, lines: Sequence[Read] = (), *, by: str = "") -> Path:
    """A picture with lines of text, and a PAGE XML file of their results."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.new("L", (SIZE.width, SIZE.height), 245)
    pen = ImageDraw.Draw(picture)
    read = []
    for number, (text, doubtful) in enumerate(lines, start=1):
        top = 50.0 * number
        pen.text((40, top + 8), text, fill=20)
        words, left = [], 40.0
        for word in text.split():
            right = left + 6 * len(word)
            confidence = 0.4 if word in doubtful else 0.97
            words.append(Word(word, confidence, 0, 1, Box(left, top + 4, right, top + 24)))
            left = right + 6
        name = f"line-{number}"
        place = TextLine(Box(36, top, 560, top + 30), id=name, kind="handwritten")
        others = (f"{text} indeed", text.upper())
        read.append(CorrectedLine(name, text, place, tuple(words), others, 0.8))
    picture.save(path)
    if lines:
        page = CorrectedPage(SIZE, tuple(read))
        file = path.with_suffix(".xml")
        file.write_bytes(write_page_file(None, page, path.name, Stamp(by, "read"), file))
    return path


def on_disk(picture: Path) -> PageFile:
    """Read the PAGE XML file next to a picture."""
    file = picture.with_suffix(".xml")
    return read_page_file(file.read_bytes(), file, SIZE)


def texts_on_disk(picture: Path) -> List[str]:
    return [line.text for line in on_disk(picture).page.lines]


@dataclass
class Visitor(Typist):
    """A browser at a server's address."""

    browser: webdriver.Chrome
    address: str

    def open(self, page: Optional[str] = None) -> None:
        """Open the list, or a page, as a fresh visit."""
        self.browser.get("about:blank")
        self.browser.get(f"{self.address}#/{'' if page is None else 'page/' + quote(page)}")
        if page is None:
            self.until(lambda: self.all(".list-view"), "the list")
        else:
            self.until(lambda: self.all(".page-view"), "the page")
            script = "return document.querySelector('.overlay g')?.getAttribute('transform')"
            self.until(lambda: self.browser.execute_script(script), "the picture")

    def all(self, selector: str) -> List[Any]:
        return list(self.browser.find_elements(By.CSS_SELECTOR, selector))

    def one(self, selector: str) -> Any:
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def until(self, condition: Callable[[], Any], what: str) -> None:
        # What is looked at may be drawn anew meanwhile.
        ignored = (NoSuchElementException, StaleElementReferenceException)
        wait = WebDriverWait(self.browser, WAIT_SECONDS, 0.05, ignored)
        wait.until(lambda _: condition(), what)

    def drag(self, start: Tuple[float, float], end: Tuple[float, float]) -> None:
        """Drag over the picture between two positions in page pixels."""
        actions = ActionChains(self.browser, duration=50)
        pointer = actions.w3c_actions.pointer_action
        pointer.move_to_location(*self._on_screen(start))
        pointer.pointer_down()
        middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        pointer.move_to_location(*self._on_screen(middle))
        pointer.move_to_location(*self._on_screen(end))
        pointer.release()
        actions.perform()

    def click(self, place: Tuple[float, float]) -> None:
        """Click on the picture at a position in page pixels."""
        actions = ActionChains(self.browser, duration=20)
        pointer = actions.w3c_actions.pointer_action
        pointer.move_to_location(*self._on_screen(place))
        pointer.pointer_down()
        pointer.release()
        actions.perform()

    def texts(self) -> List[str]:
        """The texts in the fields of the page."""
        script = "return [...document.querySelectorAll('.line textarea')].map((f) => f.value)"
        return list(self.browser.execute_script(script))

    def state(self) -> str:
        """Return the message about saving."""
        return str(self.one(".saving").text)

    def until_saved(self) -> None:
        self.until(lambda: self.state().endswith("Saved"), "all is saved")

    def block(self, *patterns: str) -> None:
        """Block addresses for the browser; without a pattern, unblock all."""
        self.browser.execute_cdp_cmd("Network.enable", {})
        self.browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": list(patterns)})

    def _on_screen(self, place: Tuple[float, float]) -> Tuple[int, int]:
        x, y = self.browser.execute_script(
            "const g = document.querySelector('.overlay g').getScreenCTM();"
            "return [g.e + arguments[0] * g.a, g.f + arguments[1] * g.d]",
            *place,
        )
        return round(x), round(y)
