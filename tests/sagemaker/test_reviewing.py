"""`htr review` beside the notebooks, and the simulated person who labels with it."""

from __future__ import annotations

import contextlib
import json
from typing import Any, Dict, List

import pytest
from PIL import Image

from htrlib.document.geometry import Box

ACCOUNT = "arn:aws:sagemaker:eu-west-1:123456789012"


@pytest.mark.parametrize(
    ("resource", "path"),
    [
        (f"{ACCOUNT}:notebook-instance/htr-notebook", "/proxy/8080/"),
        (f"{ACCOUNT}:app/d-abc/space/jupyterlab/default", "/jupyterlab/default/proxy/8080/"),
    ],
)
def test_on_sagemaker_the_page_is_behind_jupyter(script, monkeypatch, tmp_path, resource, path):
    reviewing = script("reviewing")
    metadata = tmp_path / "resource-metadata.json"
    metadata.write_text(json.dumps({"ResourceArn": resource}))
    monkeypatch.setattr(reviewing, "METADATA", metadata)
    server, found = reviewing._address_of_jupyter(8080)
    assert found == path
    assert "address of this notebook" in server


def test_elsewhere_the_page_is_on_this_machine(script, monkeypatch, tmp_path):
    reviewing = script("reviewing")
    monkeypatch.setattr(reviewing, "METADATA", tmp_path / "none")
    assert reviewing._address_of_jupyter(8080) == ("http://127.0.0.1:8080", "/")


def test_a_token_may_begin_with_a_dash(script, monkeypatch, tmp_path):
    reviewing = script("reviewing")
    monkeypatch.setattr(reviewing, "METADATA", tmp_path / "none")
    monkeypatch.setattr(reviewing.secrets, "token_urlsafe", lambda count: "-dash")
    pages = tmp_path / "pages"
    pages.mkdir()
    Image.new("L", (200, 100), 255).save(pages / "a.png")
    review = reviewing.Review(pages, tmp_path / "labels")
    with contextlib.closing(review._process.stdout):
        try:
            assert review.pages() == ["a.png"]
        finally:
            review._process.terminate()
            review._process.wait()


class Page:
    """A simulated review page that records its requests."""

    def __init__(self, *lines: Dict[str, Any]) -> None:
        self.page = {"name": "a.png", "version": 1, "lines": list(lines)}
        self.edits: List[Dict[str, Any]] = []

    def wait_until_read(self) -> None:
        pass

    def ask(self, method: str, path: str) -> Dict[str, Any]:
        assert (method, path) == ("GET", "api/pages/a.png")
        return self.page

    def edit(self, page: Dict[str, Any], *edits: Dict[str, Any]) -> Dict[str, Any]:
        self.edits += edits
        lines = [{**line, "confirmed": True} for line in page["lines"]]
        return {**page, "lines": lines}


def line(name: str, *box: float) -> Dict[str, Any]:
    return {"id": name, "box": box, "confirmed": False}


def test_a_person_corrects_what_was_found_deletes_what_is_none_and_draws_the_rest(script):
    page = Page(line("first", 0, 0, 100, 20), line("dirt", 300, 300, 310, 310))
    written = (("Dear Ida,", Box(2, 1, 99, 21)), ("thank you", Box(0, 40, 100, 60)))
    script("reviewing").label(page, {"a.png": written})
    assert page.edits == [
        {"do": "text", "id": "first", "text": "Dear Ida,"},
        {"do": "delete", "id": "dirt"},
        {"do": "add", "line": {"text": "thank you", "box": [0, 40, 100, 60]}, "index": 1},
        {"do": "done", "done": True},
    ]


def test_a_stack_without_ground_truth_is_told_where_to_go_on(script, tmp_path):
    walk = script("walk")
    with pytest.raises(walk.MissingStepError, match=r"Go on with 3_visualize\.ipynb"):
        walk.Walk({"S3Bucket": "b", "PreLabelLambdaArn": ""}, None, tmp_path).require_ground_truth()
    walk.Walk({"PreLabelLambdaArn": "arn"}, None, tmp_path).require_ground_truth()
