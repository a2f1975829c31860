"""A small data set on disk."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image


def write_pages(folder: Path, *, missing: bool = False) -> Path:
    """`pages.json` with two pages, the second in the split "dev", and their pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = {
        "one.jpg": {
            "lines": [
                {"text": "abc", "box": [10, 10, 180, 30]},
                {"text": "cab €", "box": [10, 50, 180, 70]},
                {"text": ""},
            ],
            "split": "train",
        },
        "two.jpg": {"lines": [{"text": "bac", "box": [10, 10, 180, 30]}], "split": "dev"},
    }
    for name in ["one.jpg"] if missing else pages:
        Image.effect_noise((200, 100), 40).save(folder / name)
    path = folder / "pages.json"
    path.write_text(json.dumps(pages), encoding="utf-8")
    return path


def damage(picture: Path) -> None:
    """Cut off the second half of a file."""
    whole = picture.read_bytes()
    picture.write_bytes(whole[: len(whole) // 2])
