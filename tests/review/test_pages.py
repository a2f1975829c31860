"""The API of the page in the browser: list pages, show one, and change it."""

from __future__ import annotations

import errno
import gzip
import io
import zipfile
from pathlib import Path
from typing import Any, Callable
from urllib.parse import quote

import pytest
from PIL import Image

from htrlib.formats.page_editing import read_page_file
from htrlib.images.numbered_pages import page_size
from htrlib.review import page_pictures, store
from tests.review.running import running, write_xml

Make = Callable[..., Path]


def on_disk(picture: Path) -> Any:
    """Read a picture's XML file."""
    path = picture.with_suffix(".xml")
    return read_page_file(path.read_bytes(), path, page_size(picture))


def test_the_list_has_every_page_with_its_state_and_numbers(make_picture: Make) -> None:
    folder = make_picture("b.png").parent
    write_xml(make_picture("a.png"), "one", "two", confirmed=True, state="done", by="Anna")
    make_picture("letters/c d.png")
    with running(folder) as server:
        server.service.index.refresh()
        listed = server.client.get("/api/pages").json
    assert [page["name"] for page in listed["pages"]] == ["a.png", "b.png", "letters/c d.png"]
    assert listed["total"] == 3
    done, new = listed["pages"][:2]
    assert (done["state"], done["lines"], done["confirmed"]) == ("done", 2, 2)
    assert (new["state"], new["lines"]) == ("new", 0)


def test_the_list_is_searched_filtered_sorted_and_given_in_parts(make_picture: Make) -> None:
    folder = make_picture("new.png").parent
    write_xml(make_picture("a.png"), "An Owl", "and a fox")
    write_xml(make_picture("z.png"), "the owl's wing", state="done")
    with running(folder) as server:
        server.service.index.refresh()

        def names(query: str) -> Any:
            return [page["name"] for page in server.client.get(f"/api/pages?{query}").json["pages"]]

        found = server.client.get("/api/pages?search=OWL").json["pages"]
        assert [(page["name"], page["match"]) for page in found] == [
            ("a.png", "An Owl"),
            ("z.png", "the owl's wing"),
        ]
        assert names("state=done") == ["z.png"]
        assert names("sort=state") == ["new.png", "a.png", "z.png"]
        assert names("offset=1&limit=1") == ["new.png"]
        assert server.client.get("/api/pages?state=odd").status == 400
        assert server.client.get("/api/pages?offset=-1").status == 400


def test_a_page_is_shown_with_its_neighbors(make_picture: Make) -> None:
    folder = make_picture("a.png").parent
    write_xml(make_picture("b.png"), "one two")
    make_picture("c.png")
    with running(folder) as server:
        page = server.client.page("b.png")
        assert server.client.get("/api/pages/nothing.png").status == 404
    assert (page["previous"], page["next"], page["state"]) == ("a.png", "c.png", "read")
    assert page["size"] == page["picture"] == {"width": 200, "height": 100}
    (line,) = page["lines"]
    assert (line["text"], line["kind"], line["alternatives"]) == (
        "one two",
        "handwritten",
        ["one two?"],
    )
    assert [(word["text"], word["start"], word["end"]) for word in line["words"]] == [
        ("one", 0, 3),
        ("two", 4, 7),
    ]


def test_a_correction_is_on_disk_and_can_be_undone(make_picture: Make) -> None:
    picture = make_picture("a.png")
    write_xml(picture, "helo world")
    with running(picture.parent) as server:
        before = server.client.page("a.png")
        edit = {"do": "text", "id": "line-1", "text": "hello world"}
        reply = server.client.edit("a.png", before["version"], edit, X_HTR_Name="Zo%C3%AB")
        assert reply.status == 200, reply.body
        file = on_disk(picture)
        assert (file.page.lines[0].text, file.page.lines[0].confirmed) == ("hello world", True)
        assert (file.state, file.changed_by) == ("in work", "Zoë")
        undone = server.client.edit("a.png", reply.json["page"]["version"], *reply.json["undo"])
        assert undone.status == 200, undone.body
    assert undone.json["page"]["lines"] == before["lines"]


def test_every_edit_of_lines_is_made_and_undone(make_picture: Make) -> None:
    picture = make_picture("a.png")
    write_xml(picture, "one two", "three")
    box = {"box": [10, 70, 100, 90]}
    edits = [
        {"do": "confirm", "id": "line-1", "confirmed": True},
        {"do": "kind", "id": "line-1", "kind": "printed"},
        {"do": "delete", "id": "line-2"},
        {"do": "add", "line": {"text": "four", **box, "kind": None}, "index": 1},
        {"do": "move", "id": "line-2", **box},
        {"do": "move", "id": "line-2", "polygon": [[5, 5], [90, 5], [90, 30]]},
        {"do": "order", "id": "line-2", "index": 0},
        {"do": "split", "id": "line-1", "at": 3},
        {"do": "split", "id": "line-1", "at": 3, "x": 60},
        {"do": "merge", "first": "line-1", "second": "line-2"},
        {"do": "done", "done": True},
    ]
    with running(picture.parent) as server:
        page = server.client.page("a.png")
        for edit in edits:
            reply = server.client.edit("a.png", page["version"], edit)
            assert reply.status == 200, (edit, reply.body)
            assert reply.json["page"]["lines"] != page["lines"] or edit["do"] == "done", edit
            back = server.client.edit("a.png", reply.json["page"]["version"], *reply.json["undo"])
            assert back.status == 200, (edit, back.body)
            assert back.json["page"]["lines"] == page["lines"], edit
            page = back.json["page"]
    assert page["done"] is False


def test_a_baseline_alone_gets_an_outline_as_high_as_the_lines_beside_it(
    make_picture: Make,
) -> None:
    picture = make_picture("a.png")
    write_xml(picture, "one")
    baseline = [[100, 70], [20, 72]]
    with running(picture.parent) as server:
        version = server.client.page("a.png")["version"]
        edit = {"do": "add", "line": {"text": "", "baseline": baseline}, "index": 1}
        page = server.client.edit("a.png", version, edit).json["page"]
    line = page["lines"][1]
    assert line["baseline"] == [[20, 72], [100, 70]]
    left, top, right, bottom = line["box"]
    assert (left, right) == (20, 100)
    assert bottom - top == pytest.approx(12 + 2, abs=1)  # the line above is 12 high
    assert line["confirmed"] is False


@pytest.mark.parametrize(
    "edit",
    [
        {},
        {"do": "explode"},
        {"do": ["text"]},
        {"do": "text", "id": "line-1"},
        {"do": "text", "id": "line-1", "text": 5},
        {"do": "text", "id": "line-1", "text": "x" * 20_000},
        {"do": "text", "id": "nobody", "text": "x"},
        {"do": "confirm", "id": "line-1", "confirmed": "yes"},
        {"do": "kind", "id": "line-1", "kind": "carved"},
        {"do": "add", "line": {"text": "nowhere"}, "index": 0},
        {"do": "add", "line": "x", "index": 0},
        {"do": "add", "line": {"box": [0, 0, 0, 0]}, "index": 0},
        {"do": "add", "line": {"box": [900, 900, 950, 950]}, "index": 0},
        {"do": "add", "line": {"baseline": [[5, 5], [5, 50]]}, "index": 0},
        {"do": "move", "id": "line-1", "polygon": [[1, 1], [2]]},
        {"do": "move", "id": "line-1", "polygon": [[1, 1], [2, 2], ["a", "b"]]},
        {"do": "split", "id": "line-1", "at": 99},
        {"do": "order", "id": "line-1", "index": 1.5},
        {"do": "undo", "remove": ["line-1"], "insert": [[0, {"id": "line-1"}]], "done": None},
        {"do": "undo", "remove": 5, "insert": [], "done": None},
    ],
)
def test_an_edit_that_does_not_fit_changes_nothing(make_picture: Make, edit: Any) -> None:
    picture = make_picture("a.png")
    xml = write_xml(picture, "one two")
    before = xml.read_bytes()
    good = {"do": "text", "id": "line-1", "text": "good"}
    with running(picture.parent) as server:
        version = server.client.page("a.png")["version"]
        reply = server.client.edit("a.png", version, good, edit)
    assert reply.status == 422, reply.body
    assert reply.json["error"]["message"]
    assert xml.read_bytes() == before


def test_the_second_of_two_people_is_told_and_neither_text_is_lost(make_picture: Make) -> None:
    picture = make_picture("a.png")
    write_xml(picture, "one", "two")
    with running(picture.parent) as server:
        version = server.client.page("a.png")["version"]
        first = {"do": "text", "id": "line-1", "text": "Anna's"}
        second = {"do": "text", "id": "line-2", "text": "Ben's"}
        assert server.client.edit("a.png", version, first, X_HTR_Name="Anna").status == 200
        late = server.client.edit("a.png", version, second, X_HTR_Name="Ben")
        assert late.status == 409
        assert "Anna" in late.json["error"]["message"]
        assert late.json["page"]["lines"][0]["text"] == "Anna's"
        again = server.client.edit("a.png", late.json["page"]["version"], second, X_HTR_Name="Ben")
        assert again.status == 200
    assert [line.text for line in on_disk(picture).page.lines] == ["Anna's", "Ben's"]


def test_a_change_by_another_program_is_a_conflict_too(make_picture: Make) -> None:
    picture = make_picture("a.png")
    write_xml(picture, "one")
    with running(picture.parent) as server:
        version = server.client.page("a.png")["version"]
        write_xml(picture, "from another program")
        edit = {"do": "text", "id": "line-1", "text": "x"}
        assert server.client.edit("a.png", version, edit).status == 409
        changes = server.client.get("/api/changes?since=0").json
    assert changes["overview"]["total"] == 1
    assert on_disk(picture).page.lines[0].text == "from another program"


def test_an_empty_page_is_labeled_from_nothing(make_picture: Make) -> None:
    picture = make_picture("a.png")
    with running(picture.parent) as server:
        page = server.client.page("a.png")
        assert (page["version"], page["state"], page["lines"]) == ("", "new", [])
        line = {"text": "hello", "box": [10, 10, 90, 30], "kind": "handwritten"}
        reply = server.client.edit("a.png", "", {"do": "add", "line": line, "index": 0})
        assert reply.status == 200, reply.body
    (written,) = on_disk(picture).page.lines
    assert (written.text, written.confirmed) == ("hello", True)
    assert written.place is not None
    assert written.place.kind == "handwritten"


def test_pages_of_a_pdf_and_of_a_tiff_are_pages_of_their_own(tmp_path: Path) -> None:
    pages = [Image.new("L", (200, 100), shade) for shade in (255, 200, 150)]
    pages[0].save(tmp_path / "many.tif", save_all=True, append_images=pages[1:])
    pages[0].save(tmp_path / "scan.pdf", save_all=True, append_images=pages[1:2], resolution=300)
    with running(tmp_path) as server:
        names = [page["name"] for page in server.client.get("/api/pages").json["pages"]]
        assert names == [
            "many.tif/0001",
            "many.tif/0002",
            "many.tif/0003",
            "scan.pdf/0001",
            "scan.pdf/0002",
        ]
        page = server.client.page("scan.pdf/0002")
        assert page["size"] == {"width": 200, "height": 100}
        line = {"text": "hello", "box": [10, 10, 90, 30]}
        edit = {"do": "add", "line": line, "index": 0}
        assert server.client.edit("scan.pdf/0002", "", edit).status == 200
        assert server.client.edit("many.tif/0003", "", edit).status == 200
        assert server.client.page("many.tif/0003")["lines"][0]["text"] == "hello"
        for name in names:
            picture = server.client.get(f"/picture/{name}")
            assert picture.headers["Content-Type"] == "image/jpeg"
    assert (tmp_path / "scan.pdf.0002.xml").is_file()
    assert (tmp_path / "many.tif.0003.xml").is_file()


def test_pictures_and_thumbnails_are_sent_once(make_picture: Make) -> None:
    folder = make_picture("a b#?.png", 3000, 1500).parent
    name = quote("a b#?.png")
    with running(folder) as server:
        picture = server.client.get(f"/picture/{name}?largest=600")
        thumbnail = server.client.get(f"/thumbnail/{name}")
        tag = picture.headers["ETag"]
        again = server.client.get(f"/picture/{name}?largest=600", If_None_Match=tag)
    assert (again.status, again.body) == (304, b"")
    for reply, size in ((picture, (600, 300)), (thumbnail, (480, 240))):
        assert Image.open(io.BytesIO(reply.body)).size == size
        assert reply.headers["Cache-Control"].startswith("private")


def test_history_names_who_wrote_what_and_any_version_comes_back(make_picture: Make) -> None:
    picture = make_picture("a.png")
    write_xml(picture, "as read", by="htrlib x 1")
    with running(picture.parent) as server:
        version = server.client.page("a.png")["version"]
        for name, text in (("Anna/../B", "first"), ("Ben", "second")):
            edit = {"do": "text", "id": "line-1", "text": text}
            reply = server.client.edit("a.png", version, edit, X_HTR_Name=quote(name))
            version = reply.json["page"]["version"]
        history = server.client.get("/api/pages/a.png/history").json
        assert [(one["number"], one["by"]) for one in history] == [
            (1, "htrlib x 1"),
            (2, "Anna/../B"),
        ]
        data = {"version": version, "number": 2}
        restored = server.client.post("/api/pages/a.png/restore", data).json["page"]
        assert restored["lines"][0]["text"] == "first"
        assert server.client.post("/api/pages/a.png/restore", data).status == 409
        data = {"version": restored["version"], "number": 9}
        assert server.client.post("/api/pages/a.png/restore", data).status == 422
        history = server.client.get("/api/pages/a.png/history").json
    assert [one["by"] for one in history] == ["htrlib x 1", "Anna/../B", "Ben"]


def test_a_disk_that_is_full_is_told_and_the_file_stays(
    make_picture: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = make_picture("a.png")
    xml = write_xml(picture, "one")
    before = xml.read_bytes()

    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with running(picture.parent) as server:
        version = server.client.page("a.png")["version"]
        monkeypatch.setattr(store, "replace_file", full)
        edit = {"do": "text", "id": "line-1", "text": "x"}
        reply = server.client.edit("a.png", version, edit)
        monkeypatch.setattr(page_pictures, "replace_file", full)
        assert server.client.get("/thumbnail/a.png").status == 200
    assert (reply.status, reply.code) == (507, "disk")
    assert "No space left" in reply.json["error"]["message"]
    assert xml.read_bytes() == before


def test_a_file_that_cannot_be_read_is_told_without_a_word_about_changes(
    make_picture: Make,
) -> None:
    picture = make_picture("a.png")
    with running(picture.parent) as server:
        picture.unlink()
        reply = server.client.get("/picture/a.png")
    assert (reply.status, reply.code) == (500, "disk")
    assert reply.json["error"]["message"] == "a.png: No such file or directory"


def test_all_files_are_downloaded_at_once(make_picture: Make) -> None:
    for name in ("a.png", "letters/b.png"):
        write_xml(make_picture(name), name)
    folder = make_picture("new.png").parent
    with running(folder) as server:
        reply = server.client.get("/api/download")
    assert reply.headers["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(reply.body)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    assert files == {name: (folder / name).read_bytes() for name in ("a.xml", "letters/b.xml")}


def test_lines_and_pages_are_read_anew_and_confirmed_lines_stay(make_picture: Make) -> None:
    picture = make_picture("a.png")
    write_xml(picture, "typed by a person", "misread")
    with running(picture.parent) as server:
        version = server.client.page("a.png")["version"]
        edit = {"do": "confirm", "id": "line-1", "confirmed": True}
        version = server.client.edit("a.png", version, edit).json["page"]["version"]
        data = {"version": version, "lines": ["line-2"]}
        reply = server.client.post("/api/pages/a.png/read", data)
        assert reply.status == 200, reply.body
        lines = reply.json["page"]["lines"]
        assert [line["text"] for line in lines] == ["typed by a person", "anew line-2"]
        undone = server.client.edit("a.png", reply.json["page"]["version"], *reply.json["undo"])
        version = undone.json["page"]["version"]
        assert undone.json["page"]["lines"][1]["text"] == "misread"
        data = {"version": version, "lines": None}
        reply = server.client.post("/api/pages/a.png/read", data)
        lines = reply.json["page"]["lines"]
        assert [line["text"] for line in lines] == ["typed by a person", "three four"]
        assert [line["confirmed"] for line in lines] == [True, False]
        assert reply.json["page"]["warnings"] == ["a warning"]
        assert server.client.post("/api/pages/a.png/read", data).status == 409
        data = {"version": reply.json["page"]["version"], "lines": ["nobody"]}
        assert server.client.post("/api/pages/a.png/read", data).status == 422


def test_a_change_that_is_sent_again_is_made_once_and_answered_alike(make_picture: Make) -> None:
    picture = make_picture("a.png")
    write_xml(picture, "one two", "three")
    split = {"do": "split", "id": "line-1", "at": 3}
    with running(picture.parent) as server:
        version = server.client.page("a.png")["version"]
        first = server.client.edit("a.png", version, split, X_HTR_Change="7")
        again = server.client.edit("a.png", version, split, X_HTR_Change="7")
        assert (again.status, again.json) == (200, first.json)
        assert len(again.json["page"]["lines"]) == 3
        assert server.client.edit("a.png", version, split, X_HTR_Change="8").status == 409
        anew = first.json["page"]["version"]
        server.client.edit("a.png", anew, {"do": "delete", "id": "line-2"})
        assert server.client.edit("a.png", version, split, X_HTR_Change="7").status == 409


def test_a_large_page_is_sent_compressed(make_picture: Make) -> None:
    picture = make_picture("a.png")
    write_xml(picture, *["a line " * 40] * 60)
    with running(picture.parent) as server:
        packed = server.client.get("/api/pages/a.png", Accept_Encoding="gzip")
        plain = server.client.get("/api/pages/a.png")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
