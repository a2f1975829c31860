from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Dict, List

import pytest

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
RUN = 6  # words


def words(text: str) -> List[str]:
    return re.findall(r"[a-z0-9]+", text.lower().replace("’", "").replace("'", ""))


def test_the_sentences_that_accuracy_is_measured_on_are_not_in_the_text_of_the_model() -> None:
    transcripts = SHARED / "csafe" / "transcripts.json"
    texts = sorted((SHARED / "text").glob("*.txt"))
    if not transcripts.is_file() or not texts:
        pytest.skip(f"the pages and the texts of the bundle are not in {SHARED}")
    longest: Dict[str, str] = {}  # prompt -> the most complete page of it
    for page in json.loads(transcripts.read_text(encoding="utf-8")).values():
        text = " ".join(page["lines"])
        longest[page["prompt"]] = max(longest.get(page["prompt"], ""), text, key=len)
    assert len(longest) == 2
    prompts = [words(text) for text in longest.values()]
    runs = {tuple(p[i : i + RUN]) for p in prompts for i in range(len(p) - RUN + 1)}
    assert len(runs) > 100
    rare = {max(run, key=len) for run in runs}
    for path in texts:
        text = words(path.read_text(encoding="utf-8"))
        for at in (at for at, word in enumerate(text) if word in rare):
            near = text[max(0, at - RUN + 1) : at + RUN]
            assert not runs & {tuple(near[i : i + RUN]) for i in range(RUN)}, path.name
