"""The recipe of `examples/pretrain` for the networks that find writing."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from htrlib import data
from htrlib.bundle import load_bundle, write_bundle
from htrlib.charset import Charset
from htrlib.data.handwriting import BUNDLED_FONTS, load_fonts
from htrlib.data.rendered import sample_of
from htrlib.data.synthetic import PageConfig, render_page
from htrlib.language import NGramModel
from htrlib.networks.labeler import LabelerConfig

PRETRAIN = Path(__file__).parents[2] / "examples" / "pretrain"


@pytest.fixture
def train_finder(monkeypatch):
    monkeypatch.syspath_prepend(str(PRETRAIN))
    import train_finder

    return train_finder


@pytest.fixture
def build_language_model(monkeypatch):
    monkeypatch.syspath_prepend(str(PRETRAIN))
    import build_language_model

    return build_language_model


@pytest.fixture
def folder(tmp_path):
    """Three rendered pages, and two collections of a page in each split."""
    fonts = load_fonts(BUNDLED_FONTS, "a red door")
    config = PageConfig({"letter": 1}, width=(300, 300), lines=(4, 6))
    for seed in range(3):
        page = render_page(["a", "red", "door"], fonts, np.random.default_rng(seed), config)
        data.write_page_xml(data.Dataset((sample_of(page, f"{seed}"),)), tmp_path / "pages")
    for name in ("copiste", "testaments"):
        (tmp_path / name / "pages").mkdir(parents=True)
        line = {"text": "a", "box": [20, 20, 180, 60]}
        pages = {}
        for split in ("train", "validation"):
            pages[f"{split}.png"] = {"size": [200, 100], "split": split, "lines": [line]}
            Image.new("L", (200, 100), 220).save(tmp_path / name / "pages" / f"{split}.png")
        (tmp_path / name / "pages.json").write_text(json.dumps(pages), encoding="utf-8")
    return tmp_path


def test_half_of_what_a_labeler_sees_is_rendered(train_finder, folder):
    train, validation = train_finder.pages("paragraph", folder, folder / "pages")
    assert Counter(str(p.image.relative_to(folder)) for p in train.pages) == {
        "pages/0.png": 1,
        "pages/1.png": 1,
        "pages/2.png": 1,
        "copiste/pages/train.png": 2,
        "testaments/pages/train.png": 1,
    }
    assert [page.split for page in validation.pages] == ["validation"]


def test_the_word_detector_sees_rendered_pages_alone(train_finder, folder):
    train, validation = train_finder.pages("line-segmentation-ssd", folder, folder / "pages")
    assert {page.image.parent for page in train.pages} == {folder / "pages"}
    assert validation is None


def test_networks_are_added_to_a_bundle_that_starts_as_a_charset(train_finder, folder):
    charset = {"name": "charset", "version": "1", "networks": {}}
    write_bundle(folder / "charset", charset, Charset.from_text("ab"), {})
    init = folder / "charset"
    for task in ("line-segmentation", "paragraph"):
        source = [f"--data={folder}", f"--synthetic={folder / 'pages'}", f"--init={init}"]
        output = folder / task
        assert train_finder.main([task, *source, "--minutes=0.0001", f"--output={output}"]) == 0
        init = output
    networks = load_bundle(folder / "paragraph").config["networks"]
    for name, labels in (("paragraph", 1), ("line-segmentation", 2)):
        numbers = {k: v for k, v in networks[name].items() if k != "file"}
        assert LabelerConfig.from_dict(numbers) == LabelerConfig(labels)


def test_the_language_model_knows_words_in_capitals(build_language_model, tmp_path):
    books = [tmp_path / f"{name}.txt" for name in ("book", *build_language_model.HELD_OUT_TEXTS)]
    for book in books:
        book.write_text("\n\n".join(["the red door was open"] * 40), encoding="utf-8")
    build_language_model.run(books, tmp_path / "book.lm")
    model = NGramModel.load(tmp_path / "book.lm")
    small, large, mixed = (
        float(model.character_scores(text, begin=True).mean())
        for text in ("the red door", "THE RED DOOR", "tHe ReD dOoR")
    )
    assert small > large > mixed
