from __future__ import annotations

import subprocess
import sys

import pytest

from htrlib import data
from htrlib.errors import ConfigError


def test_an_unknown_format_names_those_there_are():
    with pytest.raises(ConfigError, match=r"'docx'.*alto.*pages_json"):
        data.load("docx", "folder")


def test_adapters_do_not_load_mxnet():
    code = "import sys, htrlib.data; sys.exit('mxnet' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
