from __future__ import annotations

import pytest

from htrlib.data.xml import parse, parse_points
from htrlib.errors import AnnotationError

BOMB = """<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;&x;">]><a>&y;</a>"""
OUTSIDE = """<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>"""


def test_names_lose_their_namespace(tmp_path):
    path = tmp_path / "a.xml"
    path.write_text('<p:a xmlns:p="urn:x"><p:b/></p:a>')
    root = parse(path)
    assert (root.tag, root[0].tag) == ("a", "b")


@pytest.mark.parametrize("text", [BOMB, OUTSIDE])
def test_entities_are_refused(tmp_path, text):
    path = tmp_path / "a.xml"
    path.write_text(text)
    with pytest.raises(AnnotationError, match="entities"):
        parse(path)


def test_errors_name_file_and_line(tmp_path):
    path = tmp_path / "a.xml"
    path.write_text("<a>\n<b>\n</a>")
    with pytest.raises(AnnotationError, match=r"a\.xml, line 3") as error:
        parse(path)
    assert error.value.line_number == 3


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00", b'<?xml version="1.0" encoding="x"?><a/>']
)
def test_what_is_no_xml_is_an_annotation_error(tmp_path, content):
    path = tmp_path / "a.xml"
    path.write_bytes(content)
    with pytest.raises(AnnotationError):
        parse(path)


def test_a_missing_file_is_an_annotation_error(tmp_path):
    with pytest.raises(AnnotationError):
        parse(tmp_path / "a.xml")


def test_points_come_in_pairs():
    assert parse_points("1,2  3.5,-4") == [(1.0, 2.0), (3.5, -4.0)]
    assert parse_points("") == []
    with pytest.raises(ValueError, match="expected points as"):
        parse_points("1 2 3")
