from __future__ import annotations

import json
import os
import shutil
import signal
from dataclasses import replace

import numpy as np
import pytest

import htrlib
from htrlib import Trainer, TrainerConfig
from htrlib.bundle import load_bundle, write_bundle
from htrlib.data import Dataset, LineSample
from htrlib.decoding.decoding_options import bundled_options
from htrlib.engines.mxnet.framework import mx
from htrlib.errors import ConfigError, DatasetError, NonFiniteLossError, TrainingError
from htrlib.training import distributed
from htrlib.training.batches.augmentation import LineAugmentation
from htrlib.training.checkpoint import read_checkpoint, write_checkpoint
from htrlib.training.distributed import Machines
from htrlib.training.learner import Learner
from htrlib.training.loop import Run
from htrlib.training.tasks.line_recognition import LineRecognitionTask

pytestmark = pytest.mark.slow

QUICK = TrainerConfig(
    epochs=1, batch_columns=1600, workers=0, augmentation=None, warmup=2, weight_decay=0.0
)


@pytest.fixture
def trainer(tmp_path, tiny):
    def make(config=QUICK, **options):
        options = {"network": tiny, "directory": tmp_path / "run", "device": "cpu", **options}
        return Trainer("line-recognition", config=config, **options)

    return make


@pytest.fixture(scope="module")
def trained(tmp_path_factory, lines):
    """A bundle overfitted to a few words, and its training lines."""
    from tests.training.conftest import TINY

    folder = tmp_path_factory.mktemp("trained")
    config = replace(
        QUICK, epochs=24, batch_columns=1200, learning_rate=0.015, flat=0.6, average=0.9, workers=1
    )
    eight = lines(8)
    trainer = Trainer(
        "line-recognition", config=config, network=TINY, directory=folder / "run", device="cpu"
    )
    result = trainer.fit(sum([eight] * 8, Dataset()), eight)
    trainer.save(folder / "bundle")
    return folder / "bundle", eight, result


def read(sample, bundle):
    page = sample.load_image()
    box = htrlib.Box(0, 0, page.shape[1], page.shape[0])
    said = htrlib.recognize_line(page, htrlib.TextLine(box), bundle=bundle)
    return htrlib.decode(said, bundle=bundle).text


def test_eight_lines_are_learned_by_heart_and_the_bundle_reads_them(trained):
    path, lines, result = trained
    assert result.best == 0.0
    assert result.reason == "epochs"
    bundle = load_bundle(path)
    assert [read(sample, bundle) for sample in lines] == [sample.text for sample in lines]
    assert bundle.config["training"]["validation_cer"] == 0.0
    assert bundle.decoding["temperature"] > 0


def test_a_recognizer_that_saw_one_scale_looks_once(trained, trainer, lines, tmp_path):
    path, known, _ = trained
    assert load_bundle(path).decoding["look_again_below"] == 0.0
    usual = replace(QUICK, augmentation=LineAugmentation())
    for start in ({}, {"init": path, "network": None, "directory": tmp_path / "further"}):
        augmented = trainer(usual, **start)
        augmented.fit(known, known)
        augmented.save(tmp_path / "augmented")
        assert "look_again_below" not in load_bundle(tmp_path / "augmented").decoding


def test_validation_scores_stand_in_lines_that_a_regular_expression_reads(
    trainer, lines, capsys, tmp_path
):
    result = trainer().fit(lines(8), lines(2, seed=1))
    assert f"validation_cer={result.best:.4f};" in capsys.readouterr().out
    entries = [json.loads(row) for row in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert entries[-1]["event"] == "epoch"
    assert entries[-1]["validation_cer"] == pytest.approx(result.best, abs=1e-6)
    assert list((tmp_path / "run" / "events").iterdir())


def test_fine_tuning_keeps_what_is_known_and_adds_new_characters(trained, trainer, lines):
    path, known, _ = trained
    new = lines(4, seed=3, texts=["red oak", "redo", "an ark", "kant"])
    second = trainer(replace(QUICK, learning_rate=1e-6), init=path, network=None)
    result = second.fit(known + new, known)
    assert set(result.charset.added) == set("".join(s.text for s in new)) - set(
        "".join(s.text for s in known)
    )
    assert result.charset.added
    assert result.charset.dropped == ()
    assert result.best == 0.0, "the rows of known characters have changed"


def test_a_bundle_that_was_trained_anew_in_the_same_place_is_another_start(
    tmp_path, trained, trainer, lines
):
    start = tmp_path / "start"
    shutil.copytree(trained[0], start)
    trainer(init=start, network=None).fit(lines(8))
    bundle = load_bundle(start)
    parameters = bundle.parameters("line-recognition")
    parameters["head.bias"] += 1
    models = {path.name: path.read_bytes() for path in start.glob("*.lm")}
    write_bundle(start, bundle.config, bundle.charset, {"line-recognition": parameters}, models)
    with pytest.raises(TrainingError, match=r"different init\.parameters"):
        trainer(init=start, network=None).fit(lines(8))


def test_only_a_recognizer_that_cannot_read_yet_gets_a_second_head(
    trained, trainer, lines, tmp_path
):
    further = {"init": trained[0], "network": None}
    asked = replace(QUICK, extra_head=0.1)
    for number, (config, start, given) in enumerate(
        [(QUICK, {}, True), (QUICK, further, False), (asked, further, True)]
    ):
        folder = tmp_path / str(number)
        trainer(config, directory=folder, **start).fit(lines(2), lines(2))
        parameters, _ = read_checkpoint(folder / "best.npz")
        assert ("extra_head.weight" in parameters) == given


def test_the_language_model_learns_the_texts_of_the_data(trained, trainer, lines, tmp_path):
    path, known, _ = trained
    init = load_bundle(path)
    new = lines(4, seed=3, texts=["an old kraken", "a kraken", "the kraken", "no kraken"])
    second = trainer(init=path, network=None)
    second.fit(known + new, known + lines(1, seed=4, texts=["old kraken"]))
    second.save(tmp_path / "learned")
    learned = load_bundle(tmp_path / "learned")
    assert 0 < learned.config["training"]["share_of_language_model"] <= 0.9
    assert learned.decoding["language_models"] == {"language": "language.lm"}
    before, after = (bundled_options(bundle).language_model for bundle in (init, learned))
    assert after.score("a kraken") > before.score("a kraken") + 5

    kept = trainer(replace(QUICK, language_model="keep"), init=path, network=None)
    kept.fit(known + new, known + lines(1, seed=4, texts=["old kraken"]))
    kept.save(tmp_path / "kept")
    kept_bundle = load_bundle(tmp_path / "kept")
    assert "share_of_language_model" not in kept_bundle.config["training"]
    model = kept_bundle.file("language.lm").read_bytes()
    assert model == init.file("language.lm").read_bytes()


def test_characters_that_the_charset_must_not_take_in_are_counted(trained, trainer, lines):
    path, known, _ = trained
    strange = lines(1, seed=3, texts=["xylo"])
    result = trainer(replace(QUICK, charset="keep"), init=path, network=None).fit(known + strange)
    problems = [p for p in result.problems if p.reason == "characters outside the charset"]
    assert [(p.source, p.skipped) for p in problems] == [(strange[0].source, "line")]
    assert result.charset.charset == load_bundle(path).charset


def test_the_other_parts_of_the_bundle_are_copied(tmp_path, trained, trainer, lines):
    path, known, _ = trained
    from htrlib.engines.mxnet.building import build
    from htrlib.engines.mxnet.runner import get_parameters
    from htrlib.engines.network_shapes import LabelerConfig

    init = load_bundle(path)
    labeler = {"num_labels": 1, "channels": [2, 3]}
    block = build("paragraph", labeler)
    block.initialize()
    assert LabelerConfig.from_dict(labeler).multiple == 4
    recognizer = dict(init.network_config("line-recognition"))
    write_bundle(
        tmp_path / "both",
        {
            "name": "both",
            "version": "1",
            "networks": {"line-recognition": recognizer, "paragraph": labeler},
        },
        init.charset,
        {
            "line-recognition": init.parameters("line-recognition"),
            "paragraph": get_parameters(block),
        },
        {"words.lm": b"a model"},
    )
    second = trainer(init=tmp_path / "both", network=None)
    second.fit(known)
    second.save(tmp_path / "result", name="mine", refit=False)
    result = load_bundle(tmp_path / "result")
    assert result.name == "mine"
    assert result.file("words.lm").read_bytes() == b"a model"
    for name, value in load_bundle(tmp_path / "both").parameters("paragraph").items():
        np.testing.assert_array_equal(result.parameters("paragraph")[name], value)


def test_bad_samples_are_counted_and_the_others_trained_on(trainer, lines, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    page = lines(1)[0].load_image()
    bad = Dataset(
        (
            LineSample(tmp_path / "missing.png", "a", "missing"),
            LineSample(tmp_path / "broken.png", "a", "broken"),
            LineSample(lambda: page[:, :30], "no road at noon and on", "narrow"),
            LineSample(
                lambda: page,
                "a",
                "outside",
                line=htrlib.TextLine(htrlib.Box(9000, 9000, 9001, 9001)),
            ),
        )
    )
    result = trainer().fit(bad + lines(8))
    reasons = {problem.source: problem.reason for problem in result.problems}
    assert reasons["missing"] == reasons["broken"] == "unreadable image"
    assert reasons["outside"] == "line that cannot be cut"
    assert reasons["narrow"] == "line too narrow for its text"
    assert result.steps > 0


def test_data_without_a_single_good_line_is_an_error_that_names_the_first_problem(
    trainer, tmp_path
):
    with pytest.raises(DatasetError, match=r"missing\.png"):
        trainer().fit(Dataset((LineSample(tmp_path / "missing.png", "a", "missing"),)))
    with pytest.raises(DatasetError, match="no line"):
        trainer().fit(Dataset())


def test_training_stops_when_validation_gets_no_better(trainer, lines, monkeypatch):
    scores = iter([1.0, 1.0, 1.0, 1.0, 0.5, 0.4, 0.4, 0.6, 0.8])
    monkeypatch.setattr(LineRecognitionTask, "score", lambda *_: {"cer": next(scores)})
    monkeypatch.setattr(LineRecognitionTask, "aligned", lambda *_: True)
    result = trainer(replace(QUICK, epochs=9, patience=2)).fit(lines(8), lines(2, seed=1))
    assert (result.reason, result.epochs, result.best) == ("patience", 8, 0.4)


@pytest.mark.usefixtures("heeded_hangups")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_in_the_last_validation_is_heeded(trainer, lines, monkeypatch, number):
    def score(*_):
        os.kill(os.getpid(), number)
        return {"cer": 0.5}

    monkeypatch.setattr(LineRecognitionTask, "score", score)
    result = trainer(replace(QUICK, epochs=1)).fit(lines(8), lines(2, seed=1))
    assert (result.reason, result.epochs) == ("interrupted", 1)


def test_a_signal_that_nohup_ignores_stays_ignored(trainer, lines, monkeypatch):
    def score(*_):
        os.kill(os.getpid(), signal.SIGHUP)
        return {"cer": 0.5}

    monkeypatch.setattr(LineRecognitionTask, "score", score)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        result = trainer(replace(QUICK, epochs=1)).fit(lines(8), lines(2, seed=1))
    finally:
        signal.signal(signal.SIGHUP, before)
    assert result.reason == "epochs"


def test_training_stops_when_its_time_is_over(trainer, lines, tmp_path):
    config = replace(QUICK, epochs=1000, minutes=0.001, batch_columns=512)
    result = trainer(config).fit(lines(8), lines(2, seed=1))
    assert result.reason == "minutes"
    assert result.epochs < 1000
    log = (tmp_path / "run" / "log.jsonl").read_text()
    again = trainer(config).fit(lines(8), lines(2, seed=1))
    assert again.steps == result.steps
    assert (tmp_path / "run" / "log.jsonl").read_text() == log, "what is over is not scored again"


def test_a_loss_that_is_no_number_names_the_batch_and_its_samples(trainer, lines, monkeypatch):
    config = replace(QUICK, epochs=2, batch_columns=256)
    make = LineRecognitionTask.initial

    def poisoned(task):
        return {**make(task), "head.bias": np.full(len(task.charset) + 1, np.nan, np.float32)}

    monkeypatch.setattr(LineRecognitionTask, "initial", poisoned)
    with pytest.raises(NonFiniteLossError, match=r"epoch 0, batch 0.*line-0-") as caught:
        trainer(config).fit(lines(8))
    assert (caught.value.epoch, caught.value.batch) == (0, 0)
    assert caught.value.samples


def test_what_was_best_before_such_a_loss_can_be_saved(trainer, lines, monkeypatch, tmp_path):
    settle = Run._settle

    def failing(run):
        if run.progress.epoch == 1 and run._pending is not None:
            raise NonFiniteLossError(1, 0)
        return settle(run)

    monkeypatch.setattr(Run, "_settle", failing)
    made = trainer(replace(QUICK, epochs=2))
    with pytest.raises(NonFiniteLossError):
        made.fit(lines(8), lines(2, seed=1))
    assert made.result.reason == "loss" and made.result.best is not None
    made.save(tmp_path / "best", refit=False)
    assert load_bundle(tmp_path / "best").config["training"]


def test_a_finished_training_goes_on_when_asked_for_more_epochs(trainer, lines):
    first = trainer().fit(lines(8))
    again = trainer().fit(lines(8))
    more = trainer(replace(QUICK, epochs=2)).fit(lines(8))
    assert again.steps == first.steps
    assert (more.epochs, more.steps) == (2, 2 * first.steps)


def test_a_directory_with_another_training_is_refused(trainer, lines):
    trainer().fit(lines(8))
    with pytest.raises(TrainingError, match=r"config\.learning_rate"):
        trainer(replace(QUICK, learning_rate=0.5)).fit(lines(8))
    with pytest.raises(TrainingError, match="data"):
        trainer().fit(lines(9))
    with pytest.raises(TrainingError, match="data"):
        trainer().fit(lines(8), lines(2, seed=1))


def test_augmented_batches_are_those_of_the_seed_and_epoch(trainer, lines, tmp_path):
    made = []
    for directory in ("one", "two"):
        config = replace(QUICK, augmentation=LineAugmentation())
        task = LineRecognitionTask(config, None, trainer()._network)
        (tmp_path / directory).mkdir()
        task.prepare(lines(8), None, tmp_path / directory)
        plans = [plan for epoch in (0, 1) for plan in task.plan(epoch, True)]
        made.append([(plan, task.source.make(plan)) for plan in reversed(plans)])
    assert len(made[0]) >= 2
    for (plan, batch), (other_plan, other) in zip(*made):
        assert plan == other_plan
        for name in batch:
            np.testing.assert_array_equal(batch[name], other[name])
    assert not np.array_equal(made[0][0][1]["ink"], made[0][-1][1]["ink"])


def test_wrong_use_is_told(trainer, tmp_path, tiny, trained):
    with pytest.raises(ConfigError, match="unknown task 'words'"):
        Trainer("words")
    with pytest.raises(TrainingError, match="call fit first"):
        trainer().save(tmp_path / "bundle")
    with pytest.raises(ConfigError, match="train from scratch"):
        trainer(init=trained[0]).fit(Dataset())
    with pytest.raises(ConfigError, match="at least one"):
        trainer(device=[])


def test_validation_hears_what_recognition_says(trained, tiny, tmp_path):
    path, known, _ = trained
    bundle = load_bundle(path)
    page = np.tile(known[0].load_image(), (2, 20))
    height, width = page.shape[0] // 2, page.shape[1]
    corners = ((0, 3), (width, 6), (width, height), (0, height))
    places = (
        htrlib.TextLine(htrlib.Box(0, height, width // 20, 2 * height)),
        htrlib.TextLine(
            htrlib.Box(0, 3, width, height), htrlib.Polygon(corners), ((0, 40), (width, 40))
        ),
    )
    assert 24 * width / height > 1.5 * tiny["max_width"], "the second line is read in pieces"
    samples = [LineSample(lambda: page, t, t, place) for t, place in zip("ab", places)]
    task = LineRecognitionTask(QUICK, bundle, {})
    task.prepare(known, Dataset(tuple(samples)), tmp_path)
    said = {text: s for s, text in task.read_validation(bundle.parameters(task.name), "cpu")}
    expected_of = htrlib.recognize_lines(page, places, bundle=bundle, engine="mxnet")
    for text, expected in zip("ab", expected_of):
        np.testing.assert_array_equal(said[text].values, expected.values)


def test_the_best_of_a_training_that_was_removed_is_not_taken_for_this_ones(
    trainer, lines, tmp_path
):
    trainer().fit(lines(8), lines(2, seed=1))
    (tmp_path / "run" / "last.npz").unlink()
    trainer(replace(QUICK, seed=2)).fit(lines(8))
    assert not (tmp_path / "run" / "best.npz").exists()


def test_of_several_machines_the_first_alone_writes_the_bundle(trainer, lines, tmp_path):
    second = trainer()
    second.fit(lines(8))
    assert second.first
    second.first = False
    second.save(tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_machines_go_by_the_clock_of_the_first(trainer, lines, monkeypatch):
    class Second(Machines):
        rank, count, steps = 1, 2, 0

        def reduce(self, vector):
            self.steps += 1
            vector = vector.copy()
            vector[-1] += 60 * 57.0 if self.steps < 6 else 60 * 61.0
            return vector

        def tell(self, text):
            return json.dumps([{}, 60 * 57.0]) if text.startswith("[") else text

    rates = []
    step = Learner.step

    def watched(self, batch, number, rate, extra):
        rates.append(rate)
        return step(self, batch, number, rate, extra)

    monkeypatch.setattr(distributed, "join", Second)
    monkeypatch.setattr(Learner, "step", watched)
    result = trainer(replace(QUICK, epochs=1000, minutes=60.0)).fit(lines(8))
    assert result.reason == "minutes"
    assert 6 <= len(rates) <= 8
    assert rates[-1] < 0.1 * max(rates), "its hour is nearly over"


def test_a_failure_of_mxnet_is_told_in_a_line(trainer, lines, monkeypatch):
    def exhausted(*_):
        raise mx.MXNetError("Traceback:\n  File x\nMXNetError: out of memory")

    monkeypatch.setattr(Learner, "step", exhausted)
    with pytest.raises(TrainingError, match=r"^MXNet failed: MXNetError: out of memory; .*smaller"):
        trainer().fit(lines(8))


def test_a_process_that_dies_at_once_is_an_error_of_training(trainer, lines, monkeypatch):
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(TrainingError, match="a process that makes batches has died"):
        trainer(replace(QUICK, workers=1)).fit(lines(8))


def test_a_checkpoint_of_another_version_is_refused(trainer, lines, tmp_path):
    trainer().fit(lines(8))
    path = tmp_path / "run" / "last.npz"
    arrays, numbers = read_checkpoint(path)
    write_checkpoint(path, arrays, {**numbers, "progress": {"stride": 1}})
    with pytest.raises(TrainingError, match="another version"):
        trainer().fit(lines(8))
