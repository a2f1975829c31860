"""The review page in a real browser, used with a real mouse and keyboard."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

import pytest

from htrlib import data
from tests.review.running import Running, running
from tests.review.visiting import Visitor, draw_page, on_disk, texts_on_disk

pytest.importorskip("selenium", reason="selenium is not installed: pip install -e '.[test]'")

from selenium.webdriver.common.keys import Keys

SCHEMA = Path(__file__).resolve().parents[3] / "shared/schemas/pagecontent-2019-07-15.xsd"
LINES = (
    ("the ferri left at six", ["ferri"]),
    ("on a grey moming and", ["moming"]),
    ("I stood at the rall", ["rall"]),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pages that were read and one that was not."""
    draw_page(tmp_path / "a.png", LINES)
    draw_page(tmp_path / "b.png", LINES[:1])
    draw_page(tmp_path / "empty.png")
    return tmp_path


@pytest.fixture
def server(folder: Path) -> Iterator[Running]:
    with running(folder) as started:
        started.service.index.refresh()
        yield started


@pytest.fixture
def visitor(browser: Any, server: Running) -> Visitor:
    came = Visitor(browser, f"http://127.0.0.1:{server.client.port}/")
    came.block()
    return came


def refusals(browser: Any) -> list:
    """Return the messages of the browser's console."""
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def test_three_words_are_corrected_by_keyboard_alone_and_the_page_is_done(
    visitor: Visitor, folder: Path
) -> None:
    refusals(visitor.browser)
    visitor.open("a.png")
    for word in ("ferry", "morning", "rail"):
        visitor.keys(Keys.F8)  # selects the next doubtful word
        visitor.keys(word)
    visitor.chord(Keys.CONTROL, Keys.ENTER)
    visitor.until(lambda: visitor.one("h1").text == "b.png", "the next page")
    file = on_disk(folder / "a.png")
    assert [line.text for line in file.page.lines] == [
        "the ferry left at six",
        "on a grey morning and",
        "I stood at the rail",
    ]
    assert file.state == "done"
    assert all(line.confirmed for line in file.page.lines)
    assert not refusals(visitor.browser)


def test_all_doubtful_words_of_a_line_are_gone_through(visitor: Visitor, folder: Path) -> None:
    draw_page(
        folder / "a.png", [("teh gulls qarreled ovre the boats", ["teh", "qarreled", "ovre"])]
    )
    visitor.open("a.png")
    for word in ("the", "quarreled"):
        visitor.keys(Keys.F8)
        visitor.keys(word)
    visitor.chord(Keys.CONTROL, "s")
    visitor.until_saved()  # which confirms the line; the third word is still to come
    visitor.keys(Keys.F8)
    visitor.keys("over")
    visitor.chord(Keys.CONTROL, "s")
    visitor.until_saved()
    assert texts_on_disk(folder / "a.png") == ["the gulls quarreled over the boats"]
    visitor.keys(Keys.F8)
    visitor.until(lambda: "No more doubtful words" in visitor.one("#notices").text, "the end")


def test_a_space_that_was_saved_away_stays_for_who_goes_on_typing(
    visitor: Visitor, folder: Path
) -> None:
    visitor.open("a.png")
    visitor.keys(Keys.END, " o'clock ")
    visitor.chord(Keys.CONTROL, "s")
    visitor.until_saved()
    visitor.keys("sharp")
    visitor.chord(Keys.CONTROL, "s")
    visitor.until_saved()
    assert texts_on_disk(folder / "a.png")[0] == "the ferri left at six o'clock sharp"


def test_what_was_corrected_validates_and_is_training_data(visitor: Visitor, folder: Path) -> None:
    visitor.open("a.png")
    visitor.keys(Keys.F8)
    visitor.keys("ferry", Keys.ENTER)
    visitor.until_saved()
    dataset = data.load("review", folder)
    assert [line.text for page in dataset.pages for line in page.lines] == ["the ferry left at six"]
    if not SCHEMA.is_file():
        pytest.skip(f"no schema at {SCHEMA}")
    lxml = pytest.importorskip("lxml.etree", reason="lxml is not installed")
    schema = lxml.XMLSchema(lxml.parse(str(SCHEMA)))
    schema.assertValid(lxml.parse(str(folder / "a.xml")))


def test_a_line_is_split_at_the_cursor_and_joined_again(visitor: Visitor, folder: Path) -> None:
    visitor.open("a.png")
    visitor.keys(Keys.HOME, *[Keys.ARROW_RIGHT] * len("the ferri"))
    visitor.chord(Keys.SHIFT, Keys.ENTER)
    visitor.until(lambda: len(visitor.texts()) == 4, "a fourth line")
    assert visitor.texts()[:2] == ["the ferri", "left at six"]
    first, second = on_disk(folder / "a.png").page.lines[:2]
    assert first.place.box.right <= second.place.box.left + 6
    visitor.keys(Keys.ARROW_UP)
    visitor.chord(Keys.CONTROL, "j")
    visitor.until(lambda: len(visitor.texts()) == 3, "three lines")
    assert texts_on_disk(folder / "a.png")[0] == "the ferri left at six"


def test_a_line_is_drawn_on_an_empty_page_with_the_pointer(visitor: Visitor, folder: Path) -> None:
    visitor.open("empty.png")
    visitor.keys("b")
    visitor.drag((50, 100), (500, 140))
    visitor.until(lambda: visitor.texts() == [""], "a line")
    visitor.keys("Dear Ida,", Keys.ENTER)
    visitor.until_saved()
    (line,) = on_disk(folder / "empty.png").page.lines
    assert line.text == "Dear Ida,"
    assert line.confirmed
    edges = line.place.box.as_tuple()
    assert edges == pytest.approx((50, 100, 500, 140), abs=3)


def test_a_baseline_is_drawn_and_gets_an_outline(visitor: Visitor, folder: Path) -> None:
    visitor.open("empty.png")
    visitor.keys("l")
    visitor.click((60, 150))
    visitor.click((480, 154))
    visitor.keys(Keys.ENTER)
    visitor.until(lambda: visitor.texts() == [""], "a line")
    (line,) = on_disk(folder / "empty.png").page.lines
    assert line.place.box.top < 150 < line.place.box.bottom
    assert len(line.place.baseline) == 2


def test_lines_are_made_moved_and_deleted_by_keyboard_alone(visitor: Visitor, folder: Path) -> None:
    visitor.open("a.png")
    visitor.keys(Keys.ESCAPE)  # to the picture
    visitor.keys("n")
    visitor.until(lambda: len(visitor.texts()) == 4, "a new line")
    before = on_disk(folder / "a.png").page.lines[1].place.box
    visitor.keys(Keys.ARROW_DOWN)
    visitor.until_saved()
    visitor.chord(Keys.SHIFT, Keys.ARROW_RIGHT)
    visitor.until_saved()
    after = on_disk(folder / "a.png").page.lines[1].place.box
    assert after.top > before.top
    assert after.right > before.right
    assert after.left == pytest.approx(before.left)
    visitor.keys(Keys.DELETE)
    visitor.until(lambda: len(visitor.texts()) == 3, "it is gone")


def test_an_outline_is_resized_with_the_pointer(visitor: Visitor, folder: Path) -> None:
    visitor.open("a.png")
    visitor.keys(Keys.ESCAPE)
    visitor.keys("o")
    visitor.drag((560, 80), (580, 90))  # the lower right corner of the first line
    visitor.until(lambda: "Saving" not in visitor.state(), "it is saved")
    box = on_disk(folder / "a.png").page.lines[0].place.box
    assert box.as_tuple() == pytest.approx((36, 50, 580, 90), abs=3)


def test_undo_takes_back_one_step_after_another_and_redo_repeats_it(
    visitor: Visitor, folder: Path
) -> None:
    visitor.open("a.png")
    visitor.keys(Keys.F8)
    visitor.keys("ferry", Keys.ENTER)
    visitor.until_saved()
    visitor.chord(Keys.CONTROL, "j")
    visitor.until(lambda: len(visitor.texts()) == 2, "joined")
    visitor.chord(Keys.CONTROL, "z")
    visitor.until(lambda: len(visitor.texts()) == 3, "not joined any more")
    visitor.chord(Keys.CONTROL, "z")
    visitor.until(lambda: visitor.texts()[0] == "the ferri left at six", "the old text")
    assert texts_on_disk(folder / "a.png") == [text for text, _ in LINES]
    visitor.chord(Keys.CONTROL, Keys.SHIFT, "z")
    visitor.until(lambda: visitor.texts()[0] == "the ferry left at six", "the new text")
    visitor.until_saved()
    assert texts_on_disk(folder / "a.png")[0] == "the ferry left at six"


def test_another_reading_is_taken_by_one_key(visitor: Visitor, folder: Path) -> None:
    visitor.open("a.png")
    visitor.keys(Keys.F2)
    visitor.keys("1")
    visitor.until_saved()
    assert texts_on_disk(folder / "a.png")[0] == "the ferri left at six indeed"


def test_special_characters_are_inserted_at_the_cursor(visitor: Visitor, folder: Path) -> None:
    visitor.open("a.png")
    visitor.keys(Keys.HOME, Keys.F9)
    visitor.keys(Keys.ARROW_RIGHT, Keys.ENTER, Keys.ESCAPE)
    visitor.until(lambda: visitor.texts()[0] == "‘the ferri left at six", "the character")
    visitor.chord(Keys.CONTROL, "s")
    visitor.until_saved()
    assert texts_on_disk(folder / "a.png")[0] == "‘the ferri left at six"


def test_the_order_and_the_kind_of_lines_are_changed(visitor: Visitor, folder: Path) -> None:
    visitor.open("a.png")
    visitor.chord(Keys.ALT, Keys.ARROW_DOWN)
    visitor.until(lambda: visitor.texts()[1] == LINES[0][0], "the line is the second")
    visitor.keys(Keys.ESCAPE)
    visitor.keys("k")
    visitor.until_saved()
    moved = on_disk(folder / "a.png").page.lines[1]
    assert (moved.text, moved.place.kind) == (LINES[0][0], "typewritten")


def test_a_line_is_read_again(visitor: Visitor) -> None:
    visitor.open("a.png")
    visitor.keys(Keys.ESCAPE)
    visitor.keys("r")
    visitor.until(lambda: visitor.texts()[0] == "anew line-1", "the new reading")


def test_an_empty_page_is_read_at_a_word(visitor: Visitor) -> None:
    visitor.open("empty.png")
    visitor.one(".more summary").click()
    visitor.one(".menu button").click()
    visitor.until(lambda: visitor.texts() == ["one two", "three four"], "the lines")


def test_a_page_goes_back_to_an_earlier_version(visitor: Visitor, folder: Path) -> None:
    visitor.open("a.png")
    visitor.keys(Keys.F8)
    visitor.keys("ferry", Keys.ENTER)
    visitor.until_saved()
    visitor.one(".more summary").click()
    visitor.all(".menu button")[1].click()
    visitor.until(lambda: visitor.all("dialog option"), "the versions")
    visitor.all("dialog option")[-1].click()
    visitor.all("dialog .buttons button")[1].click()
    visitor.until(lambda: visitor.texts()[0] == LINES[0][0], "the text before")


def test_the_help_lists_the_keys_and_closes(visitor: Visitor) -> None:
    visitor.open("a.png")
    visitor.keys(Keys.F1)
    visitor.until(lambda: visitor.all("dialog dt"), "the keys")
    visitor.keys(Keys.ESCAPE)
    visitor.until(lambda: not visitor.all("dialog"), "they are closed")


def test_a_page_works_behind_a_path_prefix(browser: Any, folder: Path) -> None:
    with running(folder, base_path="/proxy/8080/") as server:
        server.service.index.refresh()
        visitor = Visitor(browser, f"http://127.0.0.1:{server.client.port}/proxy/8080/")
        visitor.open("a.png")
        visitor.keys(Keys.F8)
        visitor.keys("ferry", Keys.ENTER)
        visitor.until_saved()
    assert texts_on_disk(folder / "a.png")[0] == "the ferry left at six"


def hold_down(visitor: Visitor, key: str, code: int, *, ctrl: bool = False) -> None:
    """Press a key, which the keyboard then repeats until it is released."""
    pressed = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 2 * ctrl}
    for kind, repeated in (("rawKeyDown", False), ("rawKeyDown", True), ("keyUp", False)):
        event = {"type": kind, "autoRepeat": repeated, **pressed}
        visitor.browser.execute_cdp_cmd("Input.dispatchKeyEvent", event)
        visitor.until_saved()


def test_a_key_that_is_held_too_long_deletes_one_line_and_marks_one_page(
    visitor: Visitor, folder: Path
) -> None:
    visitor.open("a.png")
    visitor.keys(Keys.ESCAPE)
    hold_down(visitor, "Delete", 46)
    assert len(texts_on_disk(folder / "a.png")) == len(LINES) - 1
    hold_down(visitor, "Enter", 13, ctrl=True)
    visitor.until(lambda: visitor.one("h1").text == "b.png", "the next page")
    assert on_disk(folder / "a.png").state == "done"
    assert on_disk(folder / "b.png").state == "read"


def test_a_line_is_split_once_though_the_keys_are_pressed_again_before_it_is_saved(
    visitor: Visitor, folder: Path
) -> None:
    visitor.open("a.png")
    visitor.block("*/edits")
    visitor.browser.execute_script("document.activeElement.setSelectionRange(9, 9)")
    visitor.chord(Keys.SHIFT, Keys.ENTER)
    visitor.chord(Keys.SHIFT, Keys.ENTER)
    visitor.until(lambda: "being changed" in visitor.one("#notices").text, "the page says so")
    visitor.block()
    visitor.chord(Keys.CONTROL, "s")
    visitor.until_saved()
    assert texts_on_disk(folder / "a.png")[:2] == ["the ferri", "left at six"]
    assert len(texts_on_disk(folder / "a.png")) == len(LINES) + 1


def test_a_text_that_was_refused_is_saved_once_its_file_is_whole_again(
    visitor: Visitor, folder: Path
) -> None:
    visitor.open("a.png")
    file = folder / "a.xml"
    content = file.read_bytes()
    file.write_bytes(b"<PcGts")
    visitor.keys(Keys.END, " o'clock")
    visitor.chord(Keys.CONTROL, "s")
    visitor.until(lambda: "Not saved" in visitor.one("#notices").text, "the refusal")
    visitor.until(lambda: visitor.state() == "Not saved yet", "the text waits")
    file.write_bytes(content)
    visitor.chord(Keys.CONTROL, "s")
    visitor.until_saved()
    assert texts_on_disk(folder / "a.png")[0] == "the ferri left at six o'clock"


def test_who_left_a_page_before_it_was_marked_is_not_taken_to_the_next_one(
    visitor: Visitor, folder: Path
) -> None:
    visitor.open("a.png")
    visitor.block("*/edits")
    visitor.chord(Keys.CONTROL, Keys.ENTER)
    visitor.until(lambda: "Not saved" in visitor.state(), "the mark waits")
    visitor.one(".back").click()
    visitor.until(lambda: visitor.all(".card.done, .card .badge.read"), "the list")
    visitor.block()
    visitor.until(lambda: visitor.all(".card .badge.done"), "the mark in the list")
    assert visitor.browser.current_url.endswith("#/")
    assert on_disk(folder / "a.png").state == "done"


def test_a_line_with_characters_that_are_not_kept_is_split_at_the_cursor(
    visitor: Visitor, folder: Path
) -> None:
    visitor.open("a.png")
    visitor.chord(Keys.CONTROL, "a")
    visitor.keys("\u200fa\u00adb\u200ccd ef")  # the first three are invisible, and left out
    visitor.browser.execute_script("document.activeElement.setSelectionRange(5, 5)")
    visitor.chord(Keys.SHIFT, Keys.ENTER)
    visitor.until_saved()
    assert texts_on_disk(folder / "a.png")[:2] == ["ab", "cd ef"]


def test_the_skip_link_leads_to_the_content_of_the_page(visitor: Visitor) -> None:
    visitor.open("a.png")
    visitor.browser.execute_script("document.querySelector('.skip-link').focus()")
    visitor.keys(Keys.ENTER)
    active = "return document.activeElement.id"
    visitor.until(lambda: visitor.browser.execute_script(active) == "main", "the focus there")
    assert visitor.one("h1").text == "a.png"


def test_text_from_right_to_left_starts_at_the_right(visitor: Visitor, folder: Path) -> None:
    draw_page(folder / "a.png", [("\u05e9\u05dc\u05d5\u05dd.", []), ("left", [])])
    visitor.open("a.png")
    directions = """return [...document.querySelectorAll(arguments[0])]
        .map((part) => getComputedStyle(part).direction)"""
    for part in (".line textarea", ".mirror"):
        assert visitor.browser.execute_script(directions, part) == ["rtl", "ltr"]


def test_a_long_line_without_spaces_stays_in_its_field(visitor: Visitor, folder: Path) -> None:
    draw_page(folder / "a.png", [("x" * 400, [])])
    visitor.open("a.png")
    wide = (
        "const e = document.querySelector('.text-pane > div'); return e.scrollWidth > e.clientWidth"
    )
    assert not visitor.browser.execute_script(wide)


def test_a_line_is_made_by_keyboard_after_the_only_one_was_deleted(visitor: Visitor) -> None:
    visitor.open("b.png")
    visitor.one(".tools button:last-child").click()
    visitor.until(lambda: not visitor.texts(), "it is gone")
    visitor.keys("n")
    visitor.until(lambda: visitor.texts() == [""], "a new line")
