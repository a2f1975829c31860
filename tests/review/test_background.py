"""New pages are read in the background without overwriting edits."""

from __future__ import annotations

from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Callable

import pytest

from htrlib.errors import BundleError
from tests.review.running import Running, StandInReaders, broken_picture, running, write_xml

Make = Callable[..., Path]


def texts(server: Running, name: str) -> list[str]:
    return [line["text"] for line in server.client.page(name)["lines"]]


def states(server: Running) -> dict[str, str]:
    return {page["name"]: page["state"] for page in server.client.get("/api/pages").json["pages"]}


def finished(server: Running) -> Callable[[], bool]:
    return lambda: not server.service.background.waiting()


def test_pages_without_a_file_are_read_in_order_and_others_left_alone(make_picture: Make) -> None:
    folder = make_picture("c.png").parent
    make_picture("a.png")
    xml = write_xml(make_picture("b.png"), "a person's", by="Anna")
    before = xml.read_bytes()
    with running(folder, background=True) as server:
        server.until(finished(server), "all pages are read")
        assert [asked.path.name for asked in server.readers.asked] == ["a.png", "c.png"]
        page = server.client.page("a.png")
        reading = server.client.get("/api/overview").json["reading"]
    assert [line["text"] for line in page["lines"]] == ["one two", "three four"]
    assert (page["state"], page["changed_by"]) == ("read", "htrlib stand-in 1")
    assert page["warnings"] == ["a warning"]
    assert not any(line["confirmed"] for line in page["lines"])
    assert (reading["waiting"], reading["done"], reading["problem"]) == (0, 2, "")
    assert xml.read_bytes() == before


def test_a_new_start_reads_what_is_left(make_picture: Make) -> None:
    folder = make_picture("a.png").parent
    make_picture("b.png")
    readers = StandInReaders()
    readers.held = True
    with running(folder, readers=readers, background=True) as server:
        server.until(lambda: bool(readers.asked), "a page is begun")
        assert server.client.get("/api/overview").json["reading"]["active"] == ["a.png"]
    with running(folder, background=True) as server:
        server.until(finished(server), "all pages are read")
        assert states(server) == {"a.png": "read", "b.png": "read"}
    with running(folder, background=True) as server:
        server.until(finished(server), "there is nothing to read")
        assert not server.readers.asked
        assert server.client.page("b.png")["warnings"] == ["a warning"]


def test_what_a_person_writes_while_a_page_is_read_stays(make_picture: Make) -> None:
    picture = make_picture("a.png")
    readers = StandInReaders()
    readers.held = True
    with running(picture.parent, readers=readers, background=True) as server:
        server.until(lambda: bool(readers.asked), "the page is begun")
        line = {"text": "typed", "box": [10, 10, 90, 30]}
        add = {"do": "add", "line": line, "index": 0}
        assert server.client.edit("a.png", "", add).status == 200
        readers.release()
        server.until(finished(server), "the page is read")
        assert texts(server, "a.png") == ["typed"]
        assert states(server) == {"a.png": "in work"}


def test_a_page_that_cannot_be_read_is_a_problem_and_the_next_one_is_read(
    make_picture: Make,
) -> None:
    folder = make_picture("a.png").parent
    make_picture("b.png")
    make_picture("c.png")
    readers = StandInReaders()
    readers.broken = {"a.png": broken_picture("a.png"), "b.png": BrokenProcessPool("it died")}
    with running(folder, readers=readers, background=True) as server:
        server.until(finished(server), "all that can be is read")
        assert states(server) == {"a.png": "problem", "b.png": "problem", "c.png": "read"}
        problems = [page["problem"] for page in server.client.get("/api/pages").json["pages"]]
    assert "damaged" in problems[0]
    assert "memory" in problems[1]
    # A page on which the process died is tried twice: another one's may have been the fault.
    assert [asked.path.name for asked in readers.asked].count("b.png") == 2


def test_a_damaged_bundle_stops_reading_with_a_reason(make_picture: Make) -> None:
    readers = StandInReaders()
    readers.broken = {"a.png": BundleError("the bundle is damaged")}
    folder = make_picture("a.png").parent
    with running(folder, readers=readers, background=True) as server:
        server.until(lambda: bool(server.service.background.problem), "reading stops")
        reading = server.client.get("/api/overview").json["reading"]
        assert (reading["problem"], reading["waiting"]) == ("the bundle is damaged", 1)
        readers.broken = {}
        assert server.client.post("/api/reading", {"paused": False}).status == 200
        server.until(finished(server), "the page is read")
        assert states(server) == {"a.png": "read"}


def test_reading_pauses_and_goes_on(make_picture: Make) -> None:
    folder = make_picture("a.png").parent
    with running(folder) as server:
        assert server.client.post("/api/reading", {"paused": True}).json["reading"]["paused"]
        server.service.start()
        make_picture("b.png")
        server.service.index.refresh()
        assert states(server) == {"a.png": "new", "b.png": "new"}
        assert not server.readers.asked
        assert server.client.post("/api/reading", {"paused": 1}).status == 400
        server.client.post("/api/reading", {"paused": False})
        server.until(finished(server), "all pages are read")


def test_another_bundle_reads_anew_what_nobody_touched(make_picture: Make) -> None:
    folder = make_picture("confirmed.png").parent
    write_xml(folder / "confirmed.png", "right", confirmed=True, by="htrlib stand-in 1")
    write_xml(make_picture("edited.png"), "edited", state="in work", by="Anna")
    write_xml(make_picture("from elsewhere.png"), "given", by="Transkribus")
    write_xml(make_picture("untouched.png"), "old", by="htrlib stand-in 1")
    with running(folder, background=True) as server:
        server.service.index.refresh()
        better = StandInReaders("stand-in 2")
        better.texts = ["better"]
        server.service.background.use(better, frozenset({"stand-in 1"}))  # type: ignore[arg-type]
        server.until(finished(server), "the pages are read anew")
        assert [asked.path.name for asked in better.asked] == ["untouched.png"]
        assert texts(server, "untouched.png") == ["better"]
        history = server.client.get("/api/pages/untouched.png/history").json
    assert [one["by"] for one in history] == ["htrlib stand-in 1"]


def test_new_changed_and_removed_files_show_in_the_list(make_picture: Make) -> None:
    picture = make_picture("a.png")
    write_xml(picture, "one")
    with running(picture.parent) as server:
        server.service.index.refresh()
        revision = server.client.get("/api/overview").json["revision"]
        assert server.client.get(f"/api/changes?since={revision}").json["pages"] == []
        write_xml(make_picture("b.png"), "two")
        write_xml(picture, "one", "more", state="done")
        server.service.index.refresh()
        changes = server.client.get(f"/api/changes?since={revision}").json
        assert {page["name"]: page["state"] for page in changes["pages"]} == {
            "a.png": "done",
            "b.png": "read",
        }
        picture.unlink()
        server.service.index.refresh()
        changes = server.client.get(f"/api/changes?since={changes['revision']}").json
    assert changes["gone"] == ["a.png"]
    assert changes["overview"]["total"] == 1


@pytest.mark.parametrize("content", [b"", b"{}", b'{"form": 2, "pages": {"a.png": 5}}', b"\xff"])
def test_a_damaged_index_file_costs_a_look_at_the_files_alone(
    make_picture: Make, content: bytes
) -> None:
    picture = make_picture("a.png")
    write_xml(picture, "one", state="done")
    work = picture.parent / ".htr-review"
    work.mkdir()
    (work / "index.json").write_bytes(content)
    with running(picture.parent) as server:
        server.service.index.refresh()
        assert states(server) == {"a.png": "done"}


def test_the_xml_files_go_to_another_folder_where_one_is_named(
    make_picture: Make, tmp_path: Path
) -> None:
    pictures = make_picture("scans/letters/a.png").parents[1]
    output = tmp_path / "xml"
    with running(pictures, output=output, background=True) as server:
        server.until(finished(server), "the page is read")
    assert (output / "letters" / "a.xml").is_file()
    assert sorted(path.name for path in pictures.rglob("*")) == ["a.png", "letters"]


def test_a_page_is_tried_again_when_its_picture_has_changed(make_picture: Make) -> None:
    picture = make_picture("a.png")
    whole = picture.read_bytes()
    picture.write_bytes(whole[: len(whole) // 2])
    readers = StandInReaders()
    readers.broken = {"a.png": broken_picture("a.png")}
    with running(picture.parent, readers=readers, background=True) as server:
        server.until(lambda: states(server) == {"a.png": "problem"}, "it cannot be read")
        readers.broken = {}
        picture.write_bytes(whole)
        server.until(lambda: states(server) == {"a.png": "read"}, "the whole picture is read")


def test_a_page_is_shown_again_when_its_picture_is_restored(make_picture: Make) -> None:
    picture = make_picture("a.png")
    write_xml(picture, "one")
    whole = picture.read_bytes()
    make_picture("a.png", width=50)
    with running(picture.parent) as server:
        server.service.index.refresh()
        assert states(server) == {"a.png": "problem"}
        server.service.index.save()
    picture.write_bytes(whole)
    with running(picture.parent) as server:
        server.service.index.refresh()
        assert states(server) == {"a.png": "read"}


def test_pages_are_read_once_though_the_bundle_that_was_chosen_is_gone(make_picture: Make) -> None:
    folder = make_picture("a.png").parent
    choice = folder / ".htr-review" / "bundle.json"
    choice.parent.mkdir()
    choice.write_text('{"bundle": "/gone", "superseded": ["stand-in 1"]}')
    with running(folder, background=True) as server:
        server.until(lambda: server.service.background.status()["done"] > 0, "the page is read")
        assert not server.service.background.waiting()
