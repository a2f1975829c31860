"""The list of pages in a real browser, and an accessibility check."""

from __future__ import annotations

import shutil
import subprocess
from typing import Any, Iterator, List

import pytest
from PIL import Image

from tests.review.running import Running, running
from tests.review.visiting import Visitor, draw_page

pytest.importorskip("selenium", reason="selenium is not installed: pip install -e '.[test]'")

from selenium.webdriver.common.keys import Keys

AXE = "axe-core@4.14.1"
LINES = (("the ferri left at six", ["ferri"]), ("on a grey moming and", ["moming"]))
PAGES = 400


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with many pages, the first two of them read."""
    folder = tmp_path_factory.mktemp("scans")
    draw_page(folder / "a.png", LINES)
    draw_page(folder / "b.png", [("gulls over the boats", [])])
    Image.new("L", (20, 30), 200).save(folder / "page-0002.png")
    for number in range(3, PAGES):
        shutil.copy(folder / "page-0002.png", folder / f"page-{number:04}.png")
    with running(folder) as started:
        started.service.index.refresh()
        yield started


@pytest.fixture
def visitor(browser: Any, server: Running) -> Visitor:
    came = Visitor(browser, f"http://127.0.0.1:{server.client.port}/")
    came.block()
    came.open()
    came.until(lambda: came.all(".card"), "the cards")
    return came


def names(visitor: Visitor) -> List[str]:
    script = "return [...document.querySelectorAll('.card-name')].map((name) => name.title)"
    return list(visitor.browser.execute_script(script))


def test_only_the_cards_in_view_are_in_the_document(visitor: Visitor) -> None:
    assert names(visitor)[:2] == ["a.png", "b.png"]
    assert len(visitor.all(".card")) < 60
    visitor.browser.execute_script("window.scrollTo(0, document.body.scrollHeight)")
    visitor.until(lambda: f"page-{PAGES - 1:04}.png" in names(visitor), "the last page")
    assert "a.png" not in names(visitor)
    assert len(visitor.all(".card")) < 60


def test_texts_are_searched_and_states_filtered(visitor: Visitor) -> None:
    search = visitor.one("#search")
    search.send_keys("GULLS")
    visitor.until(lambda: names(visitor) == ["b.png"], "the page with this text")
    assert visitor.one(".card-facts").text == "gulls over the boats"
    search.send_keys(Keys.BACKSPACE * len("GULLS"))
    visitor.until(lambda: len(names(visitor)) > 2, "all pages")
    next(f for f in visitor.all(".filters button") if f.text == "Read 2").click()
    visitor.until(lambda: names(visitor) == ["a.png", "b.png"], "those that were read")
    visitor.all(".filters button")[0].click()


def test_cards_are_gone_through_and_opened_by_keyboard(visitor: Visitor) -> None:
    visitor.one(".card a").send_keys(Keys.ARROW_RIGHT)
    visitor.keys(Keys.ENTER)
    visitor.until(lambda: visitor.all("h1") and visitor.one("h1").text == "b.png", "the page")


def test_the_reading_in_the_background_is_paused(visitor: Visitor, server: Running) -> None:
    pause = visitor.one(".reading button")
    if not pause.is_displayed():
        pytest.skip("nothing waits to be read")
    pause.click()
    visitor.until(lambda: pause.text == "Go on", "it is paused")
    pause.click()
    visitor.until(lambda: pause.text == "Pause", "it goes on")


def test_the_list_appears_once_the_server_answers_again(visitor: Visitor) -> None:
    visitor.block("*/api/pages?*")
    visitor.browser.execute_script("location.hash = '#/training'")
    visitor.until(lambda: visitor.all("main.training"), "the training")
    visitor.one(".back").click()
    visitor.until(lambda: "does not answer" in visitor.one("#notices").text, "the failure")
    visitor.block()
    visitor.until(lambda: "a.png" in names(visitor), "the cards")


def test_a_reading_that_stopped_goes_on_at_one_press(visitor: Visitor, server: Running) -> None:
    server.service.background.problem = "a.xml: No space left on device; reading stopped"
    visitor.open()
    visitor.until(lambda: "No space left" in visitor.one(".reading").text, "the problem")
    button = visitor.one(".reading button")
    assert button.text == "Go on"
    button.click()
    visitor.until(lambda: "No space left" not in visitor.one(".reading").text, "it goes on")
    assert not server.service.background.paused


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The accessibility checker's script, from npm."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm, which fetches axe-core")
    folder = tmp_path_factory.mktemp("axe")
    done = subprocess.run(
        [npm, "pack", "--silent", AXE], cwd=folder, capture_output=True, text=True, check=False
    )
    archives = list(folder.glob("*.tgz"))
    if not archives:
        pytest.skip(f"npm does not give {AXE}: {done.stderr.strip()[-200:]}")
    shutil.unpack_archive(archives[0], folder)
    return (folder / "package" / "axe.min.js").read_text(encoding="utf-8")


def serious_findings(visitor: Visitor, axe: str) -> List[str]:
    """Return the serious and critical findings of the checker, with their elements."""
    visitor.browser.execute_script(axe + "; window.axe = axe;")
    result = visitor.browser.execute_async_script(
        "const done = arguments[arguments.length - 1];"
        "axe.run().then(done, (error) => done({violations: [{impact: 'critical',"
        " id: String(error), nodes: []}]}))"
    )
    return [
        f"{found['id']}: {[node['html'] for node in found['nodes']]}"
        for found in result["violations"]
        if found["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1366, 390])
def test_a_checker_finds_no_serious_barrier(
    visitor: Visitor, axe: str, scheme: str, width: int
) -> None:
    commands = {
        "Emulation.setEmulatedMedia": {
            "features": [{"name": "prefers-color-scheme", "value": scheme}]
        },
        "Emulation.setDeviceMetricsOverride": {
            "width": width,
            "height": 800,
            "deviceScaleFactor": 1,
            "mobile": width < 500,
        },
    }
    for command, options in commands.items():
        visitor.browser.execute_cdp_cmd(command, options)
    try:
        assert not serious_findings(visitor, axe)
        visitor.open("a.png")
        assert not serious_findings(visitor, axe)
        visitor.keys(Keys.F2)
        assert not serious_findings(visitor, axe)
        visitor.keys(Keys.ESCAPE, Keys.F9)
        assert not serious_findings(visitor, axe)
        visitor.keys(Keys.ESCAPE, Keys.F1)
        assert not serious_findings(visitor, axe)
        visitor.browser.get(f"{visitor.address}#/training")
        visitor.until(lambda: visitor.all(".training"), "the training")
        assert not serious_findings(visitor, axe)
    finally:
        visitor.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        visitor.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_the_focus_is_visible_on_what_has_it(visitor: Visitor) -> None:
    visitor.open("a.png")
    for _ in range(12):
        visitor.keys(Keys.TAB)
        outline, tag = visitor.browser.execute_script(
            "const style = getComputedStyle(document.activeElement);"
            "return [style.outlineStyle, document.activeElement.outerHTML.slice(0, 80)]"
        )
        assert outline != "none", tag
