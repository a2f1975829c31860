from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from htrlib.aws import checksums, storage
from htrlib.aws.location import S3Uri
from htrlib.aws.storage import Transfer, download, read_object, upload
from htrlib.errors import AwsError, AwsNotFoundError, BundleError, ConfigError, DatasetError
from tests.aws.conftest import BUCKET
from tests.aws.front import CUT, Answer


@pytest.fixture(autouse=True)
def parts_of_five_megabytes(monkeypatch):
    """S3's minimum part size, so a few megabytes make many parts."""
    monkeypatch.setattr(checksums, "PART_BYTES", 5 << 20)


@pytest.fixture
def uploads_with_checksums():
    """S3's description of a multipart upload, which only recent versions of moto give."""
    moto = pytest.importorskip("moto")
    if tuple(map(int, moto.__version__.split(".")[:2])) < (5, 1):
        pytest.skip("moto before 5.1 does not say which checksums an upload has")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pages"
    (folder / "letters").mkdir(parents=True)
    (folder / "1.txt").write_bytes(b"one")
    (folder / "letters" / "zwei – due.png").write_bytes(b"two" * 1000)
    (folder / "empty").write_bytes(b"")
    return folder


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file of four parts, each different."""
    path = tmp_path / "large.bin"
    with path.open("wb") as file:
        for number in range(4):
            file.write(hashlib.sha256(b"%d" % number).digest() * (5 << 15 if number < 3 else 1000))
    return path


def sent_parts(front):
    return [r.path for r in front.requests if r.method == "PUT" and "partNumber" in r.path]


def test_a_folder_goes_up_and_comes_back(aws, bucket, folder, tmp_path):
    assert upload(folder, f"{bucket}/in/", aws) == Transfer(files=3, skipped=0, sent=3003)
    assert download(f"{bucket}/in", tmp_path / "back", aws) == Transfer(3, 0, 3003)
    names = {"1.txt", "letters/zwei – due.png", "empty"}
    back = {p.relative_to(tmp_path / "back").as_posix() for p in (tmp_path / "back").rglob("*.*")}
    assert back | {"empty"} == names
    for name in names:
        assert (tmp_path / "back" / name).read_bytes() == (folder / name).read_bytes()


def test_what_is_there_is_not_sent_again_and_what_changed_is(aws, bucket, folder, tmp_path):
    upload(folder, f"{bucket}/in", aws)
    assert upload(folder, f"{bucket}/in", aws) == Transfer(3, 3, 0)
    (folder / "1.txt").write_bytes(b"eno")  # of the same size
    assert upload(folder, f"{bucket}/in", aws) == Transfer(3, 2, 3)
    download(f"{bucket}/in", tmp_path / "back", aws)
    assert download(f"{bucket}/in", tmp_path / "back", aws) == Transfer(3, 3, 0)
    (tmp_path / "back" / "1.txt").write_bytes(b"???")
    assert download(f"{bucket}/in", tmp_path / "back", aws) == Transfer(3, 2, 3)
    assert (tmp_path / "back" / "1.txt").read_bytes() == b"eno"


@pytest.mark.usefixtures("uploads_with_checksums")
def test_a_large_file_goes_in_parts_whose_checksum_s3_keeps(aws, bucket, front, large, tmp_path):
    upload(large, f"{bucket}/in", aws)
    assert len(sent_parts(front)) == 4
    known = checksums.look_up(aws, S3Uri(BUCKET, "in/large.bin"))
    assert known["ETag"].endswith('-4"')
    assert "ChecksumSHA256" in known
    assert upload(large, f"{bucket}/in", aws) == Transfer(1, 1, 0)
    assert download(f"{bucket}/in/large.bin", tmp_path / "back", aws).skipped == 0
    assert (tmp_path / "back" / "large.bin").read_bytes() == large.read_bytes()
    assert download(f"{bucket}/in/large.bin", tmp_path / "back", aws).skipped == 1


@pytest.mark.usefixtures("uploads_with_checksums")
def test_an_upload_that_was_cut_goes_on_where_it_was(aws, bucket, front, large):
    def cut(request):
        return CUT if "partNumber=3" in request.path or "partNumber=4" in request.path else None

    front.rules.append(cut)
    with pytest.raises(AwsError, match="s3 upload_part got no answer"):
        upload(large, f"{bucket}/in", aws)
    with pytest.raises(AwsNotFoundError):
        read_object(f"{bucket}/in/large.bin", 1 << 30, aws)
    front.rules.clear()
    front.requests.clear()
    assert upload(large, f"{bucket}/in", aws).sent == large.stat().st_size - (10 << 20)
    assert sorted(path.partition("partNumber=")[2][0] for path in sent_parts(front)) == ["3", "4"]
    assert read_object(f"{bucket}/in/large.bin", 1 << 30, aws) == large.read_bytes()


@pytest.mark.usefixtures("uploads_with_checksums")
def test_parts_of_another_file_are_not_taken_for_those_of_this(aws, bucket, front, large):
    front.rules.append(lambda request: CUT if "partNumber=4" in request.path else None)
    with pytest.raises(AwsError):
        upload(large, f"{bucket}/in", aws)
    front.rules.clear()
    data = bytearray(large.read_bytes())
    data[0] ^= 1  # in the first part
    large.write_bytes(data)
    front.requests.clear()
    upload(large, f"{bucket}/in", aws)
    assert sorted(path.partition("partNumber=")[2][0] for path in sent_parts(front)) == ["1", "4"]
    assert read_object(f"{bucket}/in/large.bin", 1 << 30, aws) == data


def test_a_folder_that_was_cut_goes_on_with_the_files_that_are_missing(aws, bucket, folder, front):
    def cut(request):
        return CUT if request.method == "PUT" and "letters" in request.path else None

    front.rules.append(cut)
    with pytest.raises(AwsError, match="s3 put_object got no answer"):
        upload(folder, f"{bucket}/in", aws)
    front.rules.clear()
    assert upload(folder, f"{bucket}/in", aws).sent >= 3000
    assert upload(folder, f"{bucket}/in", aws).skipped == 3


def test_a_download_that_was_cut_leaves_no_half_file(aws, bucket, folder, front, tmp_path):
    upload(folder, f"{bucket}/in", aws)

    def cut(request):
        return CUT if request.method == "GET" and request.path.endswith("png") else None

    front.rules.append(cut)
    with pytest.raises(AwsError, match="s3 get_object"):
        download(f"{bucket}/in", tmp_path / "back", aws)
    assert not list((tmp_path / "back" / "letters").iterdir())
    front.rules.clear()
    download(f"{bucket}/in", tmp_path / "back", aws)
    assert len([path for path in (tmp_path / "back").rglob("*") if path.is_file()]) == 3


def test_a_download_that_came_damaged_is_told(aws, bucket, folder, front, tmp_path):
    upload(folder, f"{bucket}/in", aws)

    def damage(request):
        if request.method == "GET" and request.path.endswith("1.txt"):
            return Answer(b"onE", headers={"ETag": '"x"', "Content-Type": "text/plain"})
        return None

    front.rules.append(damage)
    with pytest.raises(AwsError, match=r"1\.txt came with another checksum"):
        download(f"{bucket}/in/1.txt", tmp_path / "back", aws)
    assert not (tmp_path / "back" / "1.txt").exists()


@pytest.mark.parametrize("parts", [None, 5 << 20, 6 << 20, 64 << 20])
def test_objects_that_others_sent_are_compared_by_their_etag(aws, bucket, large, tmp_path, parts):
    data = large.read_bytes()
    client, place = aws.client("s3"), {"Bucket": BUCKET, "Key": "x/large.bin"}
    if parts is None:
        client.put_object(**place, Body=data)
    else:
        upload_id = client.create_multipart_upload(**place)["UploadId"]
        entries = [
            {
                "PartNumber": number,
                "ETag": client.upload_part(
                    **place,
                    UploadId=upload_id,
                    PartNumber=number,
                    Body=data[(number - 1) * parts : number * parts],
                )["ETag"],
            }
            for number in range(1, -(-len(data) // parts) + 1)
        ]
        client.complete_multipart_upload(
            **place, UploadId=upload_id, MultipartUpload={"Parts": entries}
        )
    path = tmp_path / "back" / "large.bin"
    assert download(f"{bucket}/x", path.parent, aws).skipped == 0
    assert path.read_bytes() == data
    assert download(f"{bucket}/x", path.parent, aws).skipped == 1


@pytest.mark.parametrize("key", ["in/../../out.txt", "in//etc/passwd", "in/a/../../b"])
def test_a_key_that_leads_out_of_the_folder_is_refused(aws, bucket, front, tmp_path, key):
    listing = (
        '<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated>'
        f"<Contents><Key>{key}</Key><Size>1</Size></Contents></ListBucketResult>"
    )
    front.rules.append(
        lambda request: Answer(listing.encode()) if "list-type" in request.path else None
    )
    with pytest.raises(AwsError, match="leads out of the folder"):
        download(f"{bucket}/in", tmp_path / "back", aws)


def test_a_prefix_is_a_folder_and_no_beginning_of_names(aws, bucket, folder, tmp_path):
    upload(folder, f"{bucket}/in", aws)
    upload(folder, f"{bucket}/inner", aws)
    assert download(f"{bucket}/in", tmp_path / "back", aws).files == 3
    assert len(storage.list_objects(f"{bucket}/in", aws)) == 3


def test_nothing_is_read_beyond_the_limit(aws, bucket, folder):
    upload(folder, bucket, aws)
    assert read_object(f"{bucket}/1.txt", 3, aws) == b"one"
    with pytest.raises(AwsError, match="has 3 bytes; at most 2 are read"):
        read_object(f"{bucket}/1.txt", 2, aws)


def test_what_is_missing_is_told(aws, bucket, folder, tmp_path):
    with pytest.raises(AwsNotFoundError, match="s3://no-such-bucket/x is not there"):
        upload(folder, "s3://no-such-bucket/x", aws)
    with pytest.raises(AwsNotFoundError, match="s3://pages-of-hands/nothing: no such object"):
        download(f"{bucket}/nothing", tmp_path, aws)
    with pytest.raises(AwsNotFoundError, match="s3://pages-of-hands/nothing is not there"):
        read_object(f"{bucket}/nothing", 10, aws)
    with pytest.raises(DatasetError, match="expected a file or a folder with files"):
        upload(tmp_path / "nowhere", bucket, aws)


@pytest.mark.parametrize("uri", ["pages", "http://pages/x", "s3://", "s3://P!/x", "s3:/pages"])
def test_what_is_no_place_in_s3_is_refused(aws, uri, tmp_path):
    with pytest.raises(ConfigError, match="a place in S3 is s3://BUCKET/KEY"):
        download(uri, tmp_path, aws)


def test_a_bundle_goes_up_as_an_archive_and_comes_back(aws, bucket, folder, tmp_path):
    place = storage.upload_archive(folder, f"{bucket}/models/hands/model.tar.gz", aws)
    back = storage.download_archive(place, tmp_path / "new", aws)
    assert (back / "letters" / "zwei – due.png").read_bytes() == b"two" * 1000


def test_a_prefix_is_no_archive(aws, bucket, folder, tmp_path):
    upload(folder, f"{bucket}/models", aws)
    with pytest.raises(AwsNotFoundError, match="is a prefix; name the archive below it"):
        storage.download_archive(f"{bucket}/models", tmp_path / "new", aws)


def test_an_archive_of_s3_that_leads_out_is_refused(aws, bucket, tmp_path):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("../evil"), io.BytesIO())
    storage.write_object(file.getvalue(), f"{bucket}/model.tar.gz", "application/gzip", aws)
    with pytest.raises(BundleError, match="leads out of the folder"):
        storage.download_archive(f"{bucket}/model.tar.gz", tmp_path / "new", aws)
    assert not (tmp_path / "new").exists()
