from __future__ import annotations

import json
import tarfile

import pytest

from htrlib.aws.sagemaker_models import ModelConfig, register_model
from htrlib.aws.storage import read_object, upload, write_object
from htrlib.cli import aws_read
from htrlib.cli.main import main
from htrlib.formats.json_format import from_json, to_json
from htrlib.serving.protocol import CUSTOM_ATTRIBUTES, header
from tests.aws.conftest import ACCESS_KEY, IMAGE, ROLE, SECRET_KEY, TOKEN
from tests.aws.front import Answer, refusal
from tests.aws.listings import names
from tests.formats.results import page

ACCOUNT = ("--image", IMAGE, "--role", ROLE)
PRE = "arn:aws:lambda:eu-west-1:123456789012:function:SageMaker-pre"
POST = "arn:aws:lambda:eu-west-1:123456789012:function:SageMaker-post"
TEAM = "arn:aws:sagemaker:eu-west-1:123456789012:workteam/private-crowd/readers"


def htr(*arguments):
    return main(["aws", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "1.png").write_bytes(b"one")
    return tmp_path / "pages"


def train(bucket, *arguments):
    places = ("--train", f"{bucket}/in", "--output", f"{bucket}/models")
    return htr("train", "hands-1", *ACCOUNT, *places, *arguments)


def test_folders_go_up_and_come_back(bucket, folder, tmp_path, capsys):
    assert htr("upload", folder, f"{bucket}/in") == 0
    assert htr("upload", folder, f"{bucket}/in") == 0
    assert htr("download", f"{bucket}/in", tmp_path / "back") == 0
    assert (tmp_path / "back" / "1.png").read_bytes() == b"one"
    err = capsys.readouterr().err
    assert "1 files, 0 already there, 3 bytes" in err
    assert "1 files, 1 already there, 0 bytes" in err


def test_a_model_is_trained_and_deployed_when_the_job_completes(bucket, front, capsys):
    settings = ("--set", "epochs=3", "--init", "english", "--spot")
    assert train(bucket, *settings, "--deploy", "hands") == 0
    captured = capsys.readouterr()
    model = f"{bucket}/models/hands-1/output/model.tar.gz"
    assert captured.out == f"{model}\n"
    assert "training job hands-1: Completed" in captured.err
    assert "endpoint hands: InService" in captured.err
    (job,) = front.asked("CreateTrainingJob")
    assert job["HyperParameters"] == {
        "task": "line-recognition",
        "epochs": "3",
        "init": "english",
    }
    assert [channel["ChannelName"] for channel in job["InputDataConfig"]] == ["train"]
    assert front.asked("CreateModel")[0]["PrimaryContainer"]["ModelDataUrl"] == model


def test_channels_are_those_that_are_named(bucket, front):
    more = (
        "--validation",
        f"{bucket}/v",
        "--images",
        f"{bucket}/i",
        "--init",
        f"{bucket}/m.tar.gz",
    )
    assert train(bucket, *more, "--detach") == 0
    (job,) = front.asked("CreateTrainingJob")
    channels = {c["ChannelName"] for c in job["InputDataConfig"]}
    assert channels == {"train", "validation", "images", "init"}
    assert "init" not in job["HyperParameters"]
    assert not front.asked("DescribeTrainingJob")


def test_a_job_that_failed_leaves_the_old_model_serving(bucket, front, capsys):
    assert htr("deploy", "hands", *ACCOUNT) == 0
    front.requests.clear()
    front.answers(
        "DescribeTrainingJob",
        {
            "TrainingJobName": "hands-1",
            "TrainingJobStatus": "Failed",
            "SecondaryStatus": "Failed",
            "FailureReason": "AlgorithmError: no page can be used, exit code: 1",
        },
    )
    assert train(bucket, "--deploy", "hands") == 2
    assert "AlgorithmError: no page can be used" in capsys.readouterr().err
    touched = {request.operation for request in front.requests if request.operation}
    assert touched == {"CreateTrainingJob", "DescribeTrainingJob"}


def test_a_bundle_here_is_packed_and_deployed_and_taken_away(bucket, front, folder, tmp_path):
    model = f"{bucket}/models/1/model.tar.gz"
    scaled = ("--scale", "1", "3", "--capture", f"{bucket}/captured", "--rollout", "canary")
    assert htr("deploy", "hands", *ACCOUNT, "--model-data", model, "--bundle", folder, *scaled) == 0
    assert htr("download", model, tmp_path / "new", "--unpack") == 0
    assert (tmp_path / "new" / "1.png").read_bytes() == b"one"
    assert htr("undeploy", "hands") == 0
    assert front.asked("DeleteEndpoint") == [{"EndpointName": "hands"}]
    assert htr("undeploy", "hands") == 2


def test_a_corpus_is_read_by_a_batch_job(bucket, front, aws, tmp_path, capsys):
    htr("deploy", "hands", *ACCOUNT)
    said = to_json(page(["read elsewhere"])).encode()
    write_object(said, f"{bucket}/out/1.png.out", "application/json", aws)
    places = (f"{bucket}/in", f"{bucket}/out")
    assert htr("batch", "corpus", *places, "--endpoint", "hands", "--fetch", tmp_path / "f") == 0
    captured = capsys.readouterr()
    assert captured.out == f"{bucket}/out\n"
    assert "1 results" in captured.err
    (job,) = front.asked("CreateTransformJob")
    assert job["ModelName"] == front.asked("CreateModel")[0]["ModelName"]


def read_as_another_role(bucket, *arguments):
    places = (f"{bucket}/in", f"{bucket}/out")
    return htr("batch", "corpus", *places, "--model", "hands", "--role", f"{ROLE}-2", *arguments)


@pytest.mark.parametrize("way", ["done", "refused", "failed"])
def test_the_copy_of_a_model_is_gone_when_its_batch_job_is(bucket, front, aws, capsys, way):
    register_model("hands", ModelConfig(IMAGE, ROLE), aws=aws)
    if way == "refused":
        front.answers("CreateTransformJob", refusal("ResourceLimitExceeded", "no machines"))
    if way == "failed":
        front.answers("DescribeTransformJob", {"TransformJobStatus": "Failed"})
    assert read_as_another_role(bucket) == (0 if way == "done" else 2)
    assert names(aws, "models") == ["hands"]
    assert "temporary" not in capsys.readouterr().err


def interrupt(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("way", ["detached", "interrupted", "no right"])
def test_the_copy_of_a_model_that_stays_is_named(bucket, front, aws, capsys, monkeypatch, way):
    register_model("hands", ModelConfig(IMAGE, ROLE), aws=aws)
    if way == "interrupted":
        monkeypatch.setattr(aws_read, "watch_batch", interrupt)
    if way == "no right":
        front.answers("DeleteModel", refusal("AccessDeniedException", "no"))
    options = ["--detach"] if way == "detached" else []
    assert read_as_another_role(bucket, *options) == (130 if way == "interrupted" else 0)
    assert set(names(aws, "models")) == {"hands", "corpus"}
    assert "aws sagemaker delete-model --model-name corpus" in capsys.readouterr().err


def label(bucket, *arguments):
    return htr(
        *("label", "letters", "--pages", f"{bucket}/pages", "--output", f"{bucket}/labels"),
        *("--role", ROLE, "--template", f"{bucket}/template.html"),
        *("--pre-lambda", PRE, "--post-lambda", POST),
        *("--team", "readers", "--members", "eu-west-1_1", "readers", "client", *arguments),
    )


def test_pages_are_labeled_by_a_team(bucket, front, aws, folder, capsys):
    upload(folder, f"{bucket}/pages", aws)
    output = f"{bucket}/labels"
    front.answers("DescribeWorkteam", refusal("ValidationException", "No Workteam found for arn"))
    front.answers("CreateWorkteam", {"WorkteamArn": TEAM})
    front.answers("CreateLabelingJob", {"LabelingJobArn": TEAM})
    counters = {"TotalLabeled": 1, "Unlabeled": 0, "FailedNonRetryableError": 0}
    front.answers(
        "DescribeLabelingJob",
        refusal("ResourceNotFound", "no such job"),
        {
            "LabelingJobStatus": "Completed",
            "LabelCounters": counters,
            "LabelingJobOutput": {"OutputDatasetS3Uri": f"{output}/output.manifest"},
        },
    )
    assert label(bucket) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{output}/output.manifest\n"
    assert "1 pages assigned to readers" in captured.err
    (job,) = front.asked("CreateLabelingJob")
    manifest = job["InputConfig"]["DataSource"]["S3DataSource"]["ManifestS3Uri"]
    row = json.loads(read_object(manifest, 1000, aws))
    assert row == {"source-ref": f"{bucket}/pages/1.png"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "a labeling job letters is there already"),
        (("--workers", "0"), "at least one worker, found 0"),
        (("--tag", "htrlib"), "--tag takes NAME=VALUE"),
    ],
)
def test_a_labeling_that_cannot_start_leaves_the_files_of_the_first(
    bucket, front, aws, folder, capsys, arguments, message
):
    upload(folder, f"{bucket}/pages", aws)
    manifest = f"{bucket}/labels/letters/input.manifest"
    write_object(b"of the first", manifest, "application/jsonlines", aws)
    front.answers("DescribeLabelingJob", {"LabelingJobStatus": "InProgress"})
    assert label(bucket, *arguments) == 2
    assert message in capsys.readouterr().err
    assert not front.asked("CreateWorkteam")
    assert read_object(manifest, 100, aws) == b"of the first"


@pytest.mark.parametrize("kind", ["training", "labeling", "batch"])
def test_jobs_are_watched_and_stopped(front, kind, capsys):
    noun = {"training": "Training", "labeling": "Labeling", "batch": "Transform"}[kind]
    front.answers(f"Stop{noun}Job", {})
    front.answers(
        f"Describe{noun}Job",
        {
            f"{noun}JobName": "x1",
            f"{noun}JobStatus": "Completed",
            "ModelArtifacts": {"S3ModelArtifacts": "s3://a-b/result"},
            "LabelingJobOutput": {"OutputDatasetS3Uri": "s3://a-b/result"},
            "TransformOutput": {"S3OutputPath": "s3://a-b/result"},
        },
    )
    assert htr("stop", kind, "x1") == 0
    assert front.asked(f"Stop{noun}Job") == [{f"{noun}JobName": "x1"}]
    assert htr("watch", kind, "x1") == 0
    assert capsys.readouterr().out == "s3://a-b/result\n"


def test_what_is_there_is_listed(bucket, front, capsys):
    htr("deploy", "hands", *ACCOUNT)
    train(bucket, "--detach")
    labeling = {"LabelingJobName": "letters", "LabelingJobStatus": "InProgress"}
    front.answers("ListLabelingJobs", {"LabelingJobSummaryList": [labeling]})
    capsys.readouterr()
    assert htr("status") == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["endpoint", "InService", "hands"],
        ["training", "Completed", "hands-1"],
        ["labeling", "InProgress", "letters"],
    ]


def test_a_kind_that_cannot_be_listed_hides_no_other(front, capsys):
    front.answers("ListEndpoints", refusal("AccessDeniedException", "no"))
    batch = {"TransformJobName": "corpus", "TransformJobStatus": "InProgress"}
    front.answers("ListTransformJobs", {"TransformJobSummaries": [batch]})
    front.answers("ListLabelingJobs", refusal("AccessDeniedException", "no"))
    assert htr("status") == 2
    captured = capsys.readouterr()
    assert captured.out.split() == ["batch", "InProgress", "corpus"]
    first, second = captured.err.splitlines()
    assert first.startswith("htr: endpoint: no permission for sagemaker:ListEndpoints")
    assert second.startswith("htr: labeling: no permission for sagemaker:ListLabelingJobs")


@pytest.mark.parametrize("where", ["endpoint", "url"])
def test_pages_are_read_elsewhere(front, tmp_path, capsys, where):
    from PIL import Image

    Image.new("L", (30, 20), 255).save(tmp_path / "page.png")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    said = Answer(to_json(page(["one", "two"])).encode(), headers={"Content-Type": "a/b"})
    asked = []
    front.rules.append(lambda request: asked.append(request) or said)
    place = ("--endpoint", "hands") if where == "endpoint" else ("--url", front.url)
    assert htr("transcribe", tmp_path / "page.png", *place, "--language-model", "off") == 0
    assert capsys.readouterr().out == "one\ntwo\n"
    how = ("--kinds", "printed", "--single-line", "--orientation", "as-given")
    assert htr("transcribe", tmp_path / "page.png", *place, *how) == 0
    sent = [header(request.headers, CUSTOM_ATTRIBUTES) for request in asked]
    assert sent == ["language_model=off", "kinds=printed; what=line; orientation=as-given"]
    assert capsys.readouterr().out == "one\ntwo\n"
    paths = (tmp_path / "bad.png", tmp_path / "page.png")
    assert htr("transcribe", *paths, *place, "--format", "json") == 1
    captured = capsys.readouterr()
    assert from_json(captured.out) == page(["one", "two"])
    assert captured.err.startswith("htr: ")


def test_a_picture_that_the_queue_cannot_read_costs_no_other_its_answer(
    bucket, front, aws, tmp_path, capsys
):
    def answered(request):
        if not request.path.endswith("/async-invocations"):
            return None
        name = request.headers["X-Amzn-SageMaker-InputLocation"].rpartition("/")[2]
        answer, failure = f"{bucket}/q/answers/{name}", f"{bucket}/q/failures/{name}"
        if name == "bad.png":
            write_object(b"it is damaged", failure, "text/plain", aws)
        else:
            write_object(to_json(page([name])).encode(), answer, "application/json", aws)
        places = {"OutputLocation": answer, "FailureLocation": failure}
        return Answer(
            b"{}", 202, {f"X-Amzn-SageMaker-{key}": place for key, place in places.items()}
        )

    front.rules.append(answered)
    paths = [tmp_path / name for name in ("1.png", "bad.png", "2.png")]
    for path in paths:
        path.write_bytes(b"a picture")
    assert htr("transcribe", *paths, "--endpoint", "hands", "--queue", f"{bucket}/q") == 1
    captured = capsys.readouterr()
    assert captured.out == "1.png\n2.png\n"
    (said,) = [line for line in captured.err.splitlines() if line.startswith("htr: ")]
    assert said.endswith("/bad.png: it is damaged")


DRY = {
    "upload": ("upload", "{folder}", "s3://pages/in"),
    "download": ("download", "s3://pages/in", "{folder}/back"),
    "unpack": ("download", "s3://pages/model.tar.gz", "{folder}/new", "--unpack"),
    "train": (
        *("train", "hands-1", *ACCOUNT, "--train", "s3://pages/in", "--output", "s3://pages/out"),
        *("--spot", "--deploy", "hands", "--scale", "1", "2"),
    ),
    "deploy": ("deploy", "hands", *ACCOUNT, "--model-data", "s3://pages/model.tar.gz"),
    "undeploy": ("undeploy", "hands"),
    "batch": ("batch", "b1", "s3://pages/in", "s3://pages/out", "--model", "hands"),
    "push-image": ("push-image",),
    "codebuild": ("push-image", "--codebuild", "project"),
    "label": (
        *("label", "l1", "--pages", "s3://pages/in", "--output", "s3://pages/out", "--role", ROLE),
        *("--template", "s3://pages/t", "--pre-lambda", PRE, "--post-lambda", POST),
        *("--team", "readers", "--members", "eu-west-1_1", "readers", "client"),
    ),
    "transcribe": ("transcribe", "{page}", "--endpoint", "hands"),
    "status": ("status",),
    "stop": ("stop", "training", "hands-1"),
    "watch": ("watch", "batch", "hands-1"),
}
LAST = {
    "upload": "PutObject",
    "download": "ListObjectsV2",
    "unpack": "ListObjectsV2",
    "train": "PutScalingPolicy",
    "deploy": "CreateEndpoint",
    "undeploy": "DeleteAlarms",
    "batch": "CreateTransformJob",
    "push-image": "GetAuthorizationToken",
    "codebuild": "StartBuild",
    "label": "CreateLabelingJob",
    "transcribe": "InvokeEndpoint",
    "status": "ListTransformJobs",
    "stop": "StopTrainingJob",
    "watch": "DescribeTransformJob",
}
FOLLOWED = {"batch", "codebuild", "deploy", "label"}  # then they ask how it stands


@pytest.mark.parametrize("name", DRY)
def test_a_dry_run_prints_the_requests_and_sends_none(front, folder, capsys, monkeypatch, name):
    from PIL import Image

    Image.new("L", (30, 20), 255).save(folder / "page.png")
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(variable)
    arguments = [argument.format(folder=folder, page=folder / "page.png") for argument in DRY[name]]
    assert htr(*arguments, "--dry-run") == 0
    out, decoder, requests = capsys.readouterr().out.strip(), json.JSONDecoder(), []
    while out:
        request, end = decoder.raw_decode(out)
        requests.append(request)
        out = out[end:].strip()
    operations = [request["operation"] for request in requests]
    assert operations[-2 if name in FOLLOWED else -1] == LAST[name]
    assert not front.requests


def test_credentials_are_in_no_output(bucket, front, folder, capsys, caplog):
    secrets = f"{ACCESS_KEY} {SECRET_KEY} {TOKEN}"
    front.answers("ListEndpoints", refusal("ValidationException", f"bad request: {secrets}"))
    caplog.set_level("DEBUG", logger="htrlib")
    assert htr("status") == 2
    assert htr("upload", folder, f"{bucket}/in") == 0
    assert htr("upload", folder, f"{bucket}/in", "--dry-run") == 0
    assert htr("push-image", "--dry-run") == 0
    captured = capsys.readouterr()
    assert "bad request: *** *** ***" in captured.err
    for secret in (ACCESS_KEY, SECRET_KEY, TOKEN):
        assert secret not in captured.out + captured.err + caplog.text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("upload", "nowhere", "s3://pages"), "expected a file or a folder with files"),
        (("upload", ".", "pages"), "a place in S3 is s3://BUCKET/KEY"),
        (("deploy", "hands", *ACCOUNT, "--bundle", "."), "--bundle is uploaded to S3"),
        (("undeploy", "hands"), "hands is not there"),
        (("status", "--profile", "nobody"), "profile (nobody) could not be found"),
    ],
)
def test_what_cannot_work_is_told_in_a_line(front, capsys, arguments, message):
    assert htr(*arguments) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.startswith("htr: ")
    assert err.count("\n") == 1


def test_deploying_a_job_that_is_not_waited_for_is_refused(bucket, capsys):
    assert train(bucket, "--deploy", "hands", "--detach") == 2
    assert train(bucket, "--set", "epochs") == 2
    err = capsys.readouterr().err
    assert "--deploy waits for the model" in err
    assert "--set takes NAME=VALUE" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--deploy", "hands_of_anna"), "no hyphen at either end; found 'hands_of_anna'"),
        (("--register", "hands_of_anna"), "no hyphen at either end; found 'hands_of_anna'"),
        (("--deploy", "hands", "--environment", "A"), "--environment takes NAME=VALUE"),
        (("--deploy", "hands", "--scale", "0", "2"), "without a queue scales from 1"),
        (("--deploy", "hands", "--serverless", "--scale", "1", "2"), "cannot have: scaling"),
        (("--deploy", "hands", "--rollout", "canary", "--rollout-percent", "60"), "found 60"),
        (("--deploy", "hands", "--queue", "queue"), "a place in S3 is s3://BUCKET/KEY"),
        (("--deploy", "hands", "--capture", "all"), "a place in S3 is s3://BUCKET/KEY"),
    ],
)
def test_what_cannot_be_deployed_is_refused_before_the_training(front, capsys, arguments, message):
    assert train("s3://pages", *arguments) == 2
    assert message in capsys.readouterr().err
    assert not front.requests


def test_a_job_with_a_network_may_deploy_to_a_serverless_endpoint(bucket, front):
    network = ("--subnets", "subnet-1", "--security-groups", "sg-1")
    assert train(bucket, *network, "--deploy", "hands", "--serverless") == 0
    assert "VpcConfig" in front.asked("CreateTrainingJob")[0]
    assert "VpcConfig" not in front.asked("CreateModel")[0]
    assert htr("deploy", "hands-2", *ACCOUNT, *network, "--serverless") == 2


def test_an_archive_that_leads_out_is_refused(bucket, aws, tmp_path, capsys):
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("../evil"))
    upload(tmp_path / "model.tar.gz", bucket, aws)
    assert htr("download", f"{bucket}/model.tar.gz", tmp_path / "new", "--unpack") == 2
    assert "leads out of the folder" in capsys.readouterr().err
