from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from htrlib.archives import pack, unpack
from htrlib.errors import BundleError, BundleNotFoundError, ConfigError


@pytest.fixture
def archive(tmp_path: Path):
    """Writes an archive of members: (TarInfo, content)."""

    def write(*members, mode="w:gz"):
        path = tmp_path / "model.tar.gz"
        with tarfile.open(path, mode) as tar:
            for member, content in members:
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        return path

    return write


def member(name, kind=tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def test_what_is_packed_unpacks_to_the_same_files(tmp_path):
    folder = tmp_path / "bundle"
    (folder / "sub").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "sub" / "model.lm").write_bytes(bytes(range(256)) * 100)
    new = unpack(pack(folder, tmp_path / "model.tar.gz"), tmp_path / "new")
    assert (new / "config.json").read_text() == "{}"
    assert (new / "sub" / "model.lm").read_bytes() == bytes(range(256)) * 100


def test_the_same_files_give_the_same_archive(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
        pack(tmp_path / name, tmp_path / f"{name}.tar.gz")
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_folders_and_files_in_any_order_are_taken(archive, tmp_path, mode):
    path = archive(
        (member("a/b.txt"), b"b"),
        (member("./a", tarfile.DIRTYPE), b""),
        (member("./c"), b"c"),
        mode=mode,
    )
    new = unpack(path, tmp_path / "new")
    assert sorted(p.relative_to(new).as_posix() for p in new.rglob("*")) == ["a", "a/b.txt", "c"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (member("../evil"), "leads out"),
        (member("a/../../evil"), "leads out"),
        (member("/etc/evil"), "leads out"),
        (member("link", tarfile.SYMTYPE, "/etc/passwd"), "link, a device"),
        (member("link", tarfile.LNKTYPE, "config.json"), "link, a device"),
        (member("null", tarfile.CHRTYPE), "link, a device"),
        (member("disk", tarfile.BLKTYPE), "link, a device"),
        (member("pipe", tarfile.FIFOTYPE), "link, a device"),
        (member("config.json"), "twice"),
        (member("config.json/x"), "twice"),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_what_does_harm_is_refused_and_nothing_is_left(archive, tmp_path, entry, message):
    path = archive((member("config.json"), b"{}"), (entry, b""))
    with pytest.raises(BundleError, match=message):
        unpack(path, tmp_path / "new")
    assert [p.name for p in tmp_path.iterdir()] == ["model.tar.gz"]


def test_a_link_cannot_lead_a_later_file_out(archive, tmp_path):
    path = archive((member("a", tarfile.SYMTYPE, ".."), b""), (member("a/evil"), b"evil"))
    with pytest.raises(BundleError, match="link"):
        unpack(path, tmp_path / "new")
    assert not (tmp_path / "evil").exists()


def test_bombs_are_refused(archive, tmp_path):
    with pytest.raises(BundleError, match="more than 100,000 bytes"):
        unpack(archive((member("zeros"), bytes(1 << 20))), tmp_path / "new", max_bytes=100_000)
    many = archive(*((member(str(number)), b"") for number in range(11)))
    with pytest.raises(BundleError, match="more than 10 files"):
        unpack(many, tmp_path / "new", max_files=10)
    assert [p.name for p in tmp_path.iterdir()] == ["model.tar.gz"]


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_that_is_a_bomb_is_refused_before_it_is_read(tmp_path, kind):
    header = member("x", kind)
    header.size = 2 << 30
    path = tmp_path / "model.tar.gz"
    path.write_bytes(gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + bytes(4096)))
    with pytest.raises(BundleError, match="a header of"):
        unpack(path, tmp_path / "new")


def test_a_sparse_file_is_refused(tmp_path):
    header = member("holes", tarfile.GNUTYPE_SPARSE)
    buffer = bytearray(header.tobuf(tarfile.GNU_FORMAT))
    buffer[483:495] = b"77777777777\0"  # its size with its holes
    buffer[148:156] = b" " * 8
    buffer[148:156] = b"%06o\0 " % sum(buffer[:512])
    path = tmp_path / "model.tar.gz"
    path.write_bytes(gzip.compress(bytes(buffer) + bytes(1024)))
    with pytest.raises(BundleError, match="neither a plain file"):
        unpack(path, tmp_path / "new")


def test_numbers_and_names_that_cannot_be_are_refused(archive, tmp_path):
    sparse = member("holes")
    sparse.pax_headers = {"GNU.sparse.map": "0,a,b,c"}
    for path in (archive((sparse, b"")), archive((member("a" * 300), b""))):
        with pytest.raises(BundleError):
            unpack(path, tmp_path / "new")
    header = bytearray(member("a").tobuf(tarfile.GNU_FORMAT))
    header[124:136] = (-5).to_bytes(12, "big", signed=True)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header[:512])
    path = tmp_path / "model.tar.gz"
    path.write_bytes(gzip.compress(bytes(header) + bytes(1024)))
    with pytest.raises(BundleError):
        unpack(path, tmp_path / "new")


@pytest.mark.parametrize("keep", [0, 1, 20, 200])
def test_what_is_no_archive_or_was_cut_is_refused(archive, tmp_path, keep):
    path = archive((member("config.json"), bytes(range(256)) * 20))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(BundleError, match=r"model\.tar\.gz cannot be unpacked"):
        unpack(path, tmp_path / "new")


@pytest.mark.parametrize("name", ["a/" * 990 + "f", "a/" * 1900 + "f", ("n" * 250 + "/") * 20])
def test_paths_that_are_too_long_or_deep_are_refused(archive, tmp_path, name):
    path = archive((member("config.json"), b"{}"), (member(name + "f"), b""))
    with pytest.raises(BundleError, match="is a path of"):
        unpack(path, tmp_path / "new")
    assert [p.name for p in tmp_path.iterdir()] == ["model.tar.gz"]


def test_a_file_or_a_link_is_no_folder_to_unpack_into(archive, tmp_path):
    path = archive((member("a"), b""))
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    (tmp_path / "dangling").symlink_to(tmp_path / "none")
    for name in ("file", "link", "dangling"):
        with pytest.raises(ConfigError, match="is a file or a link"):
            unpack(path, tmp_path / name)
    assert [*(tmp_path / "empty").iterdir()] == []
    assert (unpack(path, tmp_path / "empty") / "a").is_file()


def test_a_folder_with_files_is_not_written_over(archive, tmp_path):
    path = archive((member("a"), b""))
    with pytest.raises(ConfigError, match="not empty"):
        unpack(path, tmp_path)
    with pytest.raises(BundleNotFoundError, match="is not a folder"):
        pack(tmp_path / "nowhere", tmp_path / "x.tar.gz")
