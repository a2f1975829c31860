"""What the review page draws again after a change: only what changed, or large pages are slow."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator, Set, Union

import pytest

from tests.review.running import running
from tests.review.visiting import Visitor, draw_page

pytest.importorskip("selenium", reason="selenium is not installed: pip install -e '.[test]'")

from selenium.webdriver.common.keys import Keys

LINES = (
    ("the ferri left at six", ["ferri"]),
    ("on a grey moming and", ["moming"]),
    ("I stood at the rall", ["rall"]),
)

WATCH = """
window.drawn = [];
const watch = (selector, nameOf) =>
  new MutationObserver((changes) => {
    for (const { target, addedNodes, removedNodes } of changes) {
      const parts = [target, ...addedNodes, ...removedNodes];
      drawn.push(...parts.map(nameOf).filter((name) => name !== undefined));
    }
  }).observe(document.querySelector(selector), {
    attributes: true, characterData: true, childList: true, subtree: true,
  });
watch(".lines", (part) => (part.closest ? part : part.parentElement)?.closest(".line")?.dataset.id);
const outlines = [...document.querySelectorAll(".outline")];
watch(".overlay g", (part) => outlines.indexOf(part) + 1 || undefined);
"""


@pytest.fixture
def visitor(browser: Any, tmp_path: Path) -> Iterator[Visitor]:
    draw_page(tmp_path / "a.png", LINES)
    with running(tmp_path) as server:
        server.service.index.refresh()
        came = Visitor(browser, f"http://127.0.0.1:{server.client.port}/")
        came.block()
        came.open("a.png")
        yield came


def drawn(visitor: Visitor) -> Set[Union[str, int]]:
    """Return the ids of the rows, and the numbers of the outlines, that were drawn again."""
    return set(visitor.browser.execute_script("return drawn.splice(0)"))


def test_a_save_draws_the_line_that_changed_alone(visitor: Visitor) -> None:
    visitor.keys(Keys.ARROW_DOWN)
    visitor.browser.execute_script(WATCH)
    visitor.keys(Keys.END, " I")
    visitor.chord(Keys.CONTROL, "s")
    visitor.until_saved()
    assert drawn(visitor) == {"line-2", 2}  # its outline is that of a confirmed line now


def test_going_to_another_line_draws_the_two_outlines_alone(visitor: Visitor) -> None:
    visitor.browser.execute_script(WATCH)
    visitor.keys(Keys.ARROW_DOWN)
    assert drawn(visitor) == {"line-1", 1, "line-2", 2}


def test_a_kind_that_was_refused_is_not_shown(visitor: Visitor, tmp_path: Path) -> None:
    file = tmp_path / "a.xml"
    content = file.read_bytes()
    file.write_bytes(b"<PcGts")
    kind = visitor.one(".line.active select")
    kind.send_keys("p")
    visitor.until(lambda: "Not saved" in visitor.one("#notices").text, "the refusal")
    file.write_bytes(content)
    visitor.keys(Keys.ESCAPE)
    visitor.one(".line.active textarea").click()
    visitor.keys(Keys.END, " I")
    visitor.chord(Keys.CONTROL, "s")
    visitor.until_saved()
    assert visitor.one(".line.active select").get_attribute("value") == "handwritten"
