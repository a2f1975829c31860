from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from htrlib import Box, Size, TextLine, Trainer, TrainerConfig
from htrlib.bundle import load_bundle, write_bundle
from htrlib.data import Dataset, LabeledLine, PageSample
from htrlib.document.charset import Charset
from htrlib.engines.mxnet.building import build
from htrlib.engines.mxnet.framework import mx
from htrlib.engines.mxnet.runner import get_parameters
from htrlib.errors import ConfigError, DatasetError
from htrlib.training.batches import pages as page_batches
from htrlib.training.tasks.pixel_labeling import LineSegmentationTask, ParagraphTask

pytestmark = pytest.mark.slow

LABELER = {"num_labels": 2, "channels": [4, 6]}
CONFIG = TrainerConfig(
    epochs=10, workers=0, warmup=2, learning_rate=2e-2, average=0.5, crops_per_page=4
)


def make_page(seed, name):
    rng = np.random.default_rng(seed)
    image = np.full((300, 400), 230, np.uint8)
    lines = []
    for row in range(3):
        top = 30 + 90 * row
        image[top : top + 40, 40:360] = np.where(rng.random((40, 320)) < 0.5, 20, 230)
        lines.append(LabeledLine("text", TextLine(Box(40, top, 360, top + 40))))
    return PageSample(lambda: image, Size(400, 300), name, tuple(lines))


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    monkeypatch.setattr(page_batches, "SIDE", 96)
    block = build("line-segmentation", LABELER)
    mx.random.seed(1)
    block.initialize()
    other = build("paragraph", {**LABELER, "num_labels": 1})
    other.initialize()
    networks = {"line-segmentation": LABELER, "paragraph": {**LABELER, "num_labels": 1}}
    config = {"name": "b", "version": "1", "networks": networks}
    parameters = {"line-segmentation": get_parameters(block), "paragraph": get_parameters(other)}
    write_bundle(tmp_path / "b", config, Charset.from_text("ab"), parameters)
    return tmp_path / "b"


@pytest.mark.parametrize("task", ["line-segmentation", "paragraph"])
def test_a_labeler_learns_where_lines_are(task, bundle, tmp_path):
    train = Dataset(tuple(make_page(seed, str(seed)) for seed in range(4)))
    validation = Dataset((make_page(9, "9"),))
    init = load_bundle(bundle)
    trainer = Trainer(task, config=CONFIG, init=init, directory=tmp_path / "run", device="cpu")
    first = trainer.fit(train, validation)
    assert first.best < 0.5
    trainer.save(tmp_path / "result")
    result = load_bundle(tmp_path / "result")
    assert result.config["training"]["validation_loss"] == round(first.best, 4)
    before, after = (b.parameters(task)["head.weight"] for b in (init, result))
    assert not np.array_equal(before, after)


def test_batches_are_those_of_the_seed(bundle, tmp_path):
    task = LineSegmentationTask(CONFIG, load_bundle(bundle), {})
    task.prepare(Dataset((make_page(0, "0"), make_page(1, "1"))), None, tmp_path)
    (first, _), (other, again) = task.plan(0, True), task.plan(1, True)
    assert first != other
    assert task.samples(first) == ("0", "1")
    made, repeated = task.source.make(again), task.source.make(again)
    np.testing.assert_array_equal(made["ink"], repeated["ink"])
    assert made["labels"].shape == (4, 2, 48, 48)
    assert made["labels"].any()


@pytest.mark.parametrize("crops", [1, 3, 5])
def test_a_batch_larger_than_all_crops_together_is_filled_up(bundle, tmp_path, crops):
    config = replace(CONFIG, batch_crops=16, crops_per_page=crops)
    task = LineSegmentationTask(config, load_bundle(bundle), {})
    task.prepare(Dataset((make_page(1, "a"),)), Dataset((make_page(2, "b"),)), tmp_path)
    (plan,) = task.plan(0, True)
    assert len(plan.crops) == 16
    assert {number for _, number in plan.crops} == set(range(crops))


def test_a_page_that_comes_several_times_is_kept_once_and_seen_as_often(bundle, tmp_path):
    page, other = make_page(0, "0"), make_page(1, "1")
    task = LineSegmentationTask(CONFIG, load_bundle(bundle), {})
    task.prepare(Dataset((page, other, page)), None, tmp_path)
    assert task.source.sources == ("0", "1")
    crops = [crop for plan in task.plan(0, True) for crop in plan.crops]
    assert sorted(crops) == [(0, n) for n in range(8)] + [(1, n) for n in range(4)]
    once = LineSegmentationTask(CONFIG, load_bundle(bundle), {})
    once.prepare(Dataset((page, other)), None, tmp_path)
    assert once.fingerprint != task.fingerprint


def test_a_labeler_that_the_bundle_lacks_starts_from_its_other_one(bundle, tmp_path):
    whole = load_bundle(bundle)
    lines = whole.parameters("line-segmentation")
    config = {"name": "b", "version": "1", "networks": {"line-segmentation": LABELER}}
    write_bundle(tmp_path / "lines", config, whole.charset, {"line-segmentation": lines})
    task = ParagraphTask(CONFIG, load_bundle(tmp_path / "lines"), {})
    assert task.numbers() == {**LABELER, "num_labels": 1}
    started = get_parameters(task.network([mx.cpu()]))
    assert started["head.weight"].shape[0] == 1
    for name in set(started) - {"head.weight", "head.bias"}:
        np.testing.assert_array_equal(started[name], lines[name])


def test_a_page_of_another_size_than_annotated_is_left_out(bundle, tmp_path):
    wrong = replace(make_page(1, "wrong"), size=Size(9, 9))
    config = replace(CONFIG, epochs=1)
    trainer = Trainer(
        "line-segmentation", config=config, init=bundle, directory=tmp_path / "r", device="cpu"
    )
    result = trainer.fit(Dataset((make_page(0, "0"), wrong)))
    (problem,) = result.problems
    assert (problem.source, problem.skipped) == ("wrong", "page")


def test_a_page_with_lines_whose_place_is_unknown_is_left_out(bundle, tmp_path):
    page = make_page(1, "unplaced")
    unplaced = replace(page, lines=(page.lines[0], LabeledLine("text")))
    task = LineSegmentationTask(CONFIG, load_bundle(bundle), {})
    task.prepare(Dataset((make_page(0, "0"), unplaced)), None, tmp_path)
    assert [(p.source, p.skipped) for p in task.problems] == [("unplaced", "page")]
    assert task.source.sources == ("0",)


def test_pages_without_lines_are_no_data(bundle, tmp_path):
    empty = replace(make_page(0, "0"), lines=())
    trainer = Trainer("line-segmentation", init=bundle, directory=tmp_path / "r", device="cpu")
    with pytest.raises(DatasetError, match="place"):
        trainer.fit(Dataset((empty,)))
    with pytest.raises(ConfigError, match="init"):
        Trainer("paragraph", directory=tmp_path / "r").fit(Dataset((empty,)))


def test_a_page_with_lines_that_nobody_confirmed_is_no_example() -> None:
    page = PageSample(Path("a.png"), Size(20, 10), "a", (), incomplete=True)
    line = LabeledLine("a", TextLine(Box(0, 0, 9, 9)))
    whole = replace(page, lines=(line,), incomplete=False)
    pages, (problem,) = LineSegmentationTask._usable(Dataset((page, whole)), "training")
    assert pages == [whole]
    assert "nobody confirmed" in problem.reason
