"""`htr transcribe` and the server give the same results, to the last digit."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image

from htrlib.cli.main import main
from htrlib.client import EndpointClient
from htrlib.formats.json_format import to_json
from tests.serving.running import Served
from tests.written_pages import written_page

TEXTS = (
    ("Dear Anna, no post today.", "The ship left at noon."),
    ("Soup: peas, leeks, onions", "and 12 grams of salt."),
    ("Rain again, and no wind.",),
    ("Yours, as ever, William",),
    ("We waved; we cried a little.", "Next stop: Bristol."),
)


def test_the_command_and_the_server_agree_to_the_last_digit_on_ten_pages(
    server: Served, tmp_path: Path
) -> None:
    pages, results = tmp_path / "pages", tmp_path / "results"
    pages.mkdir()
    for seed in range(10):
        page, _ = written_page(TEXTS[seed % len(TEXTS)], seed)
        Image.fromarray(page).save(pages / f"{seed}.png")
    assert main(["transcribe", str(pages), "--format", "json", "--output", str(results)]) == 0
    client = EndpointClient(f"http://127.0.0.1:{server.port}")
    for seed in range(10):
        result = json.loads((results / f"{seed}.json").read_text(encoding="utf-8"))
        result["source"] = None  # the server sees no file
        assert result["lines"]
        assert json.loads(to_json(client.transcribe(pages / f"{seed}.png"))) == result
