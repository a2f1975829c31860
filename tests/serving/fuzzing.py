"""Malformed requests, half of them mutated valid ones, for a test and a benchmark."""

from __future__ import annotations

import base64
import io
import json
import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List, Tuple

import numpy as np
from PIL import Image

LETTER = Path(__file__).parents[2] / "examples" / "data" / "letter.png"

TYPES = (
    *("image/png", "image/jpeg", "image/tiff", "application/json", "application/x-npy"),
    *("text/csv", "application/json; charset=utf-16", "image/png; charset", "", "a/b/c", ";;;"),
)
ACCEPTS = (
    *("application/json", "text/plain", "*/*", "image/*", "application/json;form=aws", "", ",,;"),
    *("text/plain;q=nan", "application/json;q=-1, */*;q=1e9", "q=1", "*", "\xff/\xfe"),
)
OPTIONS = (
    *("", "stage=lines", "beam_width=3", "language_model=off;stage=text", "stage=", "=", ";;=;"),
    *("beam_width=-1", "beam_width=1e3", "beam_width=" + "9" * 500, "stage=text;" * 60, "\xe9=1"),
)


@dataclass(frozen=True)
class Shot:
    """A request to /invocations, and whether it is valid."""

    body: bytes
    headers: Dict[str, str]
    good: bool = False


def shots(count: int, seed: int = 0) -> Iterator[Shot]:
    """Return a number of requests, every fiftieth of them valid."""
    chance = random.Random(seed)
    good = [*_bodies(_mark()), ("image/tiff", _two_pages(_mark()))]
    # As a JPEG it is another page, and may be read in another way.
    written = [(kind, body) for kind, body in _bodies(_written()) if kind != "image/jpeg"]
    for number in range(count):
        if number % 50 == 49:
            kind, body = written[chance.randrange(len(written))]
            yield Shot(body, {"Content-Type": kind, "Accept": "text/plain"}, good=True)
        elif number % 2:
            kind, body = good[chance.randrange(len(good))]
            headers = {"Content-Type": kind}
            if chance.random() < 0.3:
                headers.update(_headers(chance))
            yield Shot(_mutated(chance, body), headers)
        else:
            yield Shot(_noise(chance, chance.randrange(400)), _headers(chance))


def _headers(chance: random.Random) -> Dict[str, str]:
    headers = {
        "Content-Type": chance.choice(TYPES),
        "Accept": chance.choice(ACCEPTS),
        "X-Amzn-SageMaker-Custom-Attributes": chance.choice(OPTIONS),
    }
    if chance.random() < 0.5:
        name = chance.choice(sorted(headers))
        mutated = _mutated(chance, headers[name].encode("latin-1")).decode("latin-1")
        headers[name] = re.sub(r"[\x00-\x1f\x7f]", "", mutated)  # they end a header, or all of them
    return headers


def _mutated(chance: random.Random, body: bytes) -> bytes:
    changed = bytearray(body)
    for _ in range(chance.randrange(1, 8)):
        at = chance.randrange(max(len(changed), 1))
        what = chance.randrange(5)
        if what == 0:
            del changed[at:]
        elif what == 1:
            changed[at : at + 4] = _noise(chance, 4)
        elif what == 2:
            changed[at:at] = _noise(chance, chance.randrange(1, 40))
        elif what == 3:
            changed[at : at + 1] = chance.choice((b"\x00", b"\xff", b"[", b'"', b"-", b"9"))
        else:
            changed[at:at] = changed[max(0, at - 30) : at]
    return bytes(changed)


def _noise(chance: random.Random, count: int) -> bytes:
    return bytes(chance.choices(range(256), k=count))


def _mark() -> Image.Image:
    """A small blank page, which takes no time to read."""
    page = np.full((24, 40), 255, np.uint8)
    page[10:12, 5:30] = 0
    return Image.fromarray(page)


def _written() -> Image.Image:
    """A page of a few words."""
    with Image.open(LETTER) as letter:
        return letter.convert("L").crop((100, 100, 1100, 420))


def _bodies(picture: Image.Image) -> List[Tuple[str, bytes]]:
    """The same page in every supported format."""
    bodies = [(f"image/{kind.lower()}", _saved(picture, kind)) for kind in ("PNG", "JPEG", "TIFF")]
    page = np.asarray(picture)
    array = io.BytesIO()
    np.save(array, page)
    encoded = base64.b64encode(bodies[0][1]).decode("ascii")
    return [
        *bodies,
        ("application/x-npy", array.getvalue()),
        ("application/json", json.dumps({"image": encoded}).encode()),
        ("application/json", json.dumps(page.tolist()).encode()),
    ]


def _two_pages(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "TIFF", save_all=True, append_images=[picture])
    return file.getvalue()


def _saved(picture: Image.Image, kind: str) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind)
    return file.getvalue()
