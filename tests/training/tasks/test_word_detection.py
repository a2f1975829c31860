from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from htrlib import Box, Size, TextLine, Trainer, TrainerConfig
from htrlib.bundle import load_bundle, write_bundle
from htrlib.data import Dataset, LabeledLine, PageSample
from htrlib.data.samples import LabeledWord
from htrlib.document.charset import Charset
from htrlib.engines.mxnet.building import build
from htrlib.engines.mxnet.framework import mx
from htrlib.engines.mxnet.runner import get_parameters
from htrlib.engines.word_anchors import SsdConfig
from htrlib.errors import DatasetError, TrainingError
from htrlib.training.batches.word_targets import import_gluoncv
from htrlib.training.tasks import word_detection
from htrlib.training.tasks.word_detection import WordDetectionTask

pytestmark = pytest.mark.slow

TASK = "line-segmentation-ssd"
DETECTOR = asdict(SsdConfig(channels=(6, 8, 12, 12, 12)))
CONFIG = TrainerConfig(
    epochs=24, workers=0, warmup=2, learning_rate=2e-2, average=0.5, crops_per_page=12
)


@pytest.fixture(autouse=True)
def _gluoncv():
    try:
        import_gluoncv()
    except TrainingError as error:
        pytest.skip(str(error))


def make_page(name="page"):
    """Two lines of three words."""
    rng = np.random.default_rng(0)
    image = np.full((300, 400), 230, np.uint8)
    lines = []
    for top in (60, 180):
        boxes = [Box(left, top, left + 90, top + 36) for left in (30, 150, 270)]
        for box in boxes:
            left, top, right, bottom = (int(edge) for edge in box.as_tuple())
            ink = np.where(rng.random((bottom - top, right - left)) < 0.6, 20, 230)
            image[top:bottom, left:right] = ink
        words = tuple(LabeledWord("word", box) for box in boxes)
        line = TextLine(Box(30, top, 360, top + 36))
        lines.append(LabeledLine("word word word", line, words))
    return PageSample(lambda: image, Size(400, 300), name, tuple(lines))


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    """A trainer with a tiny detector."""
    monkeypatch.setattr(word_detection, "SIDE", 96)
    monkeypatch.setattr(word_detection, "HEIGHTS", (20.0, 26.0))
    return write(tmp_path / "bundle", TASK, DETECTOR)


def write(path, network, numbers):
    block = build(network, numbers)
    mx.random.seed(1)
    block.initialize()
    config = {"name": "b", "version": "1", "networks": {network: numbers}}
    write_bundle(path, config, Charset.from_text("ab"), {network: get_parameters(block)})
    return path


@pytest.fixture
def trainer(bundle, tmp_path):
    def make(config=CONFIG, **options):
        options = {"init": bundle, "directory": tmp_path / "run", "device": "cpu", **options}
        return Trainer(TASK, config=config, **options)

    return make


def test_the_words_of_a_page_are_learned_by_heart(trainer, tmp_path):
    page = Dataset((make_page(),))
    detector = trainer()
    result = detector.fit(page, page)
    entries = [json.loads(row) for row in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    first, last = ([e for e in entries if e["event"] == "epoch"][at] for at in (0, -1))
    assert last["train_loss"] < 0.4 * first["train_loss"]
    assert result.best < 0.4 * first["validation_loss"]
    assert last["validation_f1"] > 0.8
    detector.save(tmp_path / "result")
    before, after = (load_bundle(tmp_path / name).parameters(TASK) for name in ("bundle", "result"))
    assert any(not np.array_equal(before[name], after[name]) for name in before)


def test_pages_without_boxes_of_words_are_left_out_and_reported(trainer):
    good = make_page("good")
    some = replace(good, source="some", lines=(good.lines[0], replace(good.lines[1], words=())))
    most = replace(good.lines[1], words=good.lines[1].words[:-1])
    one = replace(good, source="one", lines=(good.lines[0], most))
    pages = Dataset((good, some, one))
    result = trainer(replace(CONFIG, epochs=1, crops_per_page=4)).fit(pages)
    assert [(p.source, p.skipped) for p in result.problems] == [("some", "page"), ("one", "page")]
    with pytest.raises(DatasetError, match="boxes of all its words"):
        trainer().fit(Dataset((some,)))


def test_a_page_without_lines_shows_what_is_no_word(bundle, tmp_path):
    empty = replace(make_page("empty"), lines=())
    task = WordDetectionTask(CONFIG, load_bundle(bundle), {})
    task.prepare(Dataset((make_page(), empty)), None, tmp_path)
    assert task.source.sources == ("page", "empty")
    crops = [task.source.crop(1, 0, number) for number in range(8)]
    assert any(crop["ink"].any() for crop in crops)
    assert not any(crop["classes"].any() for crop in crops)


def test_batches_are_those_of_the_seed_and_their_words_those_of_the_page(bundle, tmp_path):
    task = WordDetectionTask(CONFIG, load_bundle(bundle), {})
    task.prepare(Dataset((make_page(),)), None, tmp_path)
    plans = task.plan(0, True)
    made = task.source.make(plans[0])
    for name, array in task.source.make(plans[0]).items():
        np.testing.assert_array_equal(made[name], array)
    assert made["ink"].shape == (4, 1, 96, 96)
    assert made["classes"].shape == made["offsets"].shape[:2]
    assert made["classes"].any()


def test_a_bundle_without_a_detector_gets_one(trainer, tmp_path):
    labeler = {"num_labels": 1, "channels": [2, 3]}
    config = replace(CONFIG, epochs=1, crops_per_page=4)
    init = write(tmp_path / "other", "paragraph", labeler)
    detector = trainer(config, init=init, network={"channels": DETECTOR["channels"]})
    detector.fit(Dataset((make_page(),)))
    detector.save(tmp_path / "result")
    networks = load_bundle(tmp_path / "result").config["networks"]
    assert sorted(networks) == [TASK, "paragraph"]
    assert list(networks[TASK]["channels"]) == list(DETECTOR["channels"])
