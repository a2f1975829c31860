"""The guide's commands exist, and its costs follow from the stated prices."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from htrlib.aws import machines
from htrlib.aws.batch import BatchJobConfig
from htrlib.aws.endpoints import EndpointConfig
from htrlib.aws.training import TrainingJobConfig
from htrlib.cli.main import build_parser
from tests.sagemaker.stack import read

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "sagemaker.md").read_text(encoding="utf-8")
ERRORS = {"ResourceLimitExceeded"}  # of AWS, which the guide explains
COMMANDS = re.findall(r"^ +(htr .*)$", GUIDE, re.M) + re.findall(r"`(htr aws \w+ [^`]+)`", GUIDE)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_guide_is_one_of_htr(command):
    parsed = build_parser().parse_args(shlex.split(command)[1:])
    assert parsed.run


def test_the_guide_walks_the_whole_way():
    verbs = {shlex.split(command)[2] for command in COMMANDS if command.startswith("htr aws")}
    assert verbs >= {"upload", "label", "download", "train", "transcribe", "batch", "undeploy"}


def test_what_a_command_starts_carries_the_tag_that_the_budget_counts():
    costly = re.compile(r"htr aws (train|deploy|batch|label|register) htr-\S+ ")
    started = [command for command in COMMANDS if costly.match(command)]
    assert len(started) > 5
    assert not [command for command in started if "--tag htrlib=htr" not in command]


def test_every_claim_about_aws_says_where_from_and_whether_it_was_tried():
    rows = re.findall(r"^\| .* \|$", GUIDE.partition("## What is known")[2], re.M)[1:]
    assert len(rows) > 20
    for row in rows:
        claim, _, tried = (cell.strip() for cell in row.strip("|").split("|"))
        assert claim
        assert tried.startswith(("no", "here")), row


def test_the_costs_of_machines_are_computed_as_the_guide_says():
    rate = float(re.search(r"^([\d.]+) pages per second, measured on two cores", GUIDE, re.M)[1])
    benchmarks = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    assert f"two processes, start included | {rate}" in benchmarks
    cells = [[cell.strip() for cell in line.split("|")[2:-1]] for line in GUIDE.splitlines()]
    rows = [row for row in cells if row and row[0].startswith("ml.")]
    assert len(rows) == 7
    defaults = {machines.ENDPOINT, machines.TRAINING, machines.BATCH}
    assert defaults <= {row[0] for row in rows}, "the price of what is started by default"
    vcpus = {"ml.m5.large": 2, "ml.m5.xlarge": 4}
    for machine, hour, month, pages, thousand in rows:
        assert float(hour) == machines.PRICES[machine]
        if month:
            assert abs(float(month) - 730 * float(hour)) <= 0.6
        if pages:
            assert int(pages) == round(rate / 2 * vcpus[machine] / 2 * 3600)
            assert abs(float(thousand) - 1000 / int(pages) * float(hour)) < 0.0006


def test_an_image_is_pushed_where_the_rights_of_the_stack_reach():
    parsed = build_parser().parse_args(["aws", "push-image"])
    assert parsed.repository == read()["Parameters"]["SolutionPrefix"]["Default"]


def test_machines_are_the_same_in_the_stack_the_library_and_the_command_line():
    parameters = read()["Parameters"]
    assert parameters["SageMakerTrainingInstanceType"]["Default"] == machines.TRAINING
    assert parameters["SageMakerInferenceInstanceType"]["Default"] == machines.ENDPOINT
    assert TrainingJobConfig.instance_type == machines.TRAINING
    assert EndpointConfig.instance_type == machines.ENDPOINT
    assert BatchJobConfig.instance_type == machines.BATCH
    account = ["--image", "i", "--role", "r"]
    train = ["train", "n", "--train", "s3://bucket/x", "--output", "s3://bucket/y", *account]
    parsed = build_parser().parse_args(["aws", *train])
    assert (parsed.instance_type, parsed.endpoint_type) == (machines.TRAINING, machines.ENDPOINT)
    parsed = build_parser().parse_args(["aws", "deploy", "n", *account])
    assert parsed.endpoint_type == machines.ENDPOINT
    batch = ["batch", "n", "s3://bucket/x", "s3://bucket/y", "--model", "m"]
    assert build_parser().parse_args(["aws", *batch]).instance_type == machines.BATCH


def test_every_output_that_the_guide_names_is_one_of_the_stack():
    template = read()
    known = {*template["Outputs"], *template["Parameters"], *template["Resources"], *ERRORS}
    guide = GUIDE.partition("## What is known, and from where")[0]  # which names types of AWS
    named = set(re.findall(r"`([A-Z][A-Za-z0-9]+)`", guide))
    assert named <= known, named - known
    assert json.loads(
        json.dumps(template["Parameters"])
    )  # and all parameters but the code's places
    places = {"CodeBucket", "FunctionsKey", "SourceKey"}
    assert set(template["Parameters"]) - places <= named


def test_the_pictures_of_the_guide_are_there():
    for picture in re.findall(r"\]\((images/\S+)\)", GUIDE):
        assert (ROOT / "docs" / picture).is_file(), picture
