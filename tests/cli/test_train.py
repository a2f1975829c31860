from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import pytest
from PIL import Image

from htrlib.bundle import load_bundle
from htrlib.cli.main import main
from htrlib.cli.training_options import field_descriptions
from htrlib.engines.port import NETWORKS
from htrlib.errors import NonFiniteLossError
from htrlib.training.config import TrainerConfig


@pytest.fixture
def folder(tmp_path):
    """Lines with the texts "ab" and "c"."""
    for number in range(6):
        Image.new("L", (90, 30), 200 + number).save(tmp_path / f"{number}.png")
        (tmp_path / f"{number}.txt").write_text("ab" if number % 2 else "c")
    return tmp_path


@pytest.fixture
def htr(folder, tiny_bundle):
    def htr(*arguments):
        return main(
            [
                *("train", "line-recognition", "--init", str(tiny_bundle), "--device", "cpu"),
                *("--epochs", "1", "--workers", "0", "--output", str(folder / "new")),
                *map(str, arguments),
            ]
        )

    return htr


@pytest.fixture
def tiny_bundle(tiny_bundle):
    """That of the other tests has no numbers of its input."""
    from htrlib.bundle import write_bundle

    bundle = load_bundle(tiny_bundle)
    numbers = dict(bundle.network_config("line-recognition"))
    numbers.update(height=16, max_width=256)
    parameters = {"line-recognition": bundle.parameters("line-recognition")}
    config = {"name": "tiny", "version": "8", "networks": {"line-recognition": numbers}}
    write_bundle(tiny_bundle, config, bundle.charset, parameters)
    return tiny_bundle


@pytest.mark.slow
def test_a_bundle_is_trained_and_the_same_command_finds_it_done(folder, htr, capsys):
    assert htr("--train", "lines", folder) == 0
    out = capsys.readouterr().out
    assert "validation_cer=" in out
    assert f"{folder / 'new'}: 1 steps" in out
    assert load_bundle(folder / "new").config["training"]["init"] == "tiny 8"
    assert htr("--train", "lines", folder) == 0
    out = capsys.readouterr().out
    assert "going on after step 1" in out
    assert "validation_cer=" not in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--train", "lines", "nowhere"), "nowhere: there is no such file or folder"),
        (("--train", "words", "nowhere"), "unknown data format 'words'"),
        (("--train", "lines", "{}", "--learning-rate", "-1"), "learning_rate must be above 0"),
        (
            ("--train", "lines", "{}", "--epochs", "many"),
            "epochs must be of type int, found 'many'",
        ),
        (("--train", "lines", "{}", "--set", "dropout"), "--set takes NAME=VALUE"),
        (("--train", "lines", "{}", "--set", "drop=1"), "unknown training option drop"),
        (
            ("--train", "lines", "{}", "--set", 'augmentation={{"slant": 9}}'),
            "slant of an augmentation must be from 0 to 1, found 9.0",
        ),
        (("--train", "lines", "{}", "--output", "{}"), "exists and is not a bundle"),
        (("--train", "lines", "{}", "--init", "nothing"), "no bundle 'nothing'"),
        (("--train", "lines", "{}", "--device", "tpu"), "a device must be"),
        (("--train", "lines", "{}", "--share", "1.5"), "the fraction must be between 0 and 1"),
    ],
)
def test_mistakes_are_told_in_a_line(folder, htr, capsys, arguments, message):
    assert htr(*(argument.format(folder) for argument in arguments)) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_every_task_of_the_trainer_is_offered():
    from htrlib.training import trainer

    assert set(NETWORKS) == set(trainer.TASKS)


def test_the_help_says_the_defaults_of_the_configuration(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    config, described = TrainerConfig(), field_descriptions(TrainerConfig)
    assert set(described) == {field.name for field in dataclasses.fields(TrainerConfig)}
    for name in ("epochs", "patience", "learning_rate", "batch_columns", "seed"):
        option = f"--{name.replace('_', '-')} N "
        told = shown.rpartition(option)[2]
        assert told.startswith(described[name].split(";")[0])
        assert told.partition("(default: ")[2].startswith(f"{getattr(config, name):g})")


def test_every_field_of_the_configuration_is_an_option(folder, htr):
    options = ("--dropout", "0.2", "--augmentation", "off", "--freeze-batch-statistics", "on")
    assert htr("--train", "lines", folder, *options) == 0
    trained = load_bundle(folder / "new").config["training"]
    assert trained


@pytest.mark.slow
def test_a_validation_split_alone_is_one_of_the_training_data(folder, htr, capsys):
    with (folder / "lines.csv").open("w") as file:
        file.write("image,text,split\n")
        for number in range(6):
            split = "held" if number == 5 else "train"
            file.write(f"{number}.png,{'ab' if number % 2 else 'c'},{split}\n")
    path = folder / "lines.csv"
    for more in (["--split", "train"], []):
        run = ["--run", folder / f"run{len(more)}"]
        assert htr("--train", "csv", path, *more, "--validation-split", "held", *run) == 0
        assert "5 lines to train on, 1 to validate on" in capsys.readouterr().out
    assert htr("--train", "lines", folder, "--validation-split", "held") == 2
    assert "name one with split" in capsys.readouterr().err
    path.write_text(path.read_text().replace("0.png,c,train", "0.png,c,test"))
    assert htr("--train", "csv", path, "--validation-split", "held") == 2
    assert "several others (test, train); name the one" in capsys.readouterr().err


@pytest.mark.parametrize(("best", "written"), [(0.25, 1), (None, 0)])
def test_an_interrupted_training_writes_the_best_so_far(tmp_path, capsys, best, written):
    from htrlib.cli.train import fit

    saved = []
    result = SimpleNamespace(reason="interrupted", steps=3, best=best)
    trainer = SimpleNamespace(
        first=True,
        fit=lambda train, validation: result,
        save=lambda output, refit: saved.append((output, refit)),
    )
    assert fit(trainer, None, None, tmp_path / "new") == 130
    assert saved == [(tmp_path / "new", False)] * written
    out = capsys.readouterr().out
    assert "stopped after 3 steps; repeat the command to resume" in out
    assert ("the best so far, validation score 0.2500" in out) == bool(written)


def test_a_training_that_a_loss_ends_writes_the_best_so_far(tmp_path, capsys):
    from htrlib.cli.train import fit

    def failing(train, validation):
        raise NonFiniteLossError(3, 5)

    saved = []
    trainer = SimpleNamespace(
        first=True,
        fit=failing,
        save=lambda output, refit: saved.append((output, refit)),
        result=SimpleNamespace(best=0.25),
    )
    with pytest.raises(NonFiniteLossError):
        fit(trainer, None, None, tmp_path / "new")
    assert saved == [(tmp_path / "new", False)]
    assert "the best so far, validation score 0.2500" in capsys.readouterr().out


def test_a_run_in_the_folder_of_the_bundle_is_refused_at_once(tmp_path, capsys):
    output = tmp_path / "out"
    command = [
        "train",
        "line-recognition",
        "--train",
        "lines",
        str(tmp_path),
        "--output",
        str(output),
    ]
    for run in (output, output / "run"):
        assert main([*command, "--run", str(run)]) == 2
        assert "name another folder" in capsys.readouterr().err
