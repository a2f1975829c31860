"""The recipe of `examples/pretrain`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import htrlib
from htrlib import data
from htrlib.bundle import load_bundle
from htrlib.data.synthetic_pages import sample_of
from htrlib.engines.network_shapes import LabelerConfig
from htrlib.errors import TrainingError
from htrlib.images.line_strips import line_strip
from htrlib.language.files import load_model
from htrlib.synthesis.handwriting import BUNDLED_FONTS, load_fonts
from htrlib.synthesis.pages import PageConfig, render_page
from htrlib.training.batches.word_targets import import_gluoncv

pytestmark = pytest.mark.slow

PRETRAIN = Path(__file__).parents[2] / "examples" / "pretrain"


@pytest.fixture
def train_finder(script):
    return script("train_finder")


@pytest.fixture
def train_recognizer(script):
    return script("train_recognizer")


@pytest.fixture
def build_language_model(script):
    return script("build_language_model")


def rendered(seed, width=300, lines=(4, 6)):
    fonts = load_fonts(BUNDLED_FONTS, "a red door")
    config = PageConfig({"letter": 1}, width=(width, width), lines=lines, wear=0.2)
    return render_page(["a", "red", "door"], fonts, np.random.default_rng(seed), config)


@pytest.fixture
def folder(tmp_path):
    """Three rendered pages, and collections of a written page in each split."""
    for seed in range(3):
        sample = sample_of(rendered(seed), f"{seed}")
        data.write_page_xml(data.Dataset((sample,)), tmp_path / "pages")
    files = {"csafe": "transcripts", "copiste": "pages", "testaments": "pages"}
    for seed, (name, file) in enumerate(files.items(), start=10):
        (tmp_path / name / "pages").mkdir(parents=True)
        pages = {}
        for split in ("train", "validation"):
            page = rendered(seed, width=900, lines=(12, 16))
            height, width = page.image.shape
            lines = [{"text": x.text, "box": x.line.box.as_tuple()} for x in page.lines]
            pages[f"{split}.png"] = {"size": [width, height], "split": split, "lines": lines}
            Image.fromarray(page.image).save(tmp_path / name / "pages" / f"{split}.png")
        (tmp_path / name / f"{file}.json").write_text(json.dumps(pages), encoding="utf-8")
    return tmp_path


@pytest.fixture
def found(script, folder):
    """The labeled lines, all found exactly where the labels are."""
    labeled = script("labeled")
    for name, split in labeled.SPLITS:
        pages = labeled.load_labeled(folder, name, split)
        data.write_page_xml(pages, folder / "found" / f"{name}_{split}")
    return folder / "found"


@pytest.fixture
def charset(script, tmp_path):
    """A bundle with only a charset."""
    script("assemble").main([str(tmp_path / "charset"), "--name=charset"])
    return tmp_path / "charset"


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


def test_networks_are_added_to_a_bundle_that_starts_as_a_charset(train_finder, folder, charset):
    init = charset
    for task in ("line-segmentation", "paragraph"):
        source = [f"--data={folder}", f"--synthetic={folder / 'pages'}", f"--init={init}"]
        output = folder / task
        assert train_finder.main([task, *source, "--minutes=0.0001", f"--output={output}"]) == 0
        init = output
    networks = load_bundle(folder / "paragraph").config["networks"]
    for name, labels in (("paragraph", 1), ("line-segmentation", 2)):
        numbers = {k: v for k, v in networks[name].items() if k != "file"}
        assert LabelerConfig.from_dict(numbers) == LabelerConfig(labels)


def test_lines_that_are_found_bear_the_texts_of_the_labels(script, folder):
    script("find_lines").main(
        [f"--data={folder}", "--bundle=htrlib/bundles/english", f"--out={folder / 'found'}"]
    )
    for name in ("csafe", "copiste"):
        labeled = script("labeled").load_labeled(folder, name, "train").pages[0]
        found = data.load("page_xml", folder / "found" / f"{name}_train").pages[0]
        assert found.text.splitlines()
        for line in found.lines:
            assert line.line.polygon is not None
            same = max(labeled.lines, key=lambda other: other.line.box.iou(line.line.box))
            assert line.text == same.text


def test_the_recognizer_sees_real_lines_as_labeled_and_as_found_and_pieces_of_rendered_ones(
    train_recognizer, folder, found
):
    train, validation = train_recognizer.lines(folder, found, folder / "pages")
    count = Counter(str(page.image.relative_to(folder)) for page in train.pages)
    assert count == {
        **{f"{name}/pages/train.png": 1 for name in ("csafe", "copiste", "testaments")},
        **{f"found/{name}_train/train.png": 1 for name in ("csafe", "copiste", "testaments")},
        **{f"pages/{seed}.png": 1 for seed in range(3)},
    }
    assert {str(page.image.relative_to(folder)) for page in validation.pages} == {
        f"{place}/validation.png"
        for name in ("csafe", "copiste")
        for place in (f"{name}/pages", f"found/{name}_validation")
    }


def test_a_piece_is_a_few_words_of_its_line_where_they_stand(train_recognizer):
    whole = data.Dataset(
        tuple(sample_of(rendered(seed, 900, (12, 16)), f"{seed}") for seed in range(4))
    )
    taken = train_recognizer.pieces(whole, np.random.default_rng(1))
    shorter = 0
    for before, after in zip(whole.pages, taken.pages):
        assert len(before.lines) == len(after.lines)
        for line, piece in zip(before.lines, after.lines):
            if piece == line:
                continue
            shorter += 1
            assert len(piece.text.split()) <= train_recognizer.PIECE
            assert f" {piece.text} " in f" {line.text} "
            assert {word.box.left for word in piece.words} <= {w.box.left for w in line.words}
            left = min(word.box.left for word in piece.words)
            right = max(word.box.right for word in piece.words)
            assert left - 1 <= piece.line.box.left < piece.line.box.right <= right + 1
            # it is cut as high as its line, and what lies outside the line's outline stays out
            assert line_strip(piece.line).height == pytest.approx(line_strip(line.line).height, 0.2)
            for x, y in piece.line.polygon.points:
                assert left <= x <= right
                assert line.line.box.top <= y <= line.line.box.bottom
    assert 0 < shorter < len(whole.lines)


def test_a_recognizer_is_added_and_the_mean_of_two_put_together(
    script, train_recognizer, folder, found, charset
):
    source = [f"--data={folder}", f"--found={found}", f"--rendered={folder / 'pages'}"]
    init = charset
    for name in ("first", "second"):
        rest = ["--minutes=0.0001", f"--init={init}", f"--output={folder / name}"]
        assert train_recognizer.main([*source, *rest]) == 0
        init = folder / name
    parts = [str(folder / name) for name in ("first", "second")]
    script("assemble").main([str(folder / "mean"), "--networks", *parts])
    first, second, mean = (
        load_bundle(folder / name).parameters("line-recognition")["head.weight"]
        for name in ("first", "second", "mean")
    )
    assert not np.array_equal(first, second)
    np.testing.assert_allclose(mean, (first + second) / 2, rtol=1e-3, atol=1e-4)


def test_a_share_of_new_weights_is_mixed_into_a_network(script, tmp_path):
    old, name = load_bundle("english"), "line-segmentation-handwriting"
    zeros = {key: np.zeros_like(array) for key, array in old.parameters(name).items()}
    np.savez(tmp_path / f"{name}.npz", **zeros)
    weights = [f"--networks={old.directory}", "--weights", str(tmp_path / f"{name}.npz"), "0.25"]
    script("assemble").main([str(tmp_path / "new"), *weights])
    new = load_bundle(tmp_path / "new")
    for key, array in old.parameters(name).items():
        np.testing.assert_allclose(new.parameters(name)[key], 0.75 * array, rtol=1e-3, atol=1e-6)
    other = "paragraph"
    for key, array in old.parameters(other).items():
        assert np.array_equal(new.parameters(other)[key], array)


def test_the_language_model_knows_words_in_capitals(build_language_model, tmp_path):
    books = [tmp_path / f"{name}.txt" for name in ("book", *build_language_model.HELD_OUT_TEXTS)]
    for book in books:
        book.write_text("\n\n".join(["the red door was open"] * 40), encoding="utf-8")
    build_language_model.run(books, tmp_path / "book.lm")
    model = load_model(tmp_path / "book.lm")
    small, large, mixed = (
        float(model.character_scores(text, begin=True).mean())
        for text in ("the red door", "THE RED DOOR", "tHe ReD dOoR")
    )
    assert small > large > mixed


def test_transcripts_count_for_more_with_a_share_of_their_own(
    build_language_model, folder, tmp_path
):
    quotes = tmp_path / "quotes.txt"
    quotes.write_text("\n\n".join(["a boat lay at the blue shore"] * 300), encoding="utf-8")
    files = [folder / "copiste" / "pages.json"], (), [quotes]
    build_language_model.run([], tmp_path / "together.lm", 4, *files)
    build_language_model.run([], tmp_path / "mixed.lm", 4, *files, transcribed=0.5)
    together, mixed = (load_model(tmp_path / f"{name}.lm") for name in ("together", "mixed"))
    text = json.loads(files[0][0].read_text(encoding="utf-8"))["train.png"]["lines"][0]["text"]
    bits = build_language_model.bits_per_character
    assert bits(mixed, [text]) < 0.8 * bits(together, [text])
    assert bits(mixed, ["a boat lay"]) < bits(together, ["a boat lay"]) + 1.2


def test_the_whole_command_makes_a_bundle_that_reads_and_goes_on_where_it_was(folder, tmp_path):
    try:
        import_gluoncv()
    except TrainingError as error:
        pytest.skip(str(error))
    (folder / "text").mkdir()
    for name in ("book", "alice", "katrine"):
        text = "\n\n".join(["the red door was open and a cat sat by it"] * 60)
        (folder / "text" / f"{name}.txt").write_text(text, encoding="utf-8")
    fonts = [path for path in BUNDLED_FONTS.iterdir() if path.suffix == ".woff"]
    shutil.copytree(BUNDLED_FONTS, folder / "fonts")
    shutil.copy(fonts[0], folder / "fonts" / "kristi.woff")  # a name that is held out
    command = [sys.executable, str(PRETRAIN / "pretrain.py"), f"--data={folder}"]
    command += [f"--runs={tmp_path / 'runs'}", f"--bundle={tmp_path / 'bundle'}"]
    command += ["--pages=2", "--line-pages=3", "--time=0.0001"]
    for again in (False, True):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert ("lines to train on" in done.stdout) != again
    bundle = load_bundle(tmp_path / "bundle")
    assert set(bundle.config["networks"]) == {
        "line-recognition",
        "line-segmentation",
        "line-segmentation-ssd",
        "paragraph",
    }
    assert bundle.decoding["language_models"] == {"english-french": "english-french.lm"}
    page = htrlib.load_image(folder / "csafe" / "pages" / "train.png")
    assert isinstance(htrlib.transcribe(page, bundle=bundle).text, str)
