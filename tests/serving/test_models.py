"""Checks before a model is loaded; test_multi_model covers loading."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Dict, List

import pytest

from htrlib.bundle import write_bundle
from htrlib.document.charset import Charset
from htrlib.serving import models
from htrlib.serving.config import ServingConfig
from htrlib.serving.models import Models
from htrlib.serving.protocol import RefusedError


class Slow:
    """A supervisor that waits until the test lets it continue."""

    def __init__(self) -> None:
        self.models: Dict[str, object] = {}
        self.go_on = asyncio.Event()

    async def load(self, model: object) -> None:
        await self.go_on.wait()


def test_models_that_are_loaded_at_once_do_not_count_on_the_same_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        config = {"name": name, "version": "1", "networks": {}}
        write_bundle(tmp_path / name, config, Charset.from_text("ab"), {})
    monkeypatch.setattr(models, "available_memory", lambda: 250)
    monkeypatch.setattr(models, "_check_bundle", lambda _: None)
    config = ServingConfig(models=tmp_path, workers=1, model_bytes=100)

    async def load_all() -> List[object]:
        slow = Slow()
        loaded = Models(config, slow)  # type: ignore[arg-type]
        bodies = [
            json.dumps({"model_name": name, "url": str(tmp_path / name)}).encode()
            for name in ("a", "b", "c")
        ]
        tasks = [asyncio.ensure_future(loaded.load(body)) for body in bodies]
        await asyncio.wait(tasks, timeout=60, return_when=asyncio.FIRST_COMPLETED)
        slow.go_on.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    answers = asyncio.run(load_all())
    refused = [answer for answer in answers if isinstance(answer, RefusedError)]
    assert [answer.status for answer in refused] == [507]
    loaded = [{"status": f"model {name} loaded"} for name in ("a", "b", "c")]
    kept = [answer for answer in answers if answer not in refused]
    assert len(kept) == 2, "their places are looked up in threads, in any order"
    assert all(answer in loaded for answer in kept)


def test_a_model_is_named_by_its_path_or_by_its_place_below_the_root(tmp_path: Path) -> None:
    (tmp_path / "root" / "anna").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    loaded = Models(ServingConfig(models=tmp_path / "root"), Slow())  # type: ignore[arg-type]
    for url in ("anna", "./anna", str(tmp_path / "root" / "anna")):
        assert loaded._directory(url) == (tmp_path / "root" / "anna").resolve()
    for url in ("../other", str(tmp_path / "other"), ".", "file://anna"):
        with pytest.raises(RefusedError, match="below"):
            loaded._directory(url)
