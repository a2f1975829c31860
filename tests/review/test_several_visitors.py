"""The review page with concurrent editors, an unreachable server, and hostile texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

import pytest

from tests.review.running import Running, running
from tests.review.visiting import Visitor, draw_page, texts_on_disk

pytest.importorskip("selenium", reason="selenium is not installed: pip install -e '.[test]'")

from selenium.webdriver.common.keys import Keys

LINES = (("the ferri left at six", ["ferri"]), ("on a grey moming and", ["moming"]))
POLLING = "*/api/changes*"
SAVING = "*/edits"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    draw_page(tmp_path / "a.png", LINES)
    with running(tmp_path, token="secret") as started:
        started.service.index.refresh()
        yield started


@pytest.fixture
def visitor(browser: Any, server: Running) -> Visitor:
    came = Visitor(browser, f"http://127.0.0.1:{server.client.port}/")
    came.block()
    browser.get(f"{came.address}?token=secret")
    browser.execute_script("localStorage.setItem('htr-review:name', arguments[0])", "Björn")
    return came


def second_window(visitor: Visitor) -> None:
    visitor.browser.switch_to.new_window("window")


def correct_in_a_second_window(visitor: Visitor) -> None:
    """Open a page in two windows, correct its first line in the second; go back to the first.

    Neither window sees the other's change before it saves.
    """
    visitor.block(POLLING)
    visitor.open("a.png")
    first = visitor.browser.current_window_handle
    second_window(visitor)
    visitor.block(POLLING)
    visitor.open("a.png")
    visitor.keys(Keys.F8)
    visitor.keys("ferry", Keys.ENTER)
    visitor.until_saved()
    visitor.browser.switch_to.window(first)


def correct_while_nothing_is_saved(visitor: Visitor) -> None:
    visitor.open("a.png")
    visitor.block(SAVING)
    visitor.keys(Keys.F8)
    visitor.keys("ferry", Keys.ENTER)
    visitor.until(lambda: "Not saved" in visitor.state(), "the page says so")


@pytest.fixture(autouse=True)
def one_window(browser: Any) -> Iterator[None]:
    yield
    first, *others = browser.window_handles
    for window in others:
        browser.switch_to.window(window)
        browser.close()
    browser.switch_to.window(first)


def test_the_second_of_two_who_save_a_line_is_told_and_neither_text_is_lost(
    visitor: Visitor, tmp_path: Path
) -> None:
    correct_in_a_second_window(visitor)
    visitor.keys(Keys.F8)
    visitor.keys("fairy", Keys.ENTER)
    visitor.until(lambda: visitor.all(".conflict"), "both texts")
    assert "Björn changed this page" in visitor.one("#notices").text
    assert visitor.one(".conflict .theirs").text == "the ferry left at six"
    assert visitor.one(".conflict .mine").text == "the fairy left at six"
    assert texts_on_disk(tmp_path / "a.png")[0] == "the ferry left at six"

    visitor.one(".conflict button").click()  # keep mine
    visitor.until_saved()
    assert texts_on_disk(tmp_path / "a.png")[0] == "the fairy left at six"


def test_edits_of_different_lines_are_both_kept(visitor: Visitor, tmp_path: Path) -> None:
    correct_in_a_second_window(visitor)
    visitor.keys(Keys.ARROW_DOWN, Keys.END, " I")
    visitor.chord(Keys.CONTROL, "s")
    visitor.until_saved()
    assert not visitor.all(".conflict")
    assert texts_on_disk(tmp_path / "a.png") == ["the ferry left at six", "on a grey moming and I"]
    assert visitor.texts()[0] == "the ferry left at six"


def test_a_change_of_somebody_else_appears_by_itself(visitor: Visitor, server: Running) -> None:
    visitor.open("a.png")
    cookie = visitor.browser.get_cookies()[0]
    headers = {"Cookie": f"{cookie['name']}={cookie['value']}", "X-HTR-Name": "Anna"}
    version = server.client.get("/api/pages/a.png", **headers).json["version"]
    edit = {"do": "text", "id": "line-2", "text": "on a grey morning and"}
    assert server.client.edit("a.png", version, edit, **headers).status == 200
    visitor.until(lambda: visitor.texts()[1] == "on a grey morning and", "her text")
    assert "Anna changed this page" in visitor.one("#notices").text


def test_what_cannot_be_saved_is_tried_again_and_leaving_warns(
    visitor: Visitor, tmp_path: Path
) -> None:
    correct_while_nothing_is_saved(visitor)
    leaving = (
        "const leaving = new Event('beforeunload', {cancelable: true});"
        "window.dispatchEvent(leaving); return leaving.defaultPrevented"
    )
    assert visitor.browser.execute_script(leaving)
    visitor.block()
    visitor.chord(Keys.CONTROL, "s")
    visitor.until_saved()
    assert not visitor.browser.execute_script(leaving)
    assert texts_on_disk(tmp_path / "a.png")[0] == "the ferry left at six"


def test_text_that_was_not_saved_is_there_after_the_page_was_closed(
    visitor: Visitor, tmp_path: Path
) -> None:
    correct_while_nothing_is_saved(visitor)
    visitor.browser.get("about:blank")
    if visitor.browser.current_url != "about:blank":  # the browser asks first
        visitor.browser.switch_to.alert.accept()
    visitor.block()
    visitor.open("a.png")
    visitor.until_saved()
    assert texts_on_disk(tmp_path / "a.png")[0] == "the ferry left at six"


def test_without_the_token_the_page_says_what_to_do(visitor: Visitor) -> None:
    visitor.browser.delete_all_cookies()
    visitor.browser.get(visitor.address)
    assert "token" in visitor.browser.page_source


def test_script_in_texts_and_names_is_harmless(browser: Any, tmp_path: Path) -> None:
    script = '<img src=x onerror="window.harmed=1"><script>window.harmed=1</script>'
    name = "<img src=x onerror='harmed=1'>.png"
    draw_page(tmp_path / name, [(script, ["src=x"])], by=script)
    with running(tmp_path) as server:
        server.service.index.refresh()
        visitor = Visitor(browser, f"http://127.0.0.1:{server.client.port}/")
        visitor.open()
        visitor.until(lambda: visitor.all(".card"), "the card")
        visitor.one("#search").send_keys("onerror")
        visitor.until(lambda: "onerror" in visitor.one(".card-facts").text, "the text")
        visitor.open(name)
        visitor.until(lambda: visitor.texts() == [script], "the text")
        visitor.keys(Keys.F2)
        assert not visitor.all("[onerror]")
        assert not browser.execute_script("return window.harmed")


def test_of_several_changes_that_wait_those_to_lines_of_others_are_not_made(
    visitor: Visitor, tmp_path: Path
) -> None:
    correct_in_a_second_window(visitor)
    visitor.block(POLLING, SAVING)
    visitor.keys(Keys.ARROW_DOWN, Keys.END, " I")
    visitor.keys(Keys.ARROW_UP, Keys.END, " pm", Keys.ARROW_DOWN)
    visitor.until(lambda: "Not saved" in visitor.state(), "both wait")
    visitor.block(POLLING)
    visitor.chord(Keys.CONTROL, "s")
    visitor.until(lambda: visitor.all(".conflict"), "both texts")
    visitor.until(lambda: "choose" in visitor.state(), "the other one is saved")
    assert visitor.one(".conflict .mine").text == "the ferri left at six pm"
    assert texts_on_disk(tmp_path / "a.png") == ["the ferry left at six", "on a grey moming and I"]


def test_a_text_that_is_typed_again_while_its_deletion_is_saved_is_kept(
    visitor: Visitor, tmp_path: Path
) -> None:
    visitor.open("a.png")
    visitor.block(SAVING)
    visitor.keys(Keys.ARROW_DOWN)
    visitor.chord(Keys.CONTROL, "a")
    visitor.keys(Keys.DELETE)
    visitor.until(lambda: "Not saved" in visitor.state(), "the deletion waits")
    visitor.keys(LINES[1][0])
    visitor.block()
    visitor.chord(Keys.CONTROL, "s")
    visitor.until_saved()
    assert texts_on_disk(tmp_path / "a.png")[1] == LINES[1][0]


def test_text_of_a_page_of_this_name_in_another_folder_is_not_taken_for_it(
    visitor: Visitor, server: Running, tmp_path: Path
) -> None:
    correct_while_nothing_is_saved(visitor)
    kept = "return Object.keys(localStorage).filter((key) => key.includes('drafts')).join()"
    name = visitor.browser.execute_script(kept)
    other = draw_page(tmp_path / "other" / "a.png", LINES)
    with running(other.parent) as elsewhere:
        assert server.service.overview()["folder_id"] in name
        assert elsewhere.service.overview()["folder_id"] not in name
    with running(other.parent) as again:
        assert again.service.overview()["folder_id"] == elsewhere.service.overview()["folder_id"]


def test_texts_that_two_windows_could_not_save_are_both_there_later(
    visitor: Visitor, tmp_path: Path
) -> None:
    visitor.open("a.png")
    visitor.block(SAVING)
    first = visitor.browser.current_window_handle
    second_window(visitor)
    correct_while_nothing_is_saved(visitor)
    visitor.browser.switch_to.window(first)
    visitor.one("[data-id='line-2'] textarea").click()
    visitor.keys(Keys.END, " then")
    visitor.until(lambda: "Not saved" in visitor.state(), "the page says so")
    for window in visitor.browser.window_handles:
        visitor.browser.switch_to.window(window)
        visitor.browser.get("about:blank")
    visitor.browser.switch_to.window(first)
    visitor.block()
    visitor.open("a.png")
    visitor.until_saved()
    visitor.until(lambda: "ferry" in texts_on_disk(tmp_path / "a.png")[0], "the one text")
    assert texts_on_disk(tmp_path / "a.png") == ["the ferry left at six", f"{LINES[1][0]} then"]


def test_a_conflict_on_a_page_that_was_left_is_told(visitor: Visitor, tmp_path: Path) -> None:
    correct_in_a_second_window(visitor)
    visitor.keys(Keys.END, " pm")
    visitor.one(".back").click()
    visitor.until(lambda: visitor.all(".list-view"), "the list")
    told = "a.png: Two texts: choose one"
    visitor.until(lambda: told in visitor.one("#notices").text, "the conflict")
    visitor.browser.execute_script("location.hash = '#/page/a.png'")
    visitor.until(lambda: visitor.all(".conflict .mine"), "both texts")
    assert told not in visitor.one("#notices").text
    assert visitor.one(".conflict .mine").text == "the ferri left at six pm"


def test_a_text_whose_answer_was_lost_is_no_conflict_with_itself(
    visitor: Visitor, tmp_path: Path
) -> None:
    visitor.open("a.png")
    lose_an_answer = """
        const send = window.fetch;
        window.fetch = async (address, ...rest) => {
          const answer = await send(address, ...rest);
          if (!address.endsWith("/edits")) return answer;
          window.fetch = send;
          throw new TypeError("the connection was cut");
        };"""
    visitor.browser.execute_script(lose_an_answer)
    visitor.keys(Keys.END, " o'clock ")  # whose last space is not kept
    visitor.chord(Keys.CONTROL, "s")
    visitor.until(lambda: "Not saved" in visitor.state(), "the answer is lost")
    visitor.until(lambda: "Not saved" not in visitor.state(), "it is sent again")
    assert visitor.state().endswith("Saved")
    assert not visitor.all(".conflict")
    assert not visitor.one("#notices").text
    assert texts_on_disk(tmp_path / "a.png")[0] == "the ferri left at six o'clock"


def test_a_person_changes_their_name(visitor: Visitor) -> None:
    visitor.open("a.png")
    visitor.one(".more summary").click()
    named = "//button[text()='Your name']"
    visitor.browser.find_element("xpath", named).click()
    visitor.until(lambda: visitor.all("dialog #person-name"), "the question")
    visitor.chord(Keys.CONTROL, "a")
    visitor.keys("Ida", Keys.ENTER)
    visitor.until(lambda: not visitor.all("dialog"), "the answer")
    visitor.one("textarea").click()
    visitor.keys(" and", Keys.ENTER)
    visitor.until(lambda: "last change: Ida" in visitor.one(".facts").text, "the name")


def test_who_chooses_between_two_texts_sees_the_newest(visitor: Visitor, server: Running) -> None:
    correct_in_a_second_window(visitor)
    visitor.keys(Keys.F8)
    visitor.keys("fairy", Keys.ENTER)
    visitor.until(lambda: visitor.all(".conflict"), "both texts")
    visitor.block()
    cookie = visitor.browser.get_cookies()[0]
    headers = {"Cookie": f"{cookie['name']}={cookie['value']}", "X-HTR-Name": "Anna"}
    version = server.client.get("/api/pages/a.png", **headers).json["version"]
    edit = {"do": "text", "id": "line-1", "text": "the ferry left at ten"}
    assert server.client.edit("a.png", version, edit, **headers).status == 200
    newest = "the ferry left at ten"
    visitor.until(lambda: visitor.one(".conflict .theirs").text == newest, "her text")
    assert visitor.one(".conflict .mine").text == "the fairy left at six"
