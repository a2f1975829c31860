"""Trainings started in the browser: held-out pages measure them, and the bundle is used."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from htrlib.bundle import load_bundle
from htrlib.cli.main import build_parser
from htrlib.formats.confirmed_lines import ASIDE
from htrlib.review import training_job, trainings
from htrlib.review.kept_aside import kept_aside
from tests.review.running import Running, StandInReaders, running, write_xml

Make = Callable[..., Path]

# Stands in for `htr`: measures at once, and "trains" by a copy of the bundle.
PROGRAM = """
import json, shutil, signal, sys, time
from pathlib import Path
arguments = sys.argv[1:]
given = dict(zip(arguments, arguments[1:]))
with open("CALLS", "a") as calls:
    calls.write(json.dumps(arguments) + "\\n")
if Path("BROKEN").exists():
    sys.exit("htr: it broke")
if arguments[0] == "evaluate":
    cer = 0.05 if "-1" in given["--bundle"] else 0.2
    decoders = {"best path": {"cer": {"rate": 0.9}}, "beam": {"cer": {"rate": cer}}}
    print(json.dumps({"decoders": decoders, "lines": 4, "pages": 1}))
    sys.exit(1)  # as htr does where a page is left out: it has no confirmed line
else:
    print("epoch=1; train_loss=0.5;", flush=True)
    def save(*_):
        shutil.copytree(given["--init"], given["--output"], dirs_exist_ok=True)
        sys.exit(130)
    signal.signal(signal.SIGTERM, save)
    Path("STARTED").touch()
    while Path("HELD").exists():
        time.sleep(0.02)
    shutil.copytree(given["--init"], given["--output"], dirs_exist_ok=True)
"""


@pytest.fixture()
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the stand-in for `htr` records its arguments."""
    folder = tmp_path / "program"
    folder.mkdir()
    script = PROGRAM
    for name in ("CALLS", "BROKEN", "STARTED", "HELD"):
        script = script.replace(f'"{name}"', repr(str(folder / name)))
    (folder / "htr.py").write_text(script)
    monkeypatch.setattr(training_job, "HTR", (sys.executable, str(folder / "htr.py")))
    monkeypatch.setattr(trainings.importlib.util, "find_spec", lambda name: object())
    return folder


def calls(program: Path) -> List[List[str]]:
    return [json.loads(row) for row in (program / "CALLS").read_text().splitlines()]


def confirmed_pages(make_picture: Make, count: int) -> Path:
    for number in range(count):
        picture = make_picture(f"scans/{number}.png")
        write_xml(picture, "one", "two", confirmed=True, state="done", by="Anna")
    return picture.parent


def training(server: Running) -> Dict[str, Any]:
    found: Dict[str, Any] = server.client.get("/api/training").json
    return found


def wait_for(server: Running, state: str) -> Dict[str, Any]:
    server.until(lambda: training(server)["state"] == state, f"the training is {state}")
    return training(server)


def test_a_training_is_measured_on_pages_kept_aside_and_its_bundle_used(
    make_picture: Make, program: Path
) -> None:
    folder = confirmed_pages(make_picture, 10)
    write_xml(make_picture("scans/read.png"), "misread", by="htrlib stand-in 1")
    with running(folder) as server:
        server.service.index.refresh()
        idle = training(server)
        assert (idle["state"], idle["lines"], idle["pages"]) == ("idle", 20, 10)
        assert idle["can_train"] is True
        assert server.client.get("/api/overview").json["trainable"] is True
        started = server.client.post("/api/training", {"minutes": 2}).json
        assert (started["state"], started["minutes"]) == ("running", 2)
        done = wait_for(server, "finished")
        assert done["before"] == {"cer": 0.2, "lines": 4, "pages": 1}
        assert done["after"] == {"cer": 0.05, "lines": 4, "pages": 1}
        assert done["progress"] == 1.0
        assert any("train_loss" in line for line in done["log"])
        before, train, after = calls(program)
        for call in (before, train, after):  # which the real program would take
            build_parser(call[:1]).parse_args(call)
        assert before[before.index("--split") + 1] == ASIDE
        assert train[:4] == ["train", "line-recognition", "--train", "review"]
        assert train[train.index("--minutes") + 1] == "2"
        assert after[after.index("--bundle") + 1] == done["bundle"]
        used = server.client.post("/api/training/use", {}).json
        assert used["in_use"] == done["bundle"]
        assert server.client.get("/api/overview").json["bundle"] == load_bundle().label
    with running(folder) as server:  # which shows the last training, and knows the choice
        assert training(server)["after"]["cer"] == 0.05
        assert trainings.chosen_bundle(server.service.folder) == done["bundle"]


def test_the_pages_kept_aside_are_listed_beside_the_files(
    make_picture: Make, program: Path
) -> None:
    folder = confirmed_pages(make_picture, 3)
    with running(folder) as server:
        server.service.index.refresh()
        server.client.post("/api/training", {"minutes": 1})
        wait_for(server, "finished")
        listed = json.loads((folder / ".htr-review" / "kept-aside.json").read_text())
        server.client.post("/api/training", {"minutes": 1})
        wait_for(server, "finished")
    assert len(listed) == 1
    assert (folder / listed[0]).is_file()
    assert json.loads((folder / ".htr-review" / "kept-aside.json").read_text()) == listed


def test_a_training_is_stopped_and_what_it_learned_is_kept(
    make_picture: Make, program: Path
) -> None:
    (program / "HELD").touch()
    folder = confirmed_pages(make_picture, 3)
    with running(folder) as server:
        server.service.index.refresh()
        server.client.post("/api/training", {"minutes": 1})
        server.until((program / "STARTED").exists, "the training has begun")
        again = server.client.post("/api/training", {"minutes": 1})
        assert (again.status, again.json["error"]["message"]) == (422, "a training runs already")
        assert server.client.post("/api/training/use", {}).status == 422
        server.client.post("/api/training/stop", {})
        stopped = wait_for(server, "stopped")
        assert Path(stopped["bundle"]).is_dir()
        assert (stopped["after"], stopped["problem"]) == (None, "")
        used = server.client.post("/api/training/use", {}).json
        assert used["in_use"] == stopped["bundle"]


def stopped_training(server: Running, program: Path) -> Dict[str, Any]:
    """Start a training, and stop it once it has begun."""
    (program / "HELD").touch()
    server.client.post("/api/training", {"minutes": 3})
    server.until((program / "STARTED").exists, "the training has begun")
    server.client.post("/api/training/stop", {})
    stopped = wait_for(server, "stopped")
    (program / "HELD").unlink()
    return stopped


def test_a_training_that_was_stopped_goes_on(make_picture: Make, program: Path) -> None:
    folder = confirmed_pages(make_picture, 3)
    with running(folder) as server:
        server.service.index.refresh()
        assert server.client.post("/api/training/resume", {}).status == 422
        stopped = stopped_training(server, program)
        assert Path(stopped["folder"]) in Path(stopped["bundle"]).parents
    with running(folder) as server:  # also after a restart
        server.service.index.refresh()
        assert training(server)["can_resume"] is True
        (program / "HELD").touch()
        (program / "STARTED").unlink()
        resumed = server.client.post("/api/training/resume", {}).json
        assert (resumed["state"], resumed["can_resume"]) == ("running", False)
        server.until((program / "STARTED").exists, "the training goes on")
        assert training(server)["progress"] < 0.9  # though there is a bundle already
        (program / "HELD").unlink()
        done = wait_for(server, "finished")
    assert (done["before"]["cer"], done["after"]["cer"]) == (0.2, 0.05)
    before, train, again, after = calls(program)
    assert (before[0], after[0]) == ("evaluate", "evaluate")
    assert train == again  # from which htr train goes on with a training


def test_a_training_does_not_go_on_with_other_lines(make_picture: Make, program: Path) -> None:
    folder = confirmed_pages(make_picture, 3)
    with running(folder) as server:
        server.service.index.refresh()
        assert stopped_training(server, program)["why_not_resume"] == ""
        version = server.client.page("0.png")["version"]
        server.client.edit("0.png", version, {"do": "text", "id": "line-1", "text": "another"})
        found = training(server)
        assert found["can_resume"] is False
        assert "confirmed lines have changed" in found["why_not_resume"]
        assert server.client.post("/api/training/resume", {}).status == 422


def test_a_new_bundle_is_used_though_the_one_before_is_gone(
    make_picture: Make, program: Path
) -> None:
    folder = confirmed_pages(make_picture, 3)
    with running(folder, readers=StandInReaders(bundle=str(folder / "gone"))) as server:
        server.service.index.refresh()
        server.service.readers.bundle = str(load_bundle().directory)
        server.client.post("/api/training", {"minutes": 1})
        wait_for(server, "finished")
        server.service.readers.bundle = str(folder / "gone")
        assert server.client.post("/api/training/use", {}).status == 200


def test_a_training_that_fails_says_why(make_picture: Make, program: Path) -> None:
    (program / "BROKEN").touch()
    folder = confirmed_pages(make_picture, 3)
    with running(folder) as server:
        server.service.index.refresh()
        server.client.post("/api/training", {"minutes": 1})
        failed = wait_for(server, "failed")
        assert failed["problem"] == "htr evaluate failed: htr: it broke"
        assert failed["can_train"] is True
        assert server.client.post("/api/training/use", {}).status == 422


def test_a_server_that_ends_stops_its_training(make_picture: Make, program: Path) -> None:
    (program / "HELD").touch()
    folder = confirmed_pages(make_picture, 3)
    with running(folder) as server:
        server.service.index.refresh()
        server.client.post("/api/training", {"minutes": 1})
        server.until((program / "STARTED").exists, "the training has begun")
    with running(folder) as server:
        assert training(server)["state"] == "stopped"


def test_a_training_whose_server_was_killed_is_stopped(make_picture: Make, program: Path) -> None:
    folder = confirmed_pages(make_picture, 3)
    state = folder / ".htr-review" / "trainings" / "0004" / "training.json"
    state.parent.mkdir(parents=True)
    state.write_text('{"state": "running", "minutes": 5, "process": 1}')
    with running(folder) as server:
        found = training(server)
    assert (found["state"], found["problem"]) == ("stopped", "the server ended meanwhile")


def test_too_few_pages_and_a_machine_that_cannot_train_are_told(
    make_picture: Make, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = confirmed_pages(make_picture, 2)
    with running(folder) as server:
        server.service.index.refresh()
        assert "confirm lines on 3 pages" in training(server)["why_not"]
        assert server.client.post("/api/training", {"minutes": 1}).status == 422
        monkeypatch.setattr(trainings.importlib.util, "find_spec", lambda name: None)
        assert "MXNet" in training(server)["why_not"]


@pytest.mark.parametrize("minutes", [0, -1, 1e9, "5", None, True])
def test_minutes_that_cannot_be_are_refused(
    make_picture: Make, program: Path, minutes: object
) -> None:
    folder = confirmed_pages(make_picture, 3)
    with running(folder) as server:
        server.service.index.refresh()
        assert server.client.post("/api/training", {"minutes": minutes}).status in (400, 422)
        assert training(server)["state"] == "idle"


PAGES = st.lists(st.text("abcdef", min_size=1, max_size=4), unique=True)


@given(PAGES, PAGES, PAGES)
def test_a_page_kept_aside_stays_so_and_one_is_always(
    first: List[str], more: List[str], gone: List[str]
) -> None:
    once = kept_aside(first, [])
    later = [page for page in {*first, *more} if page not in gone]
    twice = kept_aside(later, once)
    assert set(once) <= set(twice)
    assert len(once) == (min(len(first), max(1, round(0.1 * len(first)))))
    assert not later or set(twice) & set(later)
    assert kept_aside(list(reversed(later)), once) == twice


def test_the_page_starts_a_training_shows_what_it_is_worth_and_uses_it(
    browser: Any, make_picture: Make, program: Path
) -> None:
    from tests.review.visiting import Visitor

    folder = confirmed_pages(make_picture, 5)
    with running(folder) as server:
        server.service.index.refresh()
        visitor = Visitor(browser, f"http://127.0.0.1:{server.client.port}/")
        visitor.open()
        visitor.one("a.button").click()
        visitor.until(
            lambda: "10 confirmed lines on 5 pages" in visitor.one(".training").text, "the number"
        )
        minutes = visitor.one("#minutes")
        minutes.clear()
        minutes.send_keys("3")
        (program / "HELD").touch()
        visitor.one(".training button").click()
        visitor.until(lambda: "Training, " in visitor.one(".training").text, "its progress")
        (program / "HELD").unlink()
        visitor.until(lambda: "5.0 %" in visitor.one(".scores").text, "the rate after")
        assert "20.0 %" in visitor.one(".scores").text
        _, train, _ = calls(program)
        assert train[train.index("--minutes") + 1] == "3"
        use = visitor.all(".training button")[-1]
        use.click()
        visitor.until(lambda: use.text == "In use", "it is used")
        assert training(server)["in_use"] == training(server)["bundle"]


def test_the_page_says_what_a_stopped_training_leaves_and_resumes_it(
    browser: Any, make_picture: Make, program: Path
) -> None:
    from tests.review.visiting import Visitor

    def press(name: str) -> None:
        (button,) = [b for b in visitor.all(".training button") if b.text == name]
        button.click()

    folder = confirmed_pages(make_picture, 3)
    with running(folder) as server:
        server.service.index.refresh()
        stopped = stopped_training(server, program)
        visitor = Visitor(browser, f"http://127.0.0.1:{server.client.port}/")
        visitor.open()
        visitor.one("a.button").click()
        shown = "Training was stopped."
        visitor.until(lambda: shown in visitor.one(".training").text, "the end")
        assert f"The best model so far is in {stopped['bundle']}" in visitor.one(".training").text
        assert "not measured" in visitor.one(".scores").text
        press("Use it for the pages left")
        visitor.until(lambda: training(server)["in_use"] == stopped["bundle"], "its use")
        press("Resume")
        visitor.until(lambda: "Training has finished" in visitor.one(".training").text, "the end")


def test_a_training_goes_on_when_a_second_server_of_the_folder_starts(
    make_picture: Make, program: Path
) -> None:
    (program / "HELD").touch()
    folder = confirmed_pages(make_picture, 3)
    with running(folder) as early, running(folder) as server:
        server.service.index.refresh()
        server.client.post("/api/training", {"minutes": 1})
        server.until((program / "STARTED").exists, "the training has begun")
        with running(folder) as late:
            late.service.index.refresh()
            for other in (early, late):
                assert training(other)["state"] == "running"
                assert "runs already" in training(other)["why_not"]
                refused = other.client.post("/api/training/stop", {})
                assert (refused.status, "another htr review" in str(refused.json)) == (422, True)
        assert training(server)["state"] == "running"
        (program / "HELD").unlink()
        assert wait_for(server, "finished")["bundle"] == wait_for(early, "finished")["bundle"]
