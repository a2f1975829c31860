from __future__ import annotations

import io
import json
import os
import shutil
import signal
import socket
import tarfile
import time

import pytest
from PIL import Image

from htrlib import data
from htrlib.bundle import load_bundle, write_bundle
from htrlib.data.corrected_pages import CorrectedLine, CorrectedPage
from htrlib.document.charset import Charset
from htrlib.document.geometry import Box, Size
from htrlib.document.results import TextLine
from htrlib.engines.mxnet.building import build
from htrlib.engines.mxnet.runner import get_parameters
from htrlib.formats.page_editing import Stamp, write_page_file
from htrlib.sagemaker import training_job
from htrlib.sagemaker.training_job import main
from htrlib.training.checkpoint import read_checkpoint
from tests.training.conftest import TINY, make_lines

LABELER = {"num_labels": 1, "channels": [4, 6]}
QUICK = {
    **{"epochs": "1", "workers": "0", "batch_columns": "256", "batch_crops": "1"},
    **{"crops_per_page": "1", "device": "cpu"},
}


@pytest.fixture
def bundle(tmp_path):
    """A complete bundle of tiny networks."""
    charset = Charset.from_text("acdektnor ")
    networks = {
        "line-recognition": {**TINY, "num_classes": len(charset) + 1},
        "line-segmentation": {**LABELER, "num_labels": 2},
        "paragraph": LABELER,
    }
    parameters = {}
    for name, numbers in networks.items():
        block = build(name, numbers)
        block.initialize()
        parameters[name] = get_parameters(block)
    config = {"name": "tiny", "version": "3", "networks": networks}
    write_bundle(tmp_path / "tiny", config, charset, parameters)
    return tmp_path / "tiny"


@pytest.fixture
def job(tmp_path, bundle):
    """Writes a folder like /opt/ml, with lines in the channel train."""
    root = tmp_path / "ml"

    def write(hosts=("algo-1",), channels=None, **hyperparameters):
        config = root / "input" / "config"
        config.mkdir(parents=True, exist_ok=True)
        values = {"init": str(bundle), **QUICK, **hyperparameters}
        files = {
            "hyperparameters": {name: value for name, value in values.items() if value is not None},
            "inputdataconfig": channels or {"train": {"TrainingInputMode": "File"}},
            "resourceconfig": {"current_host": hosts[0], "hosts": list(hosts)},
        }
        for name, content in files.items():
            (config / f"{name}.json").write_text(json.dumps(content))
        return root

    texts = ("a red cat", "an oak door", "on and on", "no road")
    data.write_lines_folder(make_lines(12, texts=3 * texts), root / "input" / "data" / "train")
    (root / "model").mkdir()
    return write


def channel(root, name):
    folder = root / "input" / "data" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def train(root):
    return main(["--root", str(root)])


@pytest.mark.slow
def test_lines_become_a_whole_bundle_and_the_same_job_goes_on(job, capsys, monkeypatch):
    monkeypatch.setenv("TRAINING_JOB_NAME", "hands-of-anna")
    root = job(task="line-recognition", **{"learning-rate": "0.002"})
    assert train(root) == 0
    out = capsys.readouterr().out
    assert "validation_cer=" in out
    assert not (root / "output" / "failure").exists()
    result = load_bundle(root / "model")
    assert result.label == "hands-of-anna 1"
    assert result.config["training"]["init"] == "tiny 3"
    assert set(result.config["networks"]) == {
        *("line-recognition", "line-segmentation", "paragraph")
    }
    history = json.loads((root / "model" / "history.json").read_text(encoding="utf-8"))
    assert [epoch["epoch"] for epoch in history] == list(range(1, len(history) + 1))
    assert all(epoch["validation_cer"] >= 0 for epoch in history)
    kept = {path.name for path in (root / "checkpoints").iterdir()}
    assert kept == {"last.npz", "best.npz", "log.jsonl", "events"}

    (root / "model" / "code").mkdir()
    (root / "model" / "code" / "inference.py").touch()
    assert train(root) == 0
    assert "going on after step" in capsys.readouterr().out
    assert not (root / "model" / "code").exists(), "the old model's"


def test_the_curve_of_a_training_is_the_last_entry_of_each_epoch(tmp_path):
    log = tmp_path / "log.jsonl"
    assert training_job._history(log) == []
    rows = [
        {"event": "steps", "step": 3, "train_loss": 1.0},
        {"event": "epoch", "epoch": 1, "step": 5, "validation_cer": 0.5},
        {"event": "epoch", "epoch": 2, "step": 9, "validation_cer": 0.4},
        {"event": "epoch", "epoch": 2, "step": 10, "validation_cer": 0.3},  # after a restart
    ]
    log.write_text("".join(f"{json.dumps(row)}\n" for row in rows) + '{"event": "ep')
    assert training_job._history(log) == [
        {"epoch": 1, "step": 5, "validation_cer": 0.5},
        {"epoch": 2, "step": 10, "validation_cer": 0.3},
    ]


@pytest.mark.slow
@pytest.mark.parametrize("task", ["line-segmentation", "paragraph"])
def test_the_networks_that_find_writing_are_trained_on_pages(job, task):
    root = job(task=task, channels={"training": {}, "validation": {}})
    lines = channel(root, "train")
    for path in lines.iterdir():
        path.unlink()
    lines.rename(lines.with_name("training"))
    pages = {"a.png": {"lines": [{"text": "ad", "box": [20, 20, 500, 80]}]}}
    for name in ("training", "validation"):
        Image.effect_noise((600, 400), 40).save(channel(root, name) / "a.png")
        (channel(root, name) / "pages.json").write_text(json.dumps(pages))
    assert train(root) == 0
    assert load_bundle(root / "model").config["training"]["network"] == task


@pytest.mark.slow
@pytest.mark.parametrize("place", ["images", "train"])
def test_pictures_that_a_manifest_has_in_s3_are_found_by_their_name(job, place, capsys):
    channels = {"train": {}, "images": {}} if place == "images" else None
    root = job(channels=channels, share="0.75")
    folder = channel(root, "train")
    for path in folder.iterdir():
        path.unlink()
    rows = []
    for number in range(4):
        name = f"{number}.png"
        Image.effect_noise((300, 80), 40).save(channel(root, place) / name)
        corners = [{"x": x, "y": y} for x, y in ((5, 5), (290, 5), (290, 75), (5, 75))]
        text = {"text": "a red cat", "line_num": "1", "type": "handwritten", "bb": corners}
        label = {"label": {"texts": [text]}, "label-metadata": {"type": "groundTruth/custom"}}
        rows.append(json.dumps({"source-ref": f"s3://bucket/scans/{name}", **label}))
    (folder / "output.manifest").write_text("\n".join(rows))
    assert train(root) == 0, (root / "output" / "failure").read_text()
    assert "line-recognition: 3 lines to train on, 1 to validate on" in capsys.readouterr().out


@pytest.mark.parametrize("reference", ["images/0.png", "s3://bucket/images/0.png"])
def test_each_of_several_manifests_has_its_own_pictures(job, reference):
    root = job()
    for path in channel(root, "train").iterdir():
        path.unlink()
    for name in ("a", "b"):
        folder = channel(root, "train") / name
        (folder / "images").mkdir(parents=True)
        Image.new("L", (300, 80), 255).save(folder / "images" / "0.png")
        corners = [{"x": x, "y": y} for x, y in ((5, 5), (290, 5), (290, 75), (5, 75))]
        text = {"text": name, "line_num": "1", "type": "handwritten", "bb": corners}
        label = {"label": {"texts": [text]}, "label-metadata": {"type": "groundTruth/custom"}}
        (folder / "output.manifest").write_text(json.dumps({"source-ref": reference, **label}))
    read = training_job.read_job(training_job.Folders(root), root / "scratch")
    pages = [page for f, p in read.train for page in data.load(f, p, images=read.images).pages]
    assert [(page.text, page.image.parent.parent.name) for page in pages] == [
        ("a", "a"),
        ("b", "b"),
    ]


def pack(archive, **files):
    with tarfile.open(archive, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


@pytest.mark.slow
@pytest.mark.parametrize("folder", [".", "./hands"])
def test_a_training_begins_with_what_another_job_has_left(job, bundle, folder):
    root = job(channels={"train": {}, "init": {}}, init=None)
    files = {f"{folder}/{path.name}": path.read_bytes() for path in bundle.iterdir()}
    pack(channel(root, "init") / "model.tar.gz", **files)
    assert train(root) == 0
    assert load_bundle(root / "model").config["training"]["init"] == "tiny 3"


def test_an_archive_puts_nothing_outside_its_folder(job, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    root = job(channels={"train": {}, "init": {}})
    pack(channel(root, "init") / "model.tar.gz", **{"../outside": b"", f"{tmp_path}/outside": b""})
    assert train(root) == 1
    assert "leads out of the folder" in (root / "output" / "failure").read_text()
    assert not list(tmp_path.rglob("outside"))


@pytest.mark.slow
def test_texts_may_be_json_and_what_tools_add_is_passed_over(job):
    added = {"sagemaker_region": '"eu-west-1"', "_tuning_objective_metric": "validation_cer"}
    assert train(job(task='"line-recognition"', format='"lines"', **added)) == 0


@pytest.mark.parametrize(
    ("hyperparameters", "reason"),
    [
        ({"epochs": "many"}, "epochs must be of type int, found 'many'"),
        ({"lerning_rate": "1"}, "unknown training option lerning_rate; known: augmentation"),
        ({"task": "reading"}, "unknown task 'reading'; choose line-recognition"),
        ({"share": "most"}, "share must be a number between 0 and 1, found 'most'"),
        ({"format": "docx"}, "unknown data format 'docx'; choose alto"),
        ({"format": "csv"}, "holds no csv data; it has 24 files"),
        ({"option.level": "lines"}, "lines has no option 'level'; it has none"),
        ({"init": "none"}, "start from a bundle, with charset=data"),
        ({"init": "spanish"}, "no bundle 'spanish'"),
        ({"device": "gpu:17"}, "gpu:17"),
        ({"epochs": 3}, "hyperparameter epochs must be a string, found 3"),
        (
            {"channels": {"test": {}}},
            "unknown channel 'test'; rename it to one of train, validation",
        ),
        ({"channels": {"validation": {}}}, "the channel validation has no folder"),
        (
            {"channels": {"train": {}, "training": {}}},
            "the channels train and training both have the data of train",
        ),
        (
            {"channels": {"train": {"TrainingInputMode": "Pipe"}}},
            "train has the input mode Pipe; use File or FastFile",
        ),
        (
            {"channels": {"train": {"S3DistributionType": "ShardedByS3Key"}}},
            "each host needs all of the data, so use FullyReplicated",
        ),
    ],
)
def test_mistakes_are_told_in_plain_words(job, hyperparameters, reason, capsys):
    root = job(**hyperparameters)
    assert train(root) == 1
    failure = (root / "output" / "failure").read_text()
    assert reason in failure[:1024]
    assert "Traceback" not in failure + capsys.readouterr().err
    assert not any((root / "model").iterdir())


def test_a_name_that_is_no_text_is_told_and_what_failed_before_is_forgotten(job):
    root = job()
    (root / "output").mkdir()
    failure = root / "output" / "failure"
    failure.write_text("an earlier one")
    folder = root / "input" / "data" / "train"
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / os.fsdecode(b"\xe9.dat")).touch()
    assert train(root) == 1
    assert "\\udce9.dat" in failure.read_text()


def test_a_bundle_that_lacks_a_network_is_not_begun_with(job, tiny_bundle):
    root = job(init=str(tiny_bundle))
    assert train(root) == 1
    assert "lacks line-segmentation, paragraph" in (root / "output" / "failure").read_text()


def test_want_of_memory_is_told_as_such(job, monkeypatch, capsys):
    def full(*_):
        raise MemoryError

    monkeypatch.setattr("htrlib.sagemaker.training_job.find", full)
    root = job()
    assert train(root) == 1
    assert (root / "output" / "failure").read_text().startswith("out of memory; take a machine")
    assert "Traceback" not in capsys.readouterr().err


def test_an_error_of_our_own_is_told_as_such(job, monkeypatch, capsys):
    monkeypatch.setattr("htrlib.sagemaker.training_job.find", lambda *_: {}["no"])
    root = job()
    assert train(root) == 1
    failure = (root / "output" / "failure").read_text()
    assert failure == "an error of htrlib itself, KeyError: 'no'; see the log"
    assert "Traceback" in capsys.readouterr().err


@pytest.fixture
def start(launch):
    """Start a training as the container does."""
    return lambda root, **variables: launch(
        "htrlib.sagemaker.training_job", "--root", root, **variables
    )


def test_sigterm_leaves_a_bundle_and_the_training_goes_on_from_there(job, start):
    root = job(epochs="500", checkpoint_minutes="0", patience="none")
    process = start(root)
    last = root / "checkpoints" / "last.npz"
    for _ in range(45000):  # a quarter of an hour: machines can be busy
        if last.exists() or process.poll() is not None:
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate()
    assert process.returncode == 0, out
    assert "ended by interrupted" in out
    reached = read_checkpoint(last)[1]["progress"]["step"]
    assert reached >= 1
    assert load_bundle(root / "model").config["training"]["steps"] == reached

    again = start(job(epochs="1", checkpoint_minutes="0"))
    out, _ = again.communicate()
    assert again.returncode == 0
    assert f"going on after step {reached}" in out


def test_sigterm_before_the_first_step_ends_it_too(job, monkeypatch, capsys):
    monkeypatch.setattr(
        "htrlib.sagemaker.training_job.find", lambda *_: os.kill(os.getpid(), signal.SIGTERM)
    )
    handler = signal.getsignal(signal.SIGTERM)
    root = job()
    assert train(root) == 0
    assert "stopped when no step was under way" in capsys.readouterr().out
    assert not (root / "output").exists()
    assert signal.getsignal(signal.SIGTERM) is handler


@pytest.mark.slow
def test_sigterm_while_decoding_is_fitted_leaves_a_bundle_without_that(job, monkeypatch):
    from htrlib.training import tuning

    monkeypatch.setattr(tuning, "refit", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    root = job()
    assert train(root) == 0
    assert load_bundle(root / "model").config["decoding"] == {}


def test_two_hosts_train_together_and_one_of_them_leaves_the_bundle(job, start):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    hosts = ("127.0.0.1", "localhost")
    root = job(hosts, epochs="2")
    other = root.with_name("other")
    (other / "input" / "config").mkdir(parents=True)
    (other / "input" / "data").symlink_to(root / "input" / "data")
    for path in (root / "input" / "config").iterdir():
        content = json.loads(path.read_text())
        if "hosts" in content:
            content["network_interface_name"] = "lo"
            path.write_text(json.dumps(content))
            content["current_host"] = hosts[1]
        (other / "input" / "config" / path.name).write_text(json.dumps(content))
    processes = [start(place, DMLC_PS_ROOT_PORT=str(port)) for place in (root, other)]
    outs = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outs
    telling = ["validation_cer=" in out for out in outs]
    assert sorted(telling) == [False, True]  # MXNet chooses which
    places = (root, other)
    assert load_bundle(places[telling.index(True)] / "model").config["training"]["steps"] >= 2
    silent = places[telling.index(False)] / "model"
    assert not silent.exists() or not any(silent.iterdir())


def test_of_labels_of_a_review_those_are_learned_that_somebody_confirmed(job, tmp_path):
    """Labels in the channel train, pictures in the channel images, as the guide has it."""
    root = job(format="review")
    shutil.rmtree(channel(root, "train"))
    file = channel(root, "train") / "a.xml"
    lines = tuple(
        CorrectedLine(text, text, TextLine(Box(5, top, 90, top + 15)), confirmed=text == "sure")
        for text, top in (("sure", 20), ("guess", 50))
    )
    page = CorrectedPage(Size(200, 100), lines)
    file.write_bytes(write_page_file(None, page, "a.png", Stamp("Anna", "in work"), file))
    Image.new("L", (200, 100), 255).save(channel(root, "images") / "a.png")
    read = training_job.read_job(training_job.Folders(root), tmp_path)
    ((format, path),) = read.train
    dataset = data.load(format, path, images=read.images)
    assert [line.text for line in dataset.lines] == ["sure"]
