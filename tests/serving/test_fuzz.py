"""Malformed requests get a 4xx answer and do no harm."""

from __future__ import annotations

import errno
import json
import random
import socket

from tests.serving.fuzzing import shots
from tests.serving.running import Served

COUNT = 2000


def test_no_body_and_no_header_is_the_server_s_fault(server: Served) -> None:
    workers = server.family()["worker"]
    texts = []
    for number, shot in enumerate(shots(COUNT)):
        reply = server.ask("POST", "/invocations", shot.body, shot.headers)
        assert reply.status < 500, (number, shot, reply)
        if shot.good:
            assert reply.status == 200, (number, shot, reply)
            texts.append(reply.body)
        if reply.status != 200:
            assert set(json.loads(reply.body)) == {"code", "type", "message"}
            assert b"Traceback" not in reply.body
    assert texts[0].strip()
    assert texts == [texts[0]] * (COUNT // 50)
    assert server.family()["worker"] == workers


def test_what_is_no_http_is_refused_or_cut(server: Served) -> None:
    chance = random.Random(1)
    start = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
    raw = [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST /invocations HTTP/9.9\r\n\r\n",
        start + b"Content-Length: -5\r\n\r\n",
        start + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        start + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
        start + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        start + b"X: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        *(bytes(chance.choices(range(256), k=60)) for _ in range(20)),
    ]
    for content in raw:
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
            answer = b""
            try:
                client.sendall(content)
                client.shutdown(socket.SHUT_WR)
                while part := client.recv(4096):
                    answer += part
            except ConnectionError:  # it was cut, perhaps before all was sent
                pass
            except OSError as error:
                if error.errno != errno.ENOTCONN:
                    raise
        assert not answer or answer.split()[1][:1] == b"4", (content[:80], answer)
        assert b"Traceback" not in answer
    assert server.ask().status == 200
