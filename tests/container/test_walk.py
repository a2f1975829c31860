"""The whole path: label pages, train, deploy an endpoint, and read pages with it."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Dict, Iterator, List, Sequence, Tuple

import pytest
from PIL import Image

import htrlib
from htrlib import data
from htrlib.aws.endpoint_client import EndpointClient
from htrlib.aws.endpoints import EndpointConfig, ModelConfig, deploy
from htrlib.aws.labeling import LabelingJobConfig, start_labeling, wait_for_labels, write_manifest
from htrlib.aws.session import Aws
from htrlib.aws.storage import download, upload
from htrlib.aws.training import TrainingJobConfig, start_training, wait_for_training
from htrlib.bundle import load_bundle
from htrlib.document.geometry import Box
from htrlib.document.results import PageResult
from htrlib.metrics import ErrorRate
from tests.aws.conftest import IMAGE as IMAGE_URI
from tests.aws.conftest import ROLE
from tests.aws.front import Front
from tests.container.running import IMAGE, NO_IMAGE, TRAINS, Run
from tests.container.stand_ins import (
    Containers,
    Import,
    Machine,
    Processes,
    SageMaker,
    Worker,
)
from tests.serving.running import needs
from tests.written_pages import Lines, written_page

pytestmark = pytest.mark.slow

PAGES: Dict[str, Tuple[str, ...]] = {
    "anna.png": (
        "Dear Anna, you asked: “When?”",
        "The answer is: not before May;",
        "Zoë's café, at the corner,",
        "opens at 7:30 (says Guðrún).",
    ),
    "guðrún.png": (
        "Monday: rain, wind; no post.",
        "“No news,” wrote Père Noël,",
        "“is good news, isn't it?”",
        'Yours, Guðrún, 12 "B" street',
    ),
    "étoile.png": (
        "My brother's ship, the Étoile,",
        "left at noon: “All aboard!”",
        "We waved; we cried a little.",
        "Next stop: Saint-Malo, France.",
    ),
    "soup.png": (
        "Soup: peas, leeks, one onion.",
        "Boil it (slowly!) for an hour;",
        "add salt, pepper, crème fraîche.",
        "“Bon appétit!”, said the cook.",
    ),
}
UNSEEN = (
    "Dear René, the bread was good;",
    "the tea: not so good, alas.",
    "“Why?” you'll ask. It rained,",
    "and the café shut at noon.",
)
NEW = "ð"  # is on the pages, and no character of the bundle that ships


@pytest.fixture(
    params=[
        pytest.param("process", marks=pytest.mark.skipif(bool(IMAGE), reason="the image walks")),
        pytest.param("image", marks=pytest.mark.skipif(not TRAINS, reason=NO_IMAGE)),
    ]
)
def machine(request: pytest.FixtureRequest, run: Run) -> Iterator[Machine]:
    """The image, or its commands without it."""
    with ExitStack() as stack:
        if request.param == "image":
            yield Containers(run)
        else:
            needs()
            yield Processes(stack)


def write_page(texts: Sequence[str], path: Path, seed: int) -> Lines:
    """Draw a page in a bundled font, and return its texts and their positions."""
    page, lines = written_page(texts, seed)
    Image.fromarray(page).save(path)
    return lines


def work(lines: Sequence[Tuple[int, str, Box]]) -> str:
    """Return what the labeling page submits."""
    texts = []
    for number, text, box in lines:
        left, top, right, bottom = box.as_tuple()
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        outline = [{"x": x, "y": y} for x, y in corners]
        texts.append({"text": text, "line_num": number, "type": "handwritten", "bb": outline})
    return json.dumps({"labels": json.dumps({"texts": texts}, ensure_ascii=False)})


def workers(truth: Dict[str, Lines]) -> List[Worker]:
    """Three workers: one with other boxes and a typo, one correct, one without the last line."""

    def seen(picture: str) -> List[Tuple[int, str, Box]]:
        lines = truth[picture.rpartition("/")[2]]
        return [(number, text, box) for number, (text, box) in enumerate(lines, start=1)]

    def careful(picture: str) -> str:
        return work(seen(picture))

    def hasty(picture: str) -> str:
        return work(
            [
                (number, text.replace("o", "a") if number == 2 else text, box.shifted(7, -4))
                for number, text, box in seen(picture)
            ]
        )

    def tired(picture: str) -> str:
        return work(seen(picture)[:-1])

    return [hasty, careful, tired]


def label(
    pictures: Path, truth: Dict[str, Lines], bucket: str, aws: Aws, sagemaker: SageMaker
) -> str:
    """Upload pages, have them labeled, and return the S3 URI of the labels."""
    upload(pictures, f"{bucket}/pages", aws)
    assert write_manifest(f"{bucket}/pages", f"{bucket}/input.manifest", aws) == len(truth)
    config = LabelingJobConfig(
        name="letters",
        manifest=f"{bucket}/input.manifest",
        output=f"{bucket}/labels",
        role=ROLE,
        work_team="arn:aws:sagemaker:eu-west-1:123456789012:workteam/private-crowd/us",
        template=f"{bucket}/template.liquid.html",
        pre_lambda="arn:aws:lambda:eu-west-1:123456789012:function:htr-pre-annotation",
        post_lambda="arn:aws:lambda:eu-west-1:123456789012:function:htr-post-annotation",
        workers=3,
    )
    name = start_labeling(config, aws)
    sagemaker.label(workers(truth))
    labeled = wait_for_labels(name, aws)
    assert (labeled.labeled, labeled.failed) == (len(truth), 0)
    return labeled.manifest


def check_labels(labels: Path, pictures: Path) -> None:
    """Check that every character is present, and how far the workers agree."""
    dataset = data.load("ground_truth", labels, images=pictures)
    assert {page.image.name: page.text for page in dataset.pages} == {
        name: "\n".join(texts) for name, texts in PAGES.items()
    }
    for page in dataset.pages:
        first, mistyped, third, left_out = (line.line.confidence for line in page.lines)
        assert first == third == 1
        assert 0.8 < mistyped < 1
        assert left_out == pytest.approx(2 / 3, abs=1e-3)


def train(labels: str, bucket: str, aws: Aws, sagemaker: SageMaker) -> str:
    """Train on labels, and return the S3 URI of the model."""
    job = TrainingJobConfig(
        name="letters-1",
        image=IMAGE_URI,
        role=ROLE,
        channels={"train": labels.rpartition("/")[0], "images": f"{bucket}/pages"},
        output=f"{bucket}/models",
        hyperparameters={
            "task": "line-recognition",
            "share": 0.75,
            "epochs": 2,
            "batch_columns": 2048,
            "learning_rate": 3e-4,
            "warmup": 0,
            "average": 0.5,
            "workers": 0,
        },
    )
    start_training(job, aws)
    metrics = sagemaker.train(job.name)
    assert metrics["epoch"] == 2
    assert 0 < metrics["validation_cer"] < 0.2
    return wait_for_training(job.name, aws).model_data


def error_rate(result: PageResult) -> float:
    rate = ErrorRate()
    rate.add("\n".join(UNSEEN), result.text)
    return rate.rate


def test_pages_are_labeled_and_learned_from_and_an_endpoint_reads_another(
    front: Front,
    aws: Aws,
    bucket: str,
    script: Import,
    machine: Machine,
    folder: Path,
    tmp_path: Path,
    default_bundle: str,
) -> None:
    pictures, unseen = tmp_path / "pages", tmp_path / "unseen.png"
    pictures.mkdir()
    truth = {
        name: write_page(texts, pictures / name, seed)
        for seed, (name, texts) in enumerate(PAGES.items())
    }
    sagemaker = SageMaker(front, aws, script("simulated_jobs"), machine, folder)
    labels = label(pictures, truth, bucket, aws, sagemaker)
    download(labels, tmp_path / "labels", aws)
    check_labels(tmp_path / "labels" / "output.manifest", pictures)

    archive = train(labels, bucket, aws, sagemaker)
    variables = {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}
    model = ModelConfig(IMAGE_URI, ROLE, archive, environment=variables)
    deploy(EndpointConfig("letters", model), aws)
    served = load_bundle(sagemaker.host("letters"))
    assert NEW in served.charset
    assert NEW not in load_bundle(default_bundle).charset

    places = [box for _, box in write_page(UNSEEN, unseen, seed=4)]
    result = EndpointClient("letters").transcribe(unseen)
    assert isinstance(result, PageResult)
    assert result.bundle == served.label == "letters-1 1"
    assert error_rate(result) < 0.1
    assert error_rate(result) <= error_rate(htrlib.transcribe(unseen)) + 0.03
    assert len(result.lines) == len(UNSEEN)
    for place, line in zip(places, result.lines):
        assert line.line.box.iou(place) > 0.5
        assert 0 < line.transcription.confidence <= 1
        assert all(word.box is not None for word in line.transcription.words)
