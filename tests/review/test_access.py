"""Access to the server: allowed requests work, all others are refused or harmless."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Callable, Dict
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from htrlib.review.access import COOKIE, Access, is_loopback, person_of
from tests.replies import Reply
from tests.review.running import CHANGE, running, write_xml

Make = Callable[..., Path]

TOKEN = "a-token-of-some-length"
EDIT = {"do": "text", "id": "line-1", "text": "changed"}


def cookie_of(reply: Reply) -> str:
    return reply.headers["Set-Cookie"].partition(";")[0]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "10.0.0.7", "[::2]", ""]
)
def test_a_foreign_host_is_refused(make_picture: Make, host: str) -> None:
    with running(make_picture("a.png").parent) as server:
        for path in ("/", "/api/overview", "/picture/a.png", "/static/app.js"):
            reply = server.client.get(path, Host=host)
            assert (reply.status, reply.code) == (403, "foreign_host")


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:99", "127.0.0.1", "127.9.9.9:1", "[::1]:5"]
)
def test_this_computer_s_names_are_answered_at_any_port(make_picture: Make, host: str) -> None:
    with running(make_picture("a.png").parent) as server:
        assert server.client.get("/api/overview", Host=host).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:1"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    ],
)
def test_a_foreign_page_is_refused(make_picture: Make, headers: Dict[str, str]) -> None:
    picture = make_picture("a.png")
    xml = write_xml(picture, "one")
    before = xml.read_bytes()
    with running(picture.parent) as server:
        version = server.client.page("a.png")["version"]
        reply = server.client.ask("GET", "/picture/a.png", headers=headers)
        assert (reply.status, reply.code) == (403, "foreign_origin")
        body = json.dumps({"version": version, "edits": [EDIT]}).encode()
        reply = server.client.ask("POST", "/api/pages/a.png/edits", body, {**CHANGE, **headers})
        assert (reply.status, reply.code) == (403, "foreign_origin")
    assert xml.read_bytes() == before


def test_a_change_from_the_server_s_own_page_is_made(make_picture: Make) -> None:
    picture = make_picture("a.png")
    write_xml(picture, "one")
    with running(picture.parent) as server:
        version = server.client.page("a.png")["version"]
        own = f"http://127.0.0.1:{server.client.port}"
        assert server.client.edit("a.png", version, EDIT, Origin=own).status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain", "X-HTR-Review": "1"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded", "X-HTR-Review": "1"}, 415),
        ({"X-HTR-Review": "1"}, 415),
        ({"Content-Type": "application/json"}, 403),
    ],
)
def test_a_change_that_a_form_could_send_is_refused(
    make_picture: Make, headers: Dict[str, str], status: int
) -> None:
    with running(make_picture("a.png").parent) as server:
        reply = server.client.ask("POST", "/api/reading", b'{"paused": true}', headers)
        assert reply.status == status
        assert server.service.background.paused is False


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"x"', b"\xff", b'{"version": NaN}', b"[" * 9999]
)
def test_a_body_that_is_no_json_object_is_refused(make_picture: Make, body: bytes) -> None:
    with running(make_picture("a.png").parent) as server:
        reply = server.client.ask("POST", "/api/pages/a.png/edits", body, CHANGE)
    assert (reply.status, reply.code) == (400, "request")


def test_a_body_of_100_megabytes_is_refused_unread(make_picture: Make) -> None:
    with running(make_picture("a.png").parent) as server:
        connection_headers = {**CHANGE, "Content-Length": str(100 << 20)}
        reply = server.client.ask("POST", "/api/reading", b"", connection_headers)
    assert (reply.status, reply.code) == (413, "too_large")


def test_a_body_that_grows_too_large_is_refused(make_picture: Make) -> None:
    with running(make_picture("a.png").parent) as server:
        reply = server.client.ask("POST", "/api/reading", b"x" * (5 << 20), CHANGE)
    assert (reply.status, reply.code) == (413, "too_large")


def test_the_token_is_asked_for_everywhere_and_becomes_a_cookie(make_picture: Make) -> None:
    with running(make_picture("a.png").parent, token=TOKEN) as server:
        for path in ("/", "/api/overview", "/picture/a.png", "/static/app.js", "/nothing"):
            reply = server.client.get(path, Host="scans.example")
            assert (reply.status, reply.code) == (401, "token")
            reply = server.client.get(path, Host="scans.example", Cookie=f"{COOKIE}=wrong")
            assert reply.status == 401
        assert server.client.get("/?token=wrong").status == 401
        reply = server.client.get(f"/?token={TOKEN}", Host="scans.example")
        assert reply.status == 200
        assert {"HttpOnly", "SameSite=Strict"} <= set(reply.headers["Set-Cookie"].split("; "))
        assert "Path" not in reply.headers["Set-Cookie"]
        cookie = cookie_of(reply)
        reply = server.client.get("/api/overview", Host="scans.example", Cookie=cookie)
        assert reply.status == 200
        assert (reply.json["people"], reply.json["token"]) == (True, True)


def test_servers_at_several_ports_do_not_replace_each_other_s_cookies(make_picture: Make) -> None:
    folder = make_picture("a.png").parent
    with running(folder, token="one") as first, running(folder, token="two") as second:
        cookies = [
            cookie_of(server.client.get(f"/?token={token}"))
            for server, token in ((first, "one"), (second, "two"))
        ]
        assert cookies[0].partition("=")[0] != cookies[1].partition("=")[0]
        for server in (first, second):
            assert server.client.get("/api/overview", Cookie="; ".join(cookies)).status == 200
        assert second.client.get("/api/overview", Cookie=cookies[0]).status == 401


def test_with_a_token_a_foreign_origin_is_refused_all_the_same(make_picture: Make) -> None:
    with running(make_picture("a.png").parent, token=TOKEN) as server:
        data, cookie = {"paused": True}, f"{COOKIE}={TOKEN}"
        names = {"Host": "scans.example", "Cookie": cookie}
        for origin, status in (("https://evil.example", 403), ("https://scans.example", 200)):
            reply = server.client.post("/api/reading", data, Origin=origin, **names)
            assert reply.status == status
        names["X-Forwarded-Host"] = "proxy.example"
        reply = server.client.post("/api/reading", data, Origin="https://proxy.example", **names)
        assert reply.status == 200


@given(st.text(max_size=60))
def test_no_other_text_is_the_token(text: str) -> None:
    access = Access(TOKEN)
    assert access.is_token(text) is (text == TOKEN)
    assert not Access(None).is_token(text)


@given(st.text(max_size=40))
def test_few_names_are_this_computer_s(name: str) -> None:
    assert not is_loopback(f"{name}.example")


@given(st.text(max_size=300))
def test_a_person_s_name_is_short_and_one_line(name: str) -> None:
    found = person_of({"X-HTR-Name": quote(name.encode("utf-8", "replace"))})
    assert len(found) <= 80
    assert not {"\n", "\r", "\0"} & set(found)


def test_every_answer_has_the_strict_headers(make_picture: Make) -> None:
    with running(make_picture("a.png").parent) as server:
        replies = [
            server.client.get(path)
            for path in ("/", "/api/overview", "/api/pages/no", "/nothing", "/picture/a.png")
        ]
        replies += [server.client.get("/", Host="evil.example"), server.client.ask("PUT", "/")]
        replies.append(server.client.ask("POST", "/api/reading", b"", CHANGE))
    for reply in replies:
        policy = reply.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.headers["Referrer-Policy"] == "no-referrer"
        assert reply.headers["Cache-Control"]
        assert "aiohttp" not in reply.headers["Server"]


SECRET = "a secret outside"


@pytest.fixture()
def guarded(tmp_path: Path) -> Path:
    """A folder of pictures next to a private one."""
    outside, folder = tmp_path / "outside", tmp_path / "scans"
    outside.mkdir()
    folder.mkdir()
    (outside / "secret.xml").write_text(SECRET)
    Image.new("L", (200, 100), 7).save(outside / "secret.png")
    Image.new("L", (200, 100), 255).save(folder / "a.png")
    return folder


@pytest.mark.parametrize(
    "name",
    [
        "../outside/secret.png",
        "..%2Foutside%2Fsecret.png",
        "%2e%2e/outside/secret.png",
        "..%5Coutside%5Csecret.png",
        "a.png/../../outside/secret.png",
        "/etc/passwd",
        "%00",
        "a.png%00.png",
        ".htr-review/lock",
        "a.xml",
    ],
)
def test_no_path_leads_out_of_the_folder(guarded: Path, name: str) -> None:
    with running(guarded) as server:
        for path in (f"/picture/{name}", f"/thumbnail/{name}", f"/api/pages/{name}"):
            reply = server.client.get(path)
            assert reply.status == 404, path
        for path in (f"/static/{name}", "/static/../routes.py", "/static/%2e%2e/routes.py"):
            reply = server.client.get(path)
            assert reply.status == 404, path
            assert b"htrlib" not in reply.body


def test_a_link_out_of_the_folder_is_not_followed(guarded: Path) -> None:
    outside = guarded.parent / "outside"
    (guarded / "link.png").symlink_to(outside / "secret.png")
    (guarded / "folder").symlink_to(outside)
    (guarded / "a.xml").symlink_to(outside / "secret.xml")
    with running(guarded) as server:
        server.service.index.refresh()
        listed = server.client.get("/api/pages").json["pages"]
        assert [page["name"] for page in listed] == ["a.png"]
        (refused,) = server.client.get("/api/overview").json["refused"]
        assert refused.startswith("link.png: a link that leads out")
        assert listed[0]["state"] == "problem"
        assert SECRET not in json.dumps(listed)
        reply = server.client.get("/api/pages/a.png")
        assert (reply.status, reply.code) == (403, "forbidden")
        add = {"do": "add", "line": {"text": "x", "box": [1, 1, 50, 50]}, "index": 0}
        assert server.client.edit("a.png", "", add).status == 403
    assert (outside / "secret.xml").read_text() == SECRET


def test_a_picture_that_becomes_a_link_is_not_opened(guarded: Path) -> None:
    with running(guarded) as server:
        assert server.client.get("/picture/a.png").status == 200
        (guarded / "a.png").unlink()
        (guarded / "a.png").symlink_to(guarded.parent / "outside" / "secret.png")
        for path in ("/picture/a.png", "/thumbnail/a.png", "/api/pages/a.png"):
            assert server.client.get(path).status == 403, path


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes with names")
def test_what_is_no_file_is_not_waited_for(guarded: Path) -> None:
    os.mkfifo(guarded / "pipe.png")
    os.mkfifo(guarded / "pipe.tif")
    with running(guarded) as server:
        assert server.client.get("/picture/pipe.png").status == 422
        assert any(
            "pipe.tif" in text for text in server.client.get("/api/overview").json["refused"]
        )


HOSTILE = [
    "<script>alert(1)</script>",
    "</Unicode><script>alert(1)</script>",
    "]]> & &lt; \"' --> <!--",
    "a\u202e\u0000\ufffe\ud800",
    "{ at:x; } confirmed {by:me;}",
    "\\u003cimg src=x onerror=alert(1)\\u003e",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_script_in_texts_and_names_is_text(make_picture: Make, text: str) -> None:
    picture = make_picture("a.png")
    xml = write_xml(picture, "one")
    with running(picture.parent) as server:
        version = server.client.page("a.png")["version"]
        edit = {"do": "text", "id": "line-1", "text": text}
        person = text.encode("utf-8", "replace").decode()
        reply = server.client.edit("a.png", version, edit, X_HTR_Name=quote(person))
        assert reply.status == 200, reply.body
        page = server.client.page("a.png")
        reply = server.client.get("/api/pages/a.png")
    assert reply.headers["Content-Type"].startswith("application/json")
    assert b"<script" not in xml.read_bytes()
    (line,) = page["lines"]
    assert line["confirmed"] is True
    visible = [c for c in text if c.isprintable() and not 0xD800 <= ord(c) < 0xE000]
    assert line["text"].replace(" ", "") == "".join(visible).replace(" ", "").replace("\ufffe", "")


def test_script_in_file_names_is_text(tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)>&\"'.png"
    Image.new("L", (200, 100), 255).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / name)
    with running(tmp_path) as server:
        (page,) = server.client.get("/api/pages").json["pages"]
        assert page["name"] == name
        add = {"do": "add", "line": {"text": "x", "box": [1, 1, 50, 50]}, "index": 0}
        assert server.client.edit(name, "", add).status == 200
        assert server.client.page(name)["lines"][0]["text"] == "x"
        reply = server.client.get("/api/pages/<script>")
    assert reply.headers["Content-Type"].startswith("application/json")


def test_names_that_no_browser_can_send_are_refused(tmp_path: Path) -> None:
    Image.new("L", (200, 100), 255).save(tmp_path / "a.png")
    for name in (b"line\nbreak.png", b"\xff.png"):
        (tmp_path / os.fsdecode(name)).write_bytes((tmp_path / "a.png").read_bytes())
    with running(tmp_path) as server:
        overview = server.client.get("/api/overview").json
    assert overview["total"] == 1
    assert len(overview["refused"]) == 2
    assert all("rename" in text for text in overview["refused"])


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    "<PcGts><Page>&b;</Page></PcGts>"
)
OUTSIDE = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    "<PcGts><Page>&a;</Page></PcGts>"
)


@pytest.mark.parametrize(
    "content", [BOMB, OUTSIDE, "<html/>", "", "\x00", "<PcGts><Page/></PcGts>"]
)
def test_hostile_xml_is_a_problem_of_its_page_alone(make_picture: Make, content: str) -> None:
    picture = make_picture("a.png")
    make_picture("b.png")
    picture.with_suffix(".xml").write_text(content)
    with running(picture.parent) as server:
        server.service.index.refresh()
        first, second = server.client.get("/api/pages").json["pages"]
        assert first["state"] == "problem"
        assert first["problem"]
        assert second["state"] == "new"
        assert server.client.get("/api/pages/a.png").status == 422
        assert server.client.edit("a.png", "", EDIT).status == 422
    assert picture.with_suffix(".xml").read_text() == content


def test_a_confidence_that_is_no_number_is_none(make_picture: Make) -> None:
    picture = make_picture("a.png")
    xml = write_xml(picture, "one")
    xml.write_text(xml.read_text().replace('conf="0.6000"', 'conf="NaN"'))
    with running(picture.parent) as server:
        reply = server.client.get("/api/pages/a.png")

    def refuse(text: str) -> Any:
        raise AssertionError(f"{text} is no JSON")

    json.loads(reply.body, parse_constant=refuse)
    assert reply.json["lines"][0]["confidence"] is None


def test_a_base_path_stands_before_every_address_or_the_proxy_takes_it_away(
    make_picture: Make,
) -> None:
    folder = make_picture("a.png").parent
    write_xml(folder / "a.png", "one")
    base = "/user/anna/proxy/8080/"
    headers = {"Host": "studio.example", "Cookie": f"{COOKIE}={TOKEN}"}
    with running(folder, token=TOKEN, base_path=base) as server:
        for prefix in (base, "/"):
            for path in ("", "api/overview", "api/pages/a.png", "picture/a.png"):
                assert server.client.get(f"{prefix}{path}", **headers).status == 200
            reply = server.client.post(f"{prefix}api/reading", {"paused": False}, **headers)
            assert reply.status == 200
            welcome = server.client.get(f"{prefix}?token={TOKEN}", Host="studio.example")
            assert b'url=./"' in welcome.body
        assert server.client.get("/other/api/overview", **headers).status == 404
