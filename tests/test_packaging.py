"""Fonts that are installed come with their licenses and are named in NOTICE."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest

import htrlib

PACKAGE = Path(htrlib.__file__).parent
ROOT = PACKAGE.parent
FONTS = sorted(path for path in PACKAGE.rglob("*") if path.suffix in (".ttf", ".otf", ".woff"))


@pytest.fixture(scope="module")
def setup() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def test_there_are_fonts_to_look_after() -> None:
    assert len(FONTS) >= 4


@pytest.mark.parametrize("font", FONTS, ids=lambda font: font.name)
def test_a_bundled_font_is_installed_and_named_in_the_notice(font, setup) -> None:
    patterns = setup["options.package_data"]["htrlib"].split()
    assert any(font.relative_to(PACKAGE).match(pattern) for pattern in patterns)
    assert font.name in (ROOT / "NOTICE").read_text(encoding="utf-8")


@pytest.mark.parametrize("folder", sorted({font.parent for font in FONTS}), ids=lambda f: f.name)
def test_each_font_has_a_license_that_the_notice_and_setup_cfg_name(folder, setup) -> None:
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    patterns = setup["metadata"]["license_files"].split()
    licenses = sorted(folder.glob("*LICENSE*"))
    assert len(licenses) == len([font for font in FONTS if font.parent == folder])
    for license in licenses:
        place = license.relative_to(ROOT)
        assert str(place) in notice
        assert any(place.match(pattern) for pattern in patterns)
