"""The labeling page in a real browser, used with a real mouse and keyboard."""

from __future__ import annotations

import functools
import json
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import pytest

from htrlib import data

pytest.importorskip("selenium", reason="selenium is not installed: pip install -e '.[test]'")
liquid = pytest.importorskip("liquid", reason="python-liquid is not installed")

from selenium import webdriver  # noqa: E402
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.wait import WebDriverWait  # noqa: E402

from tests.browsing import Typist, start_browser  # noqa: E402

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "examples" / "sagemaker" / "ground_truth" / "template.liquid.html"
ELEMENTS = Path(__file__).with_name("crowd_elements.js")
PICTURE = ROOT / "examples" / "data" / "letter.png"
ODD = '"O\'Brien", said: {{x}} 50 % <b>&amp;</b> \\n, العربية: مرحبا، שלום'


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass

    def end_headers(self) -> None:
        # Pages that are written within a second have the same date, by which a browser would keep
        # the one before.
        self.send_header("Cache-Control", "no-store")
        super().end_headers()


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    started = start_browser("--window-size=1400,1000")
    yield started
    started.quit()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple]:
    """A folder with the picture, and its address."""
    path = tmp_path_factory.mktemp("task")
    shutil.copy(PICTURE, path / "letter.png")
    shutil.copy(ELEMENTS, path / "crowd-html-elements.js")
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(path)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield path, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def task(browser, folder, script) -> Callable[..., Task]:
    """Opens the page for a row of a manifest, rendered as Ground Truth renders it."""
    path, address = folder

    def open_task(**row: Any) -> Task:
        event = {"dataObject": {"source-ref": "s3://scans/letter.png", **row}}
        given = script("pre_annotation").handler(event, None)
        environment = liquid.Environment(undefined=liquid.StrictUndefined, autoescape=True)
        environment.add_filter(
            "grant_read_access", lambda uri: uri.replace("s3://scans", address) + "?a=1&b=2"
        )
        template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
        page = template.render(task={"input": given["taskInput"]})
        crowd = "https://assets.crowd.aws/crowd-html-elements.js"
        assert crowd in page
        (path / "task.html").write_text(
            page.replace(crowd, "crowd-html-elements.js"), encoding="utf-8"
        )
        browser.get(f"{address}/task.html")
        WebDriverWait(browser, 30).until(
            lambda b: b.find_element(By.ID, "labels").get_attribute("value")
        )
        return Task(browser)

    return open_task


class Task(Typist):
    """A labeling page and its user. Positions are in pixels of the picture."""

    def __init__(self, browser: webdriver.Chrome) -> None:
        self.browser = browser

    def find(self, identity: str) -> Any:
        return self.browser.find_element(By.ID, identity)

    def _move(self, actions: ActionChains, x: float, y: float) -> None:
        # The page may be longer than the window: move from the window's corner.
        frame = self.browser.execute_script(
            "const r = document.getElementById('marks').getBoundingClientRect();"
            "const p = document.getElementById('picture');"
            "return [r.left, r.top, r.width / p.naturalWidth]"
        )
        actions.w3c_actions.pointer_action.move_to_location(
            round(frame[0] + x * frame[2]), round(frame[1] + y * frame[2])
        )

    def drag(self, start: tuple, end: tuple) -> None:
        actions = ActionChains(self.browser, duration=20)
        self._move(actions, *start)
        actions.w3c_actions.pointer_action.pointer_down()
        self._move(actions, (start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        self._move(actions, *end)
        actions.w3c_actions.pointer_action.release()
        actions.perform()

    def click(self, *place: float) -> None:
        actions = ActionChains(self.browser, duration=20)
        self._move(actions, *place)
        actions.w3c_actions.pointer_action.pointer_down()
        actions.w3c_actions.pointer_action.release()
        actions.perform()

    @property
    def texts(self) -> List[Dict[str, Any]]:
        return json.loads(self.find("labels").get_attribute("value"))["texts"]

    def submit(self) -> Any:
        """Return what the form sends, as text; None if it refuses to send."""
        self.browser.execute_script("window.submitted = null")
        self.find("send").click()
        return self.browser.execute_script("return window.submitted")


def box_of(text: Dict[str, Any]) -> tuple:
    xs, ys = [c["x"] for c in text["bb"]], [c["y"] for c in text["bb"]]
    return min(xs), min(ys), max(xs), max(ys)


def near(found: tuple, expected: tuple, by: float = 4) -> bool:
    return all(abs(a - b) <= by for a, b in zip(found, expected))


def test_boxes_are_drawn_texts_are_typed_and_json_is_submitted(task):
    page = task()
    page.drag((200, 300), (900, 380))
    page.keys(ODD, Keys.ENTER)
    page.drag((950, 310), (1200, 385))  # on the same line
    page.keys("two", Keys.ENTER)
    page.drag((200, 420), (900, 500))
    page.keys("three", Keys.ENTER)
    submitted = page.submit()
    assert set(submitted) == {"labels"}
    answer = json.loads(submitted["labels"])
    found = answer["texts"]
    assert [text["text"] for text in found] == [ODD, "two", "three"]
    assert [text["line_num"] for text in found] == [1, 1, 2]
    assert {text["type"] for text in found} == {"handwritten"}
    assert near(box_of(found[0]), (200, 300, 900, 380))
    assert near(box_of(found[2]), (200, 420, 900, 500))
    size = page.browser.execute_script("return [picture.naturalWidth, picture.naturalHeight]")
    assert [answer["image"]["width"], answer["image"]["height"]] == size


def test_what_is_submitted_goes_through_the_consolidation_into_the_library(
    task, script, aws, tmp_path
):
    page = task()
    page.drag((200, 300), (900, 380))
    page.keys(ODD, Keys.ENTER)
    content = json.dumps(page.submit())
    s3 = aws("s3")
    s3.create_bucket(Bucket="labels")
    annotation = {"workerId": "w", "annotationData": {"content": content}}
    item = {"datasetObjectId": "0", "dataObject": {"s3Uri": "s3://scans/letter.png"}}
    item["annotations"] = [annotation]
    s3.put_object(Bucket="labels", Key="p.json", Body=json.dumps([item]).encode())
    event = {"labelAttributeName": "label", "payload": {"s3Uri": "s3://labels/p.json"}}
    (label,) = script("post_annotation").handler(event, None)
    row = {"source-ref": "letter.png", **label["consolidatedAnnotation"]["content"]}
    row["label-metadata"] = {"type": "groundtruth/custom"}
    shutil.copy(PICTURE, tmp_path)
    (tmp_path / "output.manifest").write_text(json.dumps(row))
    (line,) = data.load("ground_truth", tmp_path / "output.manifest").lines
    assert line.text == ODD


def test_the_keyboard_alone_is_enough(task):
    page = task()
    page.keys("n")
    first = box_of(page.texts[0])
    page.keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_RIGHT)
    page.chord(Keys.SHIFT, Keys.ARROW_LEFT)
    page.chord(Keys.ALT, Keys.ARROW_DOWN)
    moved = box_of(page.texts[0])
    stride = moved[0] - first[0]
    assert stride > 1
    assert moved == (
        first[0] + stride,
        first[1] + 2 * stride + 1,
        first[2],
        first[3] + 2 * stride + 1,
    )
    page.keys(Keys.ENTER, "first", Keys.ENTER, "n", Keys.ENTER, "second")
    page.chord(Keys.ALT, "t")
    page.chord(Keys.ALT, Keys.ARROW_DOWN)
    page.chord(Keys.CONTROL, Keys.ENTER)
    submitted = page.browser.execute_script("return window.submitted")
    found = json.loads(submitted["labels"])["texts"]
    assert [(text["text"], text["line_num"], text["type"]) for text in found] == [
        ("first", 1, "handwritten"),
        ("second", 3, "printed"),
    ]
    assert box_of(found[1])[1] > box_of(found[0])[3], "the next box is below"


def test_undo_takes_back_one_change_after_the_other_and_redo_makes_them_again(task):
    page = task()
    page.drag((200, 300), (900, 380))
    page.keys("one", Keys.ENTER)
    page.keys(Keys.DELETE)
    assert page.texts == []
    seen = []
    for _ in range(3):
        page.chord(Keys.CONTROL, "z")
        seen.append([text["text"] for text in page.texts])
    assert seen == [["one"], [""], []]
    assert not page.find("undo").is_enabled()
    page.find("redo").click()
    page.find("redo").click()
    assert [text["text"] for text in page.texts] == ["one"]


def test_a_box_is_selected_moved_resized_and_deleted(task):
    page = task()
    page.drag((200, 300), (900, 380))
    page.keys("one", Keys.ENTER)
    page.drag((500, 340), (520, 360))  # within the box: it moves
    assert near(box_of(page.texts[0]), (220, 320, 920, 400))
    page.drag((920, 400), (1000, 440))  # its corner
    assert near(box_of(page.texts[0]), (220, 320, 1000, 440))
    page.click(100, 100)  # nothing is there
    page.drag((300, 350), (600, 420))  # not selected: a new box
    assert len(page.texts) == 2
    page.keys(Keys.ESCAPE, Keys.DELETE)
    assert [text["text"] for text in page.texts] == ["one"]


def test_a_polygon_is_clicked_and_closed_with_enter(task):
    page = task()
    page.find("polygon-tool").click()
    for place in ((200, 340), (900, 300), (1200, 380)):
        page.click(*place)
    page.chord(Keys.CONTROL, "z")  # the last corner
    for place in ((900, 380), (200, 420)):
        page.click(*place)
    page.keys(Keys.ENTER, "sloping", Keys.ENTER)
    (text,) = json.loads(page.submit()["labels"])["texts"]
    assert text["text"] == "sloping"
    expected = [(200, 340), (900, 300), (900, 380), (200, 420)]
    for corner, place in zip(text["bb"], expected):
        assert near((corner["x"], corner["y"]), place)
    assert len(text["bb"]) == 4


def test_with_the_polygon_tool_a_drag_draws_a_box_and_an_open_polygon_is_not_lost(task):
    page = task()
    page.keys("p")
    page.drag((200, 300), (900, 380))
    page.keys("a box", Keys.ENTER)
    page.click(200, 450)
    page.click(900, 450)
    assert page.submit() is None
    assert "not closed" in page.find("status").text
    page.keys(Keys.ESCAPE)
    (text,) = json.loads(page.submit()["labels"])["texts"]
    assert near(box_of(text), (200, 300, 900, 380))


def test_messages_do_not_move_the_page(task):
    page = task()
    place = "return document.getElementById('marks').getBoundingClientRect().top"
    before = page.browser.execute_script(place)
    page.keys("p")
    page.click(200, 450)
    assert page.find("status").is_displayed()
    assert page.browser.execute_script(place) == before


def test_places_are_pixels_of_the_picture_at_any_zoom(task):
    page = task()
    page.keys("+", "+")
    page.drag((100, 100), (400, 160))
    assert near(box_of(page.texts[0]), (100, 100, 400, 160), by=3)


def test_labels_that_are_there_are_shown_and_can_be_corrected(task):
    bb = [{"x": 200, "y": 300}, {"x": 900, "y": 310}, {"x": 900, "y": 390}, {"x": 200, "y": 380}]
    texts = [
        {"text": ODD, "line_num": "2", "type": "printed", "bb": bb},
        {"text": "Helo", "line_num": 3, "type": "handwritten", "bb": bb},
    ]
    page = task(**{"label": {"texts": texts}, "label-metadata": {"type": "groundtruth/custom"}})
    rows = page.browser.find_elements(By.CSS_SELECTOR, "#list .text")
    assert [row.get_attribute("value") for row in rows] == [ODD, "Helo"]
    rows[1].send_keys(Keys.END, Keys.ARROW_LEFT, "l", Keys.ENTER)
    found = json.loads(page.submit()["labels"])["texts"]
    assert found == [{**texts[0], "line_num": 2}, {**texts[1], "text": "Hello"}]


def test_a_label_without_text_and_an_empty_page_are_asked_about(task):
    page = task()
    assert page.submit() is None
    assert "no labels" in page.find("status").text
    page.find("nothing").click()
    assert json.loads(page.submit()["labels"])["texts"] == []
    page.drag((200, 300), (900, 380))
    page.keys(Keys.ENTER)
    assert page.submit() is None
    page.keys("now")
    assert json.loads(page.submit()["labels"])["texts"][0]["text"] == "now"


def test_fields_and_buttons_change_a_label(task):
    page = task()
    page.drag((200, 300), (900, 380))
    row = page.browser.find_element(By.CSS_SELECTOR, "#list li")
    row.find_element(By.CLASS_NAME, "text").send_keys("a")
    row.find_element(By.CLASS_NAME, "line").send_keys(Keys.CONTROL, "a")
    row.find_element(By.CLASS_NAME, "line").send_keys("12")
    row.find_element(By.CLASS_NAME, "type").click()
    assert [(t["text"], t["line_num"], t["type"]) for t in page.texts] == [("a", 12, "printed")]
    row.find_element(By.CLASS_NAME, "delete").click()
    assert page.texts == []
