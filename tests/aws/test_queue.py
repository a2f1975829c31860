from __future__ import annotations

import json

import pytest

from htrlib.aws.queue import Asked, ask, collect
from htrlib.aws.storage import read_object, write_object
from htrlib.errors import AwsJobError, AwsNotFoundError
from htrlib.formats.json_format import to_json
from tests.aws.front import Answer
from tests.formats.results import page

PAGE = page(["slowly read"])


@pytest.fixture
def endpoint(front, bucket):
    """An asynchronous endpoint that returns the places of its answers; yields the requests."""
    came = []

    def rule(request):
        if not request.path.endswith("/async-invocations"):
            return None
        came.append({name.lower(): value for name, value in request.headers.items()})
        headers = {
            "X-Amzn-SageMaker-OutputLocation": f"{bucket}/queue/answers/{len(came)}.out",
            "X-Amzn-SageMaker-FailureLocation": f"{bucket}/queue/failures/{len(came)}.out",
            "Content-Type": "application/json",
        }
        return Answer(json.dumps({"InferenceId": "1"}).encode(), 202, headers)

    front.rules.append(rule)
    return came


def test_pictures_are_put_into_the_queue_and_answers_are_collected(aws, bucket, endpoint, tmp_path):
    picture = tmp_path / "page.png"
    picture.write_bytes(b"a picture")
    asked = ask("hands", picture, f"{bucket}/queue/", attributes="stage=lines", aws=aws)
    assert read_object(asked.picture, 100, aws) == b"a picture"
    assert asked.picture.startswith(f"{bucket}/queue/questions/")
    assert endpoint[0]["x-amzn-sagemaker-inputlocation"] == asked.picture
    assert endpoint[0]["x-amzn-sagemaker-custom-attributes"] == "stage=lines"
    write_object(to_json(PAGE).encode(), asked.answer, "application/json", aws)
    assert collect([asked], aws) == {asked.picture: PAGE}


def test_sagemaker_waits_for_an_answer_as_long_as_an_endpoint_may_take(aws, bucket, endpoint):
    ask("hands", f"{bucket}/1.png", f"{bucket}/queue", aws=aws)
    assert endpoint[0]["x-amzn-sagemaker-invocationtimeoutseconds"] == "3600"


def test_pictures_of_one_name_do_not_meet(aws, bucket, endpoint, tmp_path):
    places = set()
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "1.png").write_bytes(folder.encode())
        places.add(ask("hands", tmp_path / folder / "1.png", f"{bucket}/queue", aws=aws).picture)
    assert len(places) == 2


def test_a_picture_that_could_not_be_read_says_why(aws, bucket):
    asked = Asked("s3://pages/1.png", f"{bucket}/answers/1.out", f"{bucket}/failures/1.out")
    write_object(b'{"message": "the picture is damaged"}', asked.failure, "text/plain", aws)
    with pytest.raises(AwsJobError, match="the picture is damaged"):
        collect([asked], aws)


def test_an_answer_that_is_no_result_is_told(aws, bucket):
    asked = Asked("s3://pages/1.png", f"{bucket}/answers/1.out", "")
    write_object(b"{}", asked.answer, "application/json", aws)
    with pytest.raises(AwsJobError, match="is not a result of htrlib"):
        collect([asked], aws)


def test_an_endpoint_that_is_not_there_is_told(front, aws, bucket):
    message = b'{"Message": "Endpoint hands of account 123456789012 not found."}'
    headers = {"x-amzn-ErrorType": "ValidationError", "Content-Type": "application/json"}
    front.rules.append(
        lambda request: (
            Answer(message, 400, headers) if request.path.endswith("/async-invocations") else None
        )
    )
    with pytest.raises(AwsNotFoundError, match="hands is not there"):
        ask("hands", f"{bucket}/1.png", f"{bucket}/queue", aws=aws)
