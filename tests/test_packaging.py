"""Bundled third-party files come with their license and are named in NOTICE."""

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


STATIC = PACKAGE / "review" / "static"
VENDORED = sorted(path for path in (STATIC / "vendor").iterdir() if path.is_dir())


@pytest.mark.parametrize("folder", VENDORED, ids=lambda folder: folder.name)
def test_a_vendored_script_has_a_license_that_the_notice_and_setup_cfg_name(folder, setup) -> None:
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    license = (folder / "LICENSE.txt").relative_to(ROOT)
    assert (folder / "LICENSE.txt").is_file()
    assert str(license) in notice
    assert str(license) in setup["metadata"]["license_files"].split()
    assert all(script.name in notice for script in folder.glob("*.js"))


def test_every_file_of_the_review_page_is_installed(setup) -> None:
    patterns = setup["options.package_data"]["htrlib"].split()
    for file in (path for path in STATIC.rglob("*") if path.is_file()):
        place = file.relative_to(PACKAGE)
        assert any(
            place.match(pattern) and len(Path(pattern).parts) == len(place.parts)
            for pattern in patterns
        ), place
