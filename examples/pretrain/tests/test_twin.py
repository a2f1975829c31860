"""The recognizer's twin in PyTorch: `train_twin.py` and its modules."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import htrlib
from htrlib.bundle import load_bundle, write_bundle
from htrlib.document.charset import Charset
from htrlib.document.geometry import Box
from htrlib.document.results import TextLine
from htrlib.images.line_strips import cut_line, line_strip


@pytest.fixture
def twin(script):
    return script("twin")


@pytest.fixture
def training(script, tmp_path):
    """A training of fresh weights in the shape of the bundled recognizer, by one process."""
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path / 'group'}", rank=0, world_size=1
    )
    module = script("twin_training")
    charset = Charset(tuple(script("texts").CHARACTERS))
    shape = script("train_twin").shape_for(charset, load_bundle("english"))
    torch.manual_seed(1)
    yield module.Training(tmp_path, charset, module.Schedule(end=0.0), 0, shape)
    torch.distributed.destroy_process_group()


def test_weights_return_from_a_bundle_as_they_went(twin):
    first, second = (twin.TwinRecognizer(twin.RecognizerConfig(9)) for _ in range(2))
    parameters = twin.parameters_for_bundle(first.state_dict())
    returned = twin.state_from_bundle(second, parameters)
    for name, value in first.state_dict().items():
        if not name.startswith("extra_head"):
            assert torch.equal(returned[name], value), name
    assert not any(name.startswith("extra_head") for name in parameters)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
def test_dropout_keeps_the_mean_and_drops_its_share(twin, share):
    torch.manual_seed(1)
    dropout = twin.Dropout(share)
    x = torch.ones(64, 1000, requires_grad=True)
    y = dropout(x)
    y.sum().backward()
    assert float((y == 0).float().mean()) == pytest.approx(share, abs=0.01)
    assert float(y.detach().mean()) == pytest.approx(1.0, abs=0.02)
    assert torch.equal(x.grad, y.detach())
    assert share == 0.0 or not torch.equal(dropout(x), y.detach()), (
        "it drops the same numbers again"
    )
    dropout.eval()
    assert torch.equal(dropout(x), x)


def test_the_second_head_stays_out_of_the_loss_of_a_training_that_goes_on(training):
    training.start_from(load_bundle("english"))
    ink = torch.zeros(2, 1, 64, 128, dtype=torch.uint8)
    frames, lengths = torch.full((2,), 32), torch.full((2,), 1)
    before = training.model.extra_head.weight.clone()
    training.step((ink, frames, torch.tensor([3, 4]), lengths))
    assert training.model.extra_head.weight.grad is None
    assert torch.equal(training.model.extra_head.weight, before)


def test_the_twin_reads_as_the_library_does_with_the_same_weights(twin, script, training, tmp_path):
    training.save()
    base = tmp_path / "base"
    numbers = load_bundle("english").network_config("line-recognition")
    old = load_bundle("english")
    write_bundle(
        base,
        {"name": "b", "version": "0", "decoding": {}, "networks": {"line-recognition": numbers}},
        old.charset,
        {"line-recognition": old.parameters("line-recognition")},
    )
    last = tmp_path / "last.pt"
    script("twin_bundle").main([str(base), str(tmp_path / "new"), str(last), "--version=2"])
    bundle = load_bundle(tmp_path / "new")
    assert bundle.charset == training.charset
    page = np.full((80, 400), 255, np.uint8)
    page[30:34, 40:300:7] = 0
    line = TextLine(Box(30, 20, 320, 60))
    said = htrlib.recognize_line(page, line, bundle=bundle).values
    ink = cut_line(page, line_strip(line), 64)
    model = training.average.eval()
    with torch.no_grad():
        logits, _ = model(torch.from_numpy(ink[None, None] / np.float32(255)))
    ours = torch.log_softmax(logits[0], -1).numpy()
    np.testing.assert_allclose(said, ours[: len(said)], atol=0.02)  # weights are float16 there


def test_a_share_of_the_base_stays_in_the_new_weights(script, twin, training, tmp_path):
    training.save()
    base = load_bundle("english")
    made = {}
    for share in ("0", "1", "0.25"):
        output = tmp_path / share
        arguments = [str(base.directory), str(output), str(tmp_path / "last.pt")]
        script("twin_bundle").main([*arguments, f"--share={share}"])
        made[share] = load_bundle(output).parameters("line-recognition")
    kept = base.parameters("line-recognition")["rnn1._unfused.0.l_cell.h2h_weight"]
    parts = {n: p["rnn1._unfused.0.l_cell.h2h_weight"] for n, p in made.items()}
    np.testing.assert_allclose(parts["0"], kept, atol=1e-3)
    expected = 0.25 * parts["1"] + 0.75 * kept
    np.testing.assert_allclose(parts["0.25"], expected, atol=1e-2)


def test_a_grown_charset_leaves_what_was_known_as_it_was(script, training):
    grown = script("twin_training").grown
    old = Charset(("c", "½", "·"))
    new = Charset((*old.symbols, "¢", "¼"))
    weight = np.arange(8, dtype=np.float32).reshape(4, 2)
    bias = np.arange(4, dtype=np.float32)
    made = grown({"head.weight": weight, "head.bias": bias}, old, new)
    np.testing.assert_array_equal(made["head.weight"][[0, 1, 2, 5]], weight)
    np.testing.assert_array_equal(made["head.weight"][[3, 4]], weight[:2])
    np.testing.assert_array_equal(made["head.bias"][[0, 1, 2, 5]], bias)
    assert (made["head.bias"][3:5] < bias[:2]).all()
    with pytest.raises(ValueError, match="must begin with the old one"):
        grown({"head.weight": weight, "head.bias": bias}, old, Charset(("½", "c", "·")))


def test_the_learning_rate_warms_up_stays_and_falls(script):
    schedule = script("twin_training").Schedule(end=0.0, peak=1.0, flat=0.4)
    assert schedule.rate(0.0, 0) < 0.01
    assert schedule.rate(0.1, 1000) == schedule.rate(0.4, 1000) == 1.0
    falling = [schedule.rate(done, 1000) for done in (0.4, 0.6, 0.8, 1.0, 1.2)]
    assert falling == sorted(falling, reverse=True)
    assert falling[-1] == falling[-2] == pytest.approx(0.01)


def test_a_resumed_training_has_all_that_was_saved(script, training, tmp_path):
    with torch.no_grad():
        training.average.head.bias.add_(1.0)
    training.progress.step = 7
    training.save()
    module = script("twin_training")
    again = module.Training(tmp_path, training.charset, training.schedule, 0, training.config)
    assert again.resume()
    assert again.progress == training.progress
    assert torch.equal(again.average.head.bias, training.average.head.bias)
    assert not torch.equal(again.average.head.bias, again.model.head.bias)


def test_the_mean_of_states_is_that_of_their_weights(twin):
    first, second = {"a": torch.tensor([1.0])}, {"a": torch.tensor([4.0])}
    assert twin.mean_state([first, second])["a"].item() == 2.5


def test_a_training_may_end_after_midnight(script, monkeypatch):
    train_twin = script("train_twin")
    evening = train_twin.time.mktime((2026, 3, 3, 23, 30, 0, 0, 0, -1))
    monkeypatch.setattr(train_twin.time, "time", lambda: evening)
    monkeypatch.setattr(train_twin.time, "localtime", lambda: (2026, 3, 3, 23, 30, 0, 0, 0, -1))
    assert train_twin.seconds_of("23:45") - evening == 15 * 60
    assert train_twin.seconds_of("23:20") - evening == -10 * 60  # resumed when it is over
    assert train_twin.seconds_of("01:00") - evening == 90 * 60


def test_the_whole_command_learns_from_cut_lines_and_goes_on(script, tmp_path, monkeypatch):
    train_twin, store = script("train_twin"), script("line_store")
    rng = np.random.default_rng(0)
    lines = [
        store.CutLine(rng.integers(0, 256, (96, 200)).astype(np.uint8), "a red door", "p")
        for _ in range(8)
    ]
    (tmp_path / "lines").mkdir()
    for split in ("train", "validation"):
        store.save(tmp_path / "lines" / f"copiste_{split}", lines)
    monkeypatch.setattr(
        train_twin,
        "drawings",
        lambda *_, held: {"hand": lambda rng: (np.asarray(lines[0].ink), "a red door")},
    )
    monkeypatch.setattr(train_twin, "VALIDATED", 2)
    mixture = tmp_path / "mixture.json"
    mixture.write_text(json.dumps({"shares": {"real": 1, "hand": 1}, "columns": 512}))
    monkeypatch.setattr(train_twin, "seconds_of", lambda _: train_twin.time.time() + 2)
    command = [f"--lines={tmp_path / 'lines'}", "--fonts=f", "--texts=t", "--until=00:00"]
    command += [f"--mixture={mixture}", f"--out={tmp_path / 'out'}"]
    for _ in range(2):
        train_twin.main(command)
    rows = [json.loads(row) for row in (tmp_path / "out" / "log.jsonl").read_text().splitlines()]
    ends = [row["step"] for row in rows if "copiste" in row]
    assert len(ends) >= 2
    assert ends[-1] > ends[0] > 0
