"""The six notebooks, executed one after the other on this machine, without an account.

What is committed with them, outputs and pictures, is what a reader sees first; it is held here too.
"""

from __future__ import annotations

import ast
import base64
import importlib.util
import io
import json
import os
import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
NOTEBOOKS = sorted((EXAMPLES / "sagemaker").glob("*.ipynb"))
NAMES = [path.stem for path in NOTEBOOKS]
WITHOUT_NETWORKS = ("2_label_own_data", "3_visualize")

by_name = pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)


def code_cells(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def texts(cell):
    """The visible outputs of a cell: the kinds of each, and the text unless it is a picture.

    Without the bytes that were sent, which differ where another Pillow compresses pictures.
    """
    found = []
    for output in cell["outputs"]:
        data = output.get("data", {"text/plain": output.get("text", "")})
        kinds = sorted(data)
        text = "" if "image/png" in data else "".join(data["text/plain"])
        found.append((kinds, re.sub(r"sent=\d+", "sent=...", text)))
    return found


def test_the_six_are_there():
    assert [name[0] for name in NAMES] == list("012345")


# ---- what is committed ----


@by_name
def test_what_is_committed_was_executed_in_order_and_without_an_error(path):
    cells = code_cells(read(path))
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        for output in cell["outputs"]:
            assert output["output_type"] != "error"
            assert output.get("name") != "stderr", output["text"]


@by_name
def test_what_is_committed_tells_nothing_of_the_machine_that_executed_it(path):
    notebook = read(path)
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    for cell in notebook["cells"]:
        assert not cell["metadata"]
        outputs = texts(cell) if cell["cell_type"] == "code" else []
        seen = "".join(cell["source"]) + "".join(text for _, text in outputs)
        assert not re.search(r"(?<![\w.:/)])/(home|root|tmp|work|opt|usr|var|Users)\b", seen), seen
        assert not re.search(r"127\.0\.0\.1|localhost|minutes=", seen), seen


@by_name
def test_pictures_are_kept_and_small(path):
    assert path.stat().st_size < 1_500_000
    pictures = [
        Image.open(io.BytesIO(base64.b64decode(output["data"]["image/png"])))
        for cell in code_cells(read(path))
        for output in cell["outputs"]
        if "image/png" in output.get("data", {})
    ]
    assert pictures
    for picture in pictures:
        assert picture.width <= 1100
        assert len(picture.convert("RGB").getcolors(1 << 20)) > 2


def test_every_setting_that_is_read_is_an_output_of_the_stack(script):
    decode = pytest.importorskip("cfnlint.decode", reason="cfn-lint is not installed").decode
    template, _ = decode(str(EXAMPLES / "sagemaker" / "template.yaml"))
    source = "".join("".join(cell["source"]) for path in NOTEBOOKS for cell in read(path)["cells"])
    named = set(re.findall(r"settings\[['\"](\w+)['\"]\]", source))
    assert named
    assert named <= set(template["Outputs"])
    assert named <= set(script("walk").STAND_INS)
    assert set(script("walk").STAND_INS) <= set(template["Outputs"])


def test_the_stack_s_notebook_instance_gets_what_they_show(script):
    names = {name for name, _ in script("package").source_files()}
    for path in NOTEBOOKS:
        assert path.relative_to(ROOT).as_posix() in names
        text = "".join("".join(cell["source"]) for cell in read(path)["cells"])
        for link in re.findall(r"\]\(([^)#]+)", text):
            assert (path.parent / link).resolve().relative_to(ROOT).as_posix() in names, link


# ---- with an account ----


def test_the_walk_goes_with_the_stack_that_the_environment_names(
    aws, script, monkeypatch, tmp_path
):
    walk = script("walk")
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {"S3Bucket": {"Value": "htr-letters"}, "AwsRegion": {"Value": "us-east-1"}},
    }
    aws("cloudformation").create_stack(StackName="hands", TemplateBody=json.dumps(template))
    monkeypatch.setenv("HTR_STACK", "hands")
    monkeypatch.setattr(walk, "HERE", tmp_path)
    opened = walk.open_walk()
    assert opened.bucket == "s3://htr-letters"
    assert opened.server is None
    assert "account" in repr(opened)
    opened.end()


def test_the_walk_goes_with_the_stack_whose_outputs_lie_beside_it(
    aws, script, monkeypatch, tmp_path
):
    walk = script("walk")
    outputs = {"S3Bucket": "htr-letters", "AwsRegion": "eu-west-1"}
    (tmp_path / "stack_outputs.json").write_text(json.dumps(outputs))
    monkeypatch.setattr(walk, "HERE", tmp_path)
    opened = walk.open_walk()
    assert (opened.bucket, opened.aws.region) == ("s3://htr-letters", "eu-west-1")


def test_a_notebook_says_which_one_it_needs_first(script, tmp_path):
    walk = script("walk")
    opened = walk.Walk({"S3Bucket": "b"}, None, tmp_path)
    with pytest.raises(walk.MissingStepError, match=r"Run 4_train\.ipynb first"):
        opened.kept("model", "4_train")
    opened.keep(labels="s3://b/labels")
    opened.keep(model="s3://b/model")
    assert opened.kept("model", "4_train") == "s3://b/model"
    assert opened.kept("labels", "2_label_own_data") == "s3://b/labels"


# ---- on this machine ----


def test_the_simulated_labelers_say_which_pages_they_know(script):
    pytest.importorskip("moto.server", reason="moto[server] is not installed")
    stand_ins = script("stand_ins")
    assert len(stand_ins.answers(0, "s3://b/pages/entry-2.png", people=3)) == 3
    with pytest.raises(stand_ins.UnknownPageError, match=r"only the sample pages, not .*/mine"):
        stand_ins.answers(0, "s3://b/pages/mine.png", people=3)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the examples; each notebook leaves files there for the next."""
    for package in ("nbclient", "ipykernel", "moto", "aiohttp", "mms", "sagemaker_inference"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed: pip install '.[aws,serve,test]'")
    if shutil.which("java") is None:
        pytest.skip("Java is not installed, which serving needs")
    folder = tmp_path_factory.mktemp("walk") / "examples"
    ignored = shutil.ignore_patterns("work", "stack_outputs.json", "__pycache__")
    shutil.copytree(EXAMPLES, folder, ignore=ignored)
    return folder / "sagemaker"


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs(name, copy):
    import nbformat
    from nbclient import NotebookClient

    committed = read(EXAMPLES / "sagemaker" / f"{name}.ipynb")
    notebook = nbformat.read(copy / f"{name}.ipynb", as_version=4)
    environment = {key: value for key, value in os.environ.items() if key != "HTR_STACK"}
    environment.update(PYTHONPATH=str(ROOT), IPYTHONDIR=str(copy / "ipython"))
    client = NotebookClient(
        notebook,
        timeout=900,
        kernel_name="python3",
        coalesce_streams=True,
        resources={"metadata": {"path": str(copy)}},
    )
    client.execute(env=environment)
    nbformat.write(notebook, copy / f"{name}.ipynb")
    for old, new in zip(code_cells(committed), code_cells(notebook)):
        assert "".join(old["source"]) == new["source"]
        assert [kinds for kinds, _ in texts(old)] == [kinds for kinds, _ in texts(new)]
        if name in WITHOUT_NETWORKS:
            assert texts(old) == texts(new), "execute it again and commit what it shows"


def test_no_request_failed_while_the_model_was_exchanged(copy):
    (cell,) = (
        cell
        for cell in code_cells(read(copy / "5_endpoint.ipynb"))
        if "print(dict(answers))" in "".join(cell["source"])
    )
    ((_, text),) = texts(cell)
    answers = ast.literal_eval(text.strip().splitlines()[-1])
    assert answers
    assert not [who for who in answers if who.startswith("failed")], answers


def test_training_has_taught_the_model_the_hand(copy):
    """The figures that the fourth notebook shows, after all have run."""
    kept = copy / "work" / "kept.json"
    if not kept.exists():
        pytest.skip("the notebooks did not run")
    values = json.loads(kept.read_text(encoding="utf-8"))
    assert float(values["cer_after"]) < 0.8 * float(values["cer_before"])
