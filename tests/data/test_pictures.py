from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from htrlib.data import LineSample
from htrlib.data.pictures import file_stems, find_picture, is_left_by_system


def test_a_picture_is_found_by_path_name_or_stem_of_the_annotation(tmp_path, make_picture):
    nested = make_picture("scans/a.png")
    assert find_picture("scans/a.png", "x", [tmp_path]) == nested
    assert find_picture("C:\\old\\a.png", "x", [tmp_path / "scans"]) == nested
    assert find_picture("gone.tif", "a", [tmp_path, tmp_path / "scans"]) == nested
    assert find_picture("", "a", [tmp_path / "scans"]) == nested
    assert find_picture("scans/a", "x", [tmp_path / "scans"]) == nested
    assert find_picture("gone.png", "gone", [tmp_path]) is None
    for stem in ("a.png", "a.page", "a.alto"):  # of a.png.xml and so on
        assert find_picture("gone.tif", stem, [tmp_path / "scans"]) == nested


def test_a_picture_outside_the_folder_is_not_found(tmp_path, make_picture):
    make_picture("secret.png")
    (tmp_path / "data").mkdir()
    assert find_picture("../secret.png", "x", [tmp_path / "data"]) is None


@pytest.mark.parametrize(
    ("name", "file"),
    [
        (unicodedata.normalize("NFD", "café.png"), "café.png"),
        ("café.png", unicodedata.normalize("NFD", "café.png")),
        ("old%20letter.png", "old letter.png"),
        ("100%20.png", "100%20.png"),
        ("letter.PNG", "letter.png"),
        ("letter.jpg", "letter.JPG"),
        ("D:\\scans\\letter.png", "letter.png"),
        ("box 1\\letter.TIF", "box 1/letter.tif"),
    ],
)
def test_a_name_that_another_system_spelled_is_found(tmp_path, make_picture, name, file):
    make_picture(file)
    assert find_picture(name, "", [tmp_path]) == tmp_path / file


def test_an_escaped_name_leads_nowhere_else(tmp_path, make_picture):
    make_picture("secret.png")
    (tmp_path / "data").mkdir()
    for name in ("%2e%2e/secret.png", "..%2Fsecret.png", f"{tmp_path}%2Fsecret.png", "a\0b"):
        assert find_picture(name, "x", [tmp_path / "data"]) is None


def test_what_systems_leave_is_known():
    left = ["._a.png", "scans/._a.xml", "__MACOSX/a.png", "@eaDir/a.png/thumb.jpg"]
    assert all(is_left_by_system(Path(name)) for name in left)
    assert not any(is_left_by_system(Path(name)) for name in ["a.png", "_a.png", "x/.a.png"])


def test_file_stems_differ():
    sources = ["p/a.png", "p/A.jpg", "p_a", "w.1/b", "..", "é"]
    stems = file_stems(LineSample(Path("x"), "t", source) for source in sources)
    assert stems == ["p_a", "p_A_2", "p_a_3", "w.1_b", "page", "é"]
