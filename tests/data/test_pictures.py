from __future__ import annotations

from pathlib import Path

from htrlib.data import LineSample
from htrlib.data.pictures import file_stems, find_picture


def test_a_picture_is_found_by_path_name_or_stem_of_the_annotation(tmp_path, make_picture):
    nested = make_picture("scans/a.png")
    assert find_picture("scans/a.png", "x", [tmp_path]) == nested
    assert find_picture("C:\\old\\a.png", "x", [tmp_path / "scans"]) == nested
    assert find_picture("gone.tif", "a", [tmp_path, tmp_path / "scans"]) == nested
    assert find_picture("", "a", [tmp_path / "scans"]) == nested
    assert find_picture("gone.png", "gone", [tmp_path]) is None


def test_a_picture_outside_the_folder_is_not_found(tmp_path, make_picture):
    make_picture("secret.png")
    (tmp_path / "data").mkdir()
    assert find_picture("../secret.png", "x", [tmp_path / "data"]) is None


def test_file_stems_differ():
    sources = ["p/a.png", "p/A.jpg", "p_a", "w.1/b", "..", "é"]
    stems = file_stems(LineSample(Path("x"), "t", source) for source in sources)
    assert stems == ["p_a", "p_A_2", "p_a_3", "w.1_b", "page", "é"]
