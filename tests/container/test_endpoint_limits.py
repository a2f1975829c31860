"""The image within the limits of a serverless endpoint of SageMaker, and of one with a queue.

AWS of serverless ones: 3 minutes until the first answer to /ping, 4 MB a request and an answer, 60
seconds an answer, and the memory that was asked for. That nothing but /tmp can be written, and that
there is no shared memory, is how they are since they run on Lambda; AWS does not promise more.
An endpoint with a queue runs on machines, and passes on much larger pictures.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Tuple

import numpy as np
import pytest
from PIL import Image

import htrlib
from htrlib.aws.endpoint_client import SERVERLESS_BYTES
from htrlib.aws.endpoints import Queue, Serverless
from htrlib.client import REQUEST_BYTES
from tests.container.running import ENGINE, IMAGE, LOCKED, NO_IMAGE, Run, ask

MEGABYTES = Serverless().memory_mb
SECONDS_TO_START = 180
SECONDS_TO_ANSWER = 60
LIMITS = (*LOCKED, "--memory", f"{MEGABYTES}m", "--memory-swap", f"{MEGABYTES}m", "--cpus", "2")
MEMORY_OF_A_MACHINE = "8g"  # of ml.m5.large
NO_SHARED_MEMORY = ("--tmpfs", "/dev/shm:ro,size=4k")
PAGE = Path(__file__).resolve().parents[2] / "examples" / "data" / "letter.png"

pytestmark = pytest.mark.skipif(not IMAGE, reason=NO_IMAGE)


def largest_page() -> bytes:
    """The letter as a scan of the largest size that a request may have, enlarged and with noise."""
    page = Image.fromarray(htrlib.load_image(PAGE))
    side = 1.0
    body = b""
    while True:
        size = (round(page.width * side), round(page.height * side))
        paper = np.asarray(page.resize(size)).astype(float)
        noise = np.random.default_rng(1).normal(0, 6, paper.shape)
        file = io.BytesIO()
        Image.fromarray(np.clip(paper + noise, 0, 255).astype(np.uint8)).save(file, "PNG")
        if file.tell() > SERVERLESS_BYTES:
            return body
        body, side = file.getvalue(), side * 1.04


def memory_of(name: str) -> str:
    """Return the peak memory of a container, if its control group reports it."""
    for place in ("memory.peak", "memory/memory.max_usage_in_bytes"):
        found = subprocess.run(
            [*ENGINE, "exec", name, "cat", f"/sys/fs/cgroup/{place}"],
            capture_output=True,
            text=True,
            check=False,
        )
        if found.returncode == 0:
            return f"{int(found.stdout) / 1e6:.0f} MB at most"
    return "unknown memory"


@pytest.fixture(scope="module")
def large() -> bytes:
    page = largest_page()
    assert len(page) > 0.8 * SERVERLESS_BYTES
    return page


def ask_for_json(address: str, body: bytes, kind: str = "image/png") -> Tuple[str, float]:
    """Return the answer to a picture, and the seconds it took."""
    begun = time.monotonic()
    status, answer = ask(
        f"{address}/invocations", body, Content_Type=kind, Accept="application/json"
    )
    assert status == 200, answer
    return answer, time.monotonic() - begun


def test_it_starts_and_reads_the_largest_request_in_three_gigabytes(run: Run, large: bytes) -> None:
    name = "htrlib-serverless"
    container, address = run.serve(*LIMITS, *NO_SHARED_MEMORY, "--name", name)
    started = time.monotonic() - container.begun
    assert started < SECONDS_TO_START
    slowest = 0.0
    for body in (PAGE.read_bytes(), large, large, PAGE.read_bytes()):
        answer, seconds = ask_for_json(address, body)
        assert len(answer) < SERVERLESS_BYTES
        assert json.loads(answer)["lines"]
        slowest = max(slowest, seconds)
    assert slowest < SECONDS_TO_ANSWER
    sys.stdout.write(
        f"\n{MEGABYTES} MB: started in {started:.1f} s, {len(large) / 1e6:.1f} MB read in "
        f"{slowest:.1f} s, {memory_of(name)}\n"
    )
    log = container.log.read_text(errors="replace")
    assert "died" not in log, log
    assert container.end() == 0, log


def test_behind_a_queue_it_reads_a_picture_that_no_request_may_have(run: Run) -> None:
    """An uncompressed scan of almost the maximum size of the queue, as SageMaker forwards it."""
    page = Image.fromarray(htrlib.load_image(PAGE)).convert("RGB")
    side = (33_000_000 / (page.width * page.height)) ** 0.5  # pixels, below the server's limit
    file = io.BytesIO()
    page.resize((round(page.width * side), round(page.height * side))).save(file, "TIFF")
    body = file.getvalue()
    queue = Queue("s3://pages/queue")
    assert 3 * REQUEST_BYTES < len(body) <= queue.picture_mb << 20
    variables = [f"--env={name}={value}" for name, value in queue.environment.items()]
    name = "htrlib-queue"
    container, address = run.serve(
        *LOCKED, "--memory", MEMORY_OF_A_MACHINE, "--name", name, *variables
    )
    answer, seconds = ask_for_json(address, body, "image/tiff")
    assert json.loads(answer)["lines"]
    sys.stdout.write(f"\n{len(body) / 1e6:.0f} MB read in {seconds:.1f} s, {memory_of(name)}\n")
    assert container.end() == 0, container.log.read_text(errors="replace")
