"""`htr review` listens at the given address, and prints the URL to open."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest

from htrlib.cli.main import main
from htrlib.errors import ConfigError
from tests.review.running import WAIT_SECONDS

server = pytest.importorskip("htrlib.review.server", reason="the extra review is not installed")

Make = Callable[..., Path]


@pytest.fixture()
def started(monkeypatch: pytest.MonkeyPatch) -> Dict[str, Any]:
    """Start and end a server; return its output and the URL that it opens."""
    found: Dict[str, Any] = {"told": [], "opened": []}

    def run_app(app: Any, sock: socket.socket, **_: Any) -> None:
        import asyncio

        async def run() -> None:
            await app.startup()
            await app.shutdown()

        found["port"] = sock.getsockname()[1]
        app.freeze()
        asyncio.run(run())
        sock.close()

    monkeypatch.setattr(server.web, "run_app", run_app)
    monkeypatch.setattr(server.webbrowser, "open", found["opened"].append)
    return found


def serve(started: Dict[str, Any], folder: Path, **options: Any) -> List[str]:
    config = server.ReviewConfig(folder, port=0, **options)
    server.serve(config, started["told"].append)
    return list(started["told"])


def test_the_address_is_told_and_opened(make_picture: Make, started: Dict[str, Any]) -> None:
    folder = make_picture("a.png").parent
    (told,) = serve(started, folder)
    address = f"http://127.0.0.1:{started['port']}/"
    assert told == f"1 pages: {address}"
    assert started["opened"] == [address]


@pytest.mark.parametrize(
    ("options", "start"),
    [
        ({"host": "0.0.0.0"}, "http://localhost:PORT/?token="),
        ({"base_path": "proxy/8080"}, "http://127.0.0.1:PORT/proxy/8080/?token="),
        ({"token": "mine"}, "http://127.0.0.1:PORT/?token=mine"),
        ({"token": "a&b c"}, "http://127.0.0.1:PORT/?token=a%26b%20c"),
    ],
)
def test_others_need_a_token(
    make_picture: Make, started: Dict[str, Any], options: Dict[str, Any], start: str
) -> None:
    folder = make_picture("a.png").parent
    told = serve(started, folder, browser=False, **options)
    address = told[0].split()[-1]
    assert address.startswith(start.replace("PORT", str(started["port"])))
    assert len(address.partition("token=")[2]) >= 4
    assert not started["opened"]


@pytest.mark.usefixtures("heeded_hangups")
def test_a_terminal_that_is_closed_ends_the_server_in_order(make_picture: Make) -> None:
    command = [sys.executable, "-m", "htrlib", "review", str(make_picture("a.png").parent)]
    with subprocess.Popen(
        [*command, "--port=0", "--no-browser"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("1 pages")
        process.send_signal(signal.SIGHUP)
        try:
            assert process.wait(WAIT_SECONDS) == 0
        finally:
            process.kill()


def test_a_port_that_is_taken_is_told(make_picture: Make) -> None:
    folder = make_picture("a.png").parent
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match="name another with --port"):
            server.serve(server.ReviewConfig(folder, port=port), print)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere is not a folder"),
        ([".", "--port", "99999999"], "--port must be from 0 to 65535"),
        ([".", "--host", "192.0.2.1"], "cannot listen at 192.0.2.1"),
        ([".", "--jobs", "0"], "--jobs must be at least 1, found 0"),
        ([".", "--bundle", "nothing"], "no bundle 'nothing'"),
        ([".", "--output", "a.png/xml"], "--output"),
        ([".", "--host", "0.0.0.0", "--token", ""], "--token is empty"),
    ],
)
def test_mistakes_are_told_in_a_sentence(
    make_picture: Make,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: List[str],
    message: str,
) -> None:
    monkeypatch.chdir(make_picture("a.png").parent)
    assert main(["review", *arguments, "--no-browser"]) == 2
    assert message in capsys.readouterr().err


def test_without_aiohttp_the_command_says_what_to_install(make_picture: Make) -> None:
    code = (
        "import sys; sys.modules['aiohttp'] = None; from htrlib.cli.main import main; "
        f"sys.exit(main(['review', {str(make_picture('a.png').parent)!r}]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert done.returncode == 2
    assert "pip install 'htrlib[review]'" in done.stderr


def test_a_chosen_bundle_that_is_gone_is_told_at_the_start(
    make_picture: Make, started: Dict[str, Any]
) -> None:
    folder = make_picture("a.png").parent
    choice = folder / ".htr-review" / "bundle.json"
    choice.parent.mkdir()
    choice.write_text('{"bundle": "/gone", "superseded": []}')
    problem, address = serve(started, folder, browser=False)
    assert "not used, but the default one: no bundle '/gone'" in problem
    assert address.startswith("1 pages: ")
