"""Compare the server under load with the library on the same pages and cores.

    python benchmarks/serving.py ../shared/data/csafe/transcripts.json \
        ../shared/data/copiste/pages.json --memory 1000

Prints the seconds from the start to the first answer, pages per second of the library (one process
with a thread a core, and one process a core) and of the server under clients that each send a page
as soon as they have the answer to the last one, by turns; failed requests, latencies, and the
memory of all of the server's processes, what they share counted once, under load and after it.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Iterator, List, Tuple

from pages import machine, pages_of, tree_memory

import htrlib

TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}
WATCH_SECONDS = 5.0  # measuring takes the server's time
REST_SECONDS = 2.0


@dataclass
class Load:
    """The clients' measurements; latencies are those of pages that were read."""

    latencies: List[float] = field(default_factory=list)
    failed: List[str] = field(default_factory=list)
    seconds: float = 0.0


def read_on(paths: List[Path], seconds: float) -> None:
    """Wait for the start signal, read pages repeatedly, and print the pages per second."""
    htrlib.transcribe(paths[0])
    print("ready", flush=True)
    sys.stdin.readline()
    start, read = time.perf_counter(), 0
    for path in itertools.cycle(paths):
        htrlib.transcribe(path)
        read += 1
        if time.perf_counter() - start > seconds:
            break
    print(read / (time.perf_counter() - start))


def library(paths: List[Path], seconds: float, processes: int, threads: int) -> float:
    """Return the pages per second of the library, with independent processes."""
    running = []
    for number in range(processes):
        first = number * len(paths) // processes
        turned = paths[first:] + paths[:first]
        arguments = [sys.executable, __file__, *map(str, turned), "--read", str(seconds)]
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        running.append(
            subprocess.Popen(
                arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=environment,
            )
        )
    rate = 0.0
    for process in running:
        if process.stdout is not None:
            process.stdout.readline()
    for process in running:
        if process.stdin is not None:
            process.stdin.write("go\n")
            process.stdin.flush()
    for process in running:
        output, _ = process.communicate()
        rate += float(output)
    return rate


@contextlib.contextmanager
def served(workers: int, page: Path) -> Iterator[Tuple[int, int, float]]:
    """Start a server; yield its process id, its port, and the seconds to its first answer."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "htrlib", "serve", "--port", "0", "--workers", str(workers)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    if process.stdout is None:
        raise SystemExit("the server has no output")
    try:
        for row in process.stdout:
            event = json.loads(row)
            if event["event"] == "listening":
                break
        else:
            raise SystemExit("the server did not start")
        log = threading.Thread(target=process.stdout.read, daemon=True)
        log.start()
        problem = ask(event["port"], page)
        if problem:
            raise SystemExit(f"the first request failed: {problem}")
        yield process.pid, event["port"], time.perf_counter() - start
    finally:
        process.terminate()
        process.wait()


def ask(port: int, page: Path) -> str:
    """Send a page; return the problem, or an empty string."""
    try:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        with contextlib.closing(client):
            kind = TYPES.get(page.suffix.lower(), "image/tiff")
            client.request("POST", "/invocations", page.read_bytes(), {"Content-Type": kind})
            reply = client.getresponse()
            body = reply.read()
        if reply.status != http.HTTPStatus.OK:
            return f"{reply.status} {body[:200]!r}"
        return "" if "lines" in json.loads(body) else "no lines"
    except (OSError, http.client.HTTPException, ValueError, TypeError) as error:
        return repr(error)


def load(port: int, paths: List[Path], clients: int, seconds: float, requests: int) -> Load:
    """Run clients that send page after page, for some seconds or some requests."""
    seen, lock = Load(), threading.Lock()
    pages = itertools.islice(itertools.cycle(paths), requests or None)
    end = time.perf_counter() + seconds

    def client() -> None:
        while requests or time.perf_counter() < end:
            with lock:
                page = next(pages, None)
            if page is None:
                return
            start = time.perf_counter()
            problem = ask(port, page)
            with lock:
                if problem:
                    seen.failed.append(problem)
                else:
                    seen.latencies.append(time.perf_counter() - start)

    start = time.perf_counter()
    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen.seconds = time.perf_counter() - start
    return seen


@contextlib.contextmanager
def watched(pid: int) -> Iterator[List[float]]:
    """Record the megabytes of all of a server's processes several times while a block runs."""
    seen: List[float] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(WATCH_SECONDS):
            seen.append(tree_memory(pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def report(args: argparse.Namespace, paths: List[Path]) -> int:
    cores = len(os.sched_getaffinity(0))
    workers = args.workers or cores
    one, many = f"library, 1 process, {cores} threads", f"library, {cores} processes, 1 thread"
    name = f"server, {workers} workers, {args.clients} clients"
    print(f"{machine()}, {cores} of them used; {len(paths)} pages")
    rates: Dict[str, List[float]] = {one: [], many: [], name: []}
    busy: List[float] = []
    with served(workers, paths[0]) as (pid, port, first):
        print(f"start to first answer: {first:.1f} s")
        seen = Load(failed=load(port, paths, args.clients, args.seconds / 4, 0).failed)
        for _ in range(args.rounds):  # in turns: a machine's speed varies
            rates[one].append(library(paths, args.seconds, 1, cores))
            rates[many].append(library(paths, args.seconds, cores, 1))
            with watched(pid) as memory:
                more = load(port, paths, args.clients, args.seconds, 0)
            rates[name].append(len(more.latencies) / more.seconds)
            seen.latencies += more.latencies
            seen.failed += more.failed
            busy += memory
        if len(seen.latencies) < 2:
            raise SystemExit(f"hardly a page was read: {seen.failed[:5]}")
        time.sleep(REST_SECONDS)
        means = print_rates(rates)
        ratio = means[name] / max(means[one], means[many])
        cuts = statistics.quantiles(seen.latencies, n=20)
        print(f"\nserver / library: {ratio:.2f}; failed requests: {len(seen.failed)}")
        print(f"p50 {statistics.median(seen.latencies):.2f} s, p95 {cuts[-1]:.2f} s")
        before = tree_memory(pid)
        print(f"memory: at most {max(busy):.0f} MB under load, {before:.0f} MB after it")
        if args.memory:
            seen.failed += watch_memory(pid, port, paths, args, before).failed
    for problem in seen.failed[:5]:
        print(problem)
    return int(bool(seen.failed))


def watch_memory(
    pid: int, port: int, paths: List[Path], args: argparse.Namespace, before: float
) -> Load:
    """Send more requests, and print the memory of the server afterwards."""
    with watched(pid) as busier:
        more = load(port, paths, args.clients, 0.0, args.memory)
    time.sleep(REST_SECONDS)
    after = tree_memory(pid)
    print(
        f"{args.memory} requests more: at most {max(busier):.0f} MB, {after:.0f} MB after them, "
        f"{after / before - 1:+.1%}; failed requests: {len(more.failed)}"
    )
    return more


def print_rates(rates: Dict[str, List[float]]) -> Dict[str, float]:
    """Print a row for each; return the means."""
    means = {row: statistics.mean(values) for row, values in rates.items()}
    print("\n| pages per second | by rounds | mean |\n|---|---|---|")
    for row, values in rates.items():
        rounds = ", ".join(f"{value:.2f}" for value in values)
        print(f"| {row} | {rounds} | {means[row]:.2f} |")
    return means


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "source", type=Path, nargs="+", help="a folder of pictures, or a pages.json: its dev pages"
    )
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rounds", type=int, default=3, help="the library and the server by turns")
    parser.add_argument("--workers", type=int, help="default: one a core")
    parser.add_argument("--memory", type=int, default=0, metavar="N", help="requests more")
    parser.add_argument("--read", type=float, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.read:
        read_on(args.source, args.read)
        return 0
    paths = [path for source in args.source for path in pages_of(source)]
    if not paths:
        parser.error("no pages there")
    # Shuffled, because pages of one collection take half as long as those of another.
    random.Random(1).shuffle(paths)
    return report(args, paths)


if __name__ == "__main__":
    sys.exit(main())
