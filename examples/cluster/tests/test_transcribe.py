"""The cluster example reads a folder with two local workers."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from htrlib.formats.json_format import from_json

EXAMPLES = Path(__file__).resolve().parents[2]


def test_two_workers_read_a_folder(tmp_path: Path) -> None:
    (tmp_path / "in" / "more").mkdir(parents=True)
    shutil.copy(EXAMPLES / "data" / "letter.png", tmp_path / "in" / "more")
    (tmp_path / "in" / "broken.png").write_text("no picture")
    (tmp_path / "in" / "notes.txt").write_text("not read")
    program = str(EXAMPLES / "cluster" / "transcribe.py")
    command = [sys.executable, program, str(tmp_path / "in"), str(tmp_path / "out")]
    subprocess.run([*command, "--workers", "2"], check=True, capture_output=True)
    rows = [
        json.loads(line)
        for part in (tmp_path / "out").iterdir()
        for line in part.read_text(encoding="utf-8").splitlines()
    ]
    found = {Path(row["path"]).name: row for row in rows}
    assert sorted(found) == ["broken.png", "letter.png"]
    assert "not a picture" in found["broken.png"]["error"]
    assert "Dear Ida" in from_json(found["letter.png"]["result"]).text
