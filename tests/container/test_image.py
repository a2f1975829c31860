"""The image, built and run."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Dict, Mapping

import pytest
from rapidfuzz.distance import Levenshtein

import htrlib
from htrlib import data
from htrlib.bundle import BUNDLED, DEFAULT
from tests.container.running import ENGINE, IMAGE, LOCKED, NO_IMAGE, TRAINS, Run, ask, mount
from tests.training.conftest import make_lines

LARGEST = 1_600_000_000  # bytes
SLOWEST = 10.0  # seconds from the start to the first answer
PAGE = Path(__file__).resolve().parents[2] / "examples" / "data" / "letter.png"

pytestmark = pytest.mark.skipif(not IMAGE, reason=NO_IMAGE)
trains = pytest.mark.skipif(not TRAINS, reason="this image reads, and cannot train")


def read_page(address: str, accept: str) -> str:
    status, answer = ask(
        f"{address}/invocations", PAGE.read_bytes(), Content_Type="image/png", Accept=accept
    )
    assert status == 200, answer
    return answer


def assert_read_as_here(text: str) -> None:
    """Two characters may differ: the image's version of ONNX Runtime adds up 8-bit products in
    another order than the one installed here, which decides between texts that are as likely."""
    here = htrlib.transcribe(PAGE).text.strip()
    assert Levenshtein.distance(text.strip(), here) <= 2, f"{text}\nand here\n{here}"


def write_job(root: Path, hyperparameters: Mapping[str, str]) -> None:
    """The /opt/ml that SageMaker prepares: a few training lines and hyperparameters."""
    texts = ("a red cat", "an oak door", "on and on", "no road")
    data.write_lines_folder(make_lines(16, texts=4 * texts), root / "input" / "data" / "train")
    files: Dict[str, object] = {
        "hyperparameters": hyperparameters,
        "inputdataconfig": {"train": {"TrainingInputMode": "File"}},
        "resourceconfig": {"current_host": "algo-1", "hosts": ["algo-1"]},
    }
    (root / "input" / "config").mkdir()
    for name, content in files.items():
        path = root / "input" / "config" / f"{name}.json"
        path.write_text(json.dumps(content), encoding="utf-8")
    (root / "model").mkdir()


@pytest.mark.parametrize("user", ["0:0", "1000:1000"])
def test_it_serves_what_the_library_reads_and_ends_when_told(run: Run, user: str) -> None:
    for _ in range(3):  # other work on the machine may slow down one start
        container, address = run.serve(*LOCKED, "--user", user)
        text = read_page(address, "text/plain")
        seconds = time.monotonic() - container.begun
        sys.stdout.write(f"\nuser {user}: {seconds:.1f} s from start to first answer\n")
        if seconds <= SLOWEST:
            break
        assert container.end() == 0, container.log.read_text()
    assert seconds <= SLOWEST
    assert_read_as_here(text)
    status, answer = ask(f"{address}/invocations", b"no picture", Content_Type="image/png")
    assert status == 400
    assert "Traceback" not in answer
    assert container.end() == 0, container.log.read_text()


def test_it_serves_several_models(run: Run, folder: Path) -> None:
    shutil.copytree(BUNDLED / DEFAULT, folder / "ida" / "model")
    several = ("--env", "SAGEMAKER_MULTI_MODEL=true", *mount(folder, "/opt/ml/models"))
    container, address = run.serve(*LOCKED, *several)
    wanted = {"model_name": "ida", "url": "/opt/ml/models/ida/model"}
    status, answer = ask(f"{address}/models", json.dumps(wanted).encode())
    assert status == 200, answer
    headers = {"Content_Type": "image/png", "Accept": "text/plain"}
    status, answer = ask(f"{address}/models/ida/invoke", PAGE.read_bytes(), **headers)
    assert status == 200, answer
    assert_read_as_here(answer)
    assert container.end() == 0, container.log.read_text()


def test_it_reviews_a_folder_and_writes_beside_its_pictures(run: Run, folder: Path) -> None:
    shutil.copyfile(PAGE, folder / "letter.png")
    folder.chmod(0o777)
    container, address = run.review(folder, "secret", *LOCKED, "--user", "1000:1000")
    assert ask(f"{address}/api/overview")[0] == 401
    while not (folder / "letter.xml").is_file():
        status, answer = ask(f"{address}/api/overview", Cookie="htr-review=secret")
        assert status == 200, answer
        overview = json.loads(answer)
        assert not overview["counts"]["problem"], answer
        assert not overview["reading"]["problem"], answer
        time.sleep(0.2)
    status, answer = ask(f"{address}/api/pages/letter.png", Cookie="htr-review=secret")
    texts = [line["text"] for line in json.loads(answer)["lines"]]
    assert_read_as_here("\n".join(texts))
    assert container.end() == 0, container.log.read_text()


@trains
def test_it_trains_and_serves_what_it_has_trained(run: Run, folder: Path) -> None:
    write_job(folder, {"task": "line-recognition", "epochs": "1", "batch_columns": "2048"})
    options = (*LOCKED, *mount(folder, "/opt/ml"), "--env", "TRAINING_JOB_NAME=hands-of-anna")
    status, log = run("train", options=options).wait()
    assert status == 0, log
    assert "validation_cer=" in log
    assert (folder / "checkpoints" / "last.npz").is_file()

    container, address = run.serve(*LOCKED, *mount(folder / "model", "/opt/ml/model"))
    answer = json.loads(read_page(address, "application/json"))
    assert answer["model"] == {"name": "hands-of-anna", "version": "1"}
    assert container.end() == 0


@pytest.mark.skipif(TRAINS, reason="this image trains")
def test_without_mxnet_a_training_job_says_what_is_missing(run: Run, folder: Path) -> None:
    write_job(folder, {"epochs": "1"})
    status, log = run("train", options=(*LOCKED, *mount(folder, "/opt/ml"))).wait()
    assert status == 1, log
    assert "use the container image htrlib:serve-mxnet" in (
        (folder / "output" / "failure").read_text(encoding="utf-8")
    )
    assert "Traceback" not in log


@trains
def test_a_mistake_in_a_training_job_is_told_in_plain_words(run: Run, folder: Path) -> None:
    write_job(folder, {"epochs": "many"})
    status, log = run("train", options=(*LOCKED, *mount(folder, "/opt/ml"))).wait()
    assert status == 1, log
    failure = (folder / "output" / "failure").read_text(encoding="utf-8")
    assert failure.startswith("epochs must be of type int, found 'many'")
    assert "Traceback" not in log


def test_a_broken_model_ends_the_server_with_a_line(run: Run, folder: Path) -> None:
    (folder / "config.json").write_text("{}")
    status, log = run("serve", options=(*LOCKED, *mount(folder, "/opt/ml/model"))).wait()
    assert status != 0
    assert "/opt/ml/model is not a bundle" in log
    assert "Traceback" not in log


@trains
def test_the_word_detector_can_be_trained(run: Run) -> None:
    code = "from htrlib.training.batches.word_targets import import_gluoncv; import_gluoncv()"
    status, log = run("-c", code, options=(*LOCKED, "--entrypoint", "python")).wait()
    assert status == 0, log


def test_commands_of_htr_run_and_others_are_refused(run: Run) -> None:
    status, log = run("htr", "--version").wait()
    assert status == 0
    assert log.strip() == f"htrlib {htrlib.__version__}"
    status, log = run("bash").wait()
    assert status == 2
    assert "takes serve, train, review, or htr" in log


def test_it_is_small_and_holds_nothing_that_it_does_not_need(run: Run) -> None:
    inspected = subprocess.check_output([*ENGINE, "image", "inspect", IMAGE], text=True)
    image = json.loads(inspected)[0]
    size = int(image["Size"])
    sys.stdout.write(f"\n{size / 1e9:.2f} GB\n")
    assert size <= LARGEST
    labels = image["Config"]["Labels"]
    assert labels["com.amazonaws.sagemaker.capabilities.multi-models"] == "true"
    assert labels["com.amazonaws.sagemaker.capabilities.accept-bind-to-port"] == "true"
    assert labels["org.opencontainers.image.version"] == htrlib.__version__
    look = "ls -A /opt/ml; for tool in gcc cc make git pip; do command -v $tool; done; true"
    status, log = run("-c", look, options=("--entrypoint", "sh")).wait()
    assert (status, log) == (0, "")
