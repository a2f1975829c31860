"""Pages on disk: how often their files are parsed, and what lies beside their history."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, List

import pytest

from htrlib.review import store
from tests.review.running import running, write_xml

Make = Callable[..., Path]


def text(words: str) -> Any:
    return {"do": "text", "id": "line-1", "text": words}


def test_a_file_is_parsed_once_after_each_change(
    make_picture: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = make_picture("a.png")
    write_xml(picture, "one")
    parsed: List[bytes] = []
    read = store.read_page_file

    def counted(content: bytes, *rest: Any) -> Any:
        parsed.append(content)
        return read(content, *rest)

    monkeypatch.setattr(store, "read_page_file", counted)
    with running(picture.parent) as server:
        version = server.client.page("a.png")["version"]
        for words in ("two", "three"):
            version = server.client.edit("a.png", version, text(words)).json["page"]["version"]
        assert server.client.page("a.png")["lines"][0]["text"] == "three"
    assert len(parsed) == 3


def test_files_that_other_programs_leave_in_the_history_are_no_versions(
    make_picture: Make,
) -> None:
    picture = make_picture("a.png")
    write_xml(picture, "one")
    with running(picture.parent) as server:
        page = server.client.page("a.png")
        page = server.client.edit("a.png", page["version"], text("two")).json["page"]
        (kept,) = (picture.parent / ".htr-review" / "history" / "a.png").iterdir()
        for name in (f"._{kept.name}", "copy.xml.gz"):
            kept.with_name(name).write_bytes(b"\0")
        assert server.client.edit("a.png", page["version"], text("three")).status == 200
        history = server.client.get("/api/pages/a.png/history").json
    assert [one["number"] for one in history] == [1, 2]
