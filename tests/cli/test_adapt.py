"""Learning from pages without labels, on the command line."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from htrlib.bundle import load_bundle
from htrlib.cli import adapt, train
from htrlib.cli.main import main

PAGE = Path(__file__).parents[2] / "examples" / "data" / "letter.png"


@pytest.fixture
def fitted(monkeypatch):
    """The trainings that were asked for, none of which is run."""
    asked = []

    def fit(trainer, data, validation, output):
        asked.append((trainer, data, validation, output))
        return 0

    monkeypatch.setattr(train, "fit", fit)
    return asked


@pytest.fixture
def pages(tmp_path):
    folder = tmp_path / "pages"
    folder.mkdir()
    shutil.copy(PAGE, folder)
    return folder


def test_lines_that_are_read_with_confidence_are_trained_on(pages, tmp_path, fitted, capsys):
    output = tmp_path / "mine"
    assert main(["adapt", str(pages), "--output", str(output), "--minutes", "2"]) == 0
    ((trainer, data, validation, written),) = fitted
    assert validation is None and written == output  # readings cannot judge a reader
    assert (trainer.config.minutes, trainer.config.language_model) == (2.0, "keep")
    assert trainer.directory == tmp_path / "mine.training"
    assert len(data.lines) > 5
    assert f"{len(data.lines)} lines are read with a confidence of 0.6" in capsys.readouterr().out


def test_the_same_command_reads_no_page_again(pages, tmp_path, fitted, capsys):
    command = ["adapt", str(pages), "--output", str(tmp_path / "mine")]
    assert main(command) == 0
    (reading,) = (tmp_path / "mine.training" / "readings").rglob("*.xml")
    before = reading.stat().st_mtime_ns
    assert main(command) == 0
    assert reading.stat().st_mtime_ns == before
    assert len(fitted[0][1].lines) == len(fitted[1][1].lines)


def test_readings_of_other_pages_of_the_same_name_are_not_taken(pages, tmp_path, fitted):
    others = tmp_path / "others"
    others.mkdir()
    with Image.open(PAGE) as picture:
        Image.new("L", picture.size, 255).save(others / PAGE.name)
    for folder, status in ((pages, 0), (others, 2)):  # no line is found on a blank page
        assert main(["adapt", str(folder), "--output", str(tmp_path / "mine")]) == status
    assert len(fitted) == 1


def test_a_page_that_was_scanned_again_is_read_again(pages, tmp_path, fitted):
    command = ["adapt", str(pages), "--output", str(tmp_path / "mine")]
    assert main(command) == 0
    (reading,) = (tmp_path / "mine.training" / "readings").rglob("*.xml")
    before = reading.stat().st_mtime_ns
    os.utime(pages / PAGE.name, ns=(before + 1_000_000, before + 1_000_000))
    assert main(command) == 0
    assert reading.stat().st_mtime_ns > before


def test_pages_of_a_pdf_are_learned_from_as_they_are_rendered(tmp_path, fitted):
    scan = tmp_path / "scan.pdf"
    with Image.open(PAGE) as picture:
        page = picture.convert("L")
        lower = page.crop((0, page.height // 2, page.width, page.height))
        page.save(scan, save_all=True, append_images=[lower], resolution=300)
    assert main(["adapt", str(scan), "--output", str(tmp_path / "mine")]) == 0
    pages = {sample.source: sample for sample in fitted[0][1].pages}
    assert sorted(pages) == ["scan-1.page.xml", "scan-2.page.xml"]
    for page in pages.values():
        height, width = page.load_image().shape
        assert (page.size.width, page.size.height) == (width, height)
    assert pages["scan-2.page.xml"].size.height < pages["scan-1.page.xml"].size.height


def test_fewer_lines_have_more_confidence(pages, tmp_path, fitted):
    for confidence in ("0.5", "0.97"):
        options = ["--output", str(tmp_path / "mine"), "--confidence", confidence]
        assert main(["adapt", str(pages), *options]) == 0
    some, few = (len(data.lines) for _, data, _, _ in fitted)
    assert few < some


def test_a_page_that_cannot_be_read_fails_the_command_but_not_the_rest(pages, tmp_path, fitted):
    (pages / "broken.png").write_bytes(b"no picture")
    assert main(["adapt", str(pages), "--output", str(tmp_path / "mine")]) == 1
    assert len(fitted) == 1


def test_kinds_are_chosen_among_lines_that_were_read_before(tmp_path, fitted):
    form = PAGE.with_name("form.png")
    for options in ([], ["--kinds", "handwritten"]):
        assert main(["adapt", str(form), "--output", str(tmp_path / "mine"), *options]) == 0
    every, handwritten = ({line.line.kind for line in asked[1].lines} for asked in fitted)
    assert handwritten == {"handwritten"} < every


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-",), "- is read once"),
        ((str(PAGE), "--confidence", "1", "--run", "apart"), "none of the"),
        ((str(PAGE), "--epochs", "0"), "epochs"),
    ],
)
def test_mistakes_are_told_in_a_line(tmp_path, monkeypatch, fitted, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert main(["adapt", *arguments, "--output", "mine"]) == 2
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error
    assert not fitted


@pytest.mark.parametrize("text", ["60", "high"])
def test_a_confidence_is_a_share(capsys, text):
    with pytest.raises(SystemExit):
        main(["adapt", str(PAGE), "--output", "mine", "--confidence", text])
    assert f"must be between 0 and 1; found {text!r}" in capsys.readouterr().err


@pytest.mark.slow
def test_a_page_teaches_a_bundle_that_still_reads(pages, tmp_path, capsys):
    options = ["--epochs", "1", "--output", str(tmp_path / "mine"), "--device", "cpu"]
    assert main(["adapt", str(pages), *options]) == 0
    bundle = load_bundle(tmp_path / "mine")
    assert bundle.decoding == load_bundle("english").decoding  # readings do not tune it
    assert main(["transcribe", str(PAGE), "--bundle", str(tmp_path / "mine")]) == 0
    assert "the" in capsys.readouterr().out


def test_settings_are_those_of_a_training():
    from htrlib.training.config import TrainerConfig

    assert TrainerConfig.from_dict(adapt.SETTINGS).language_model == "keep"
