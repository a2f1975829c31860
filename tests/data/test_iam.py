from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest
from PIL import Image

from htrlib import data
from htrlib.document.geometry import Box
from htrlib.errors import AnnotationError, ConfigError, DatasetError

WIDTH, HEIGHT = 300, 200

# form -> (writer, lines); a line: (text, segmentation, words); a word: (text, components)
FORMS = {
    "a01-000u": (
        "000",
        [
            (
                "A MOVE to stop",
                "ok",
                [
                    ("A", [(20, 50, 8, 20)]),
                    ("MOVE", [(40, 52, 20, 20), (62, 50, 10, 25)]),
                    ("to", [(80, 55, 10, 15)]),
                    ("stop", [(100, 54, 30, 20)]),
                ],
            ),
            ("M Ps said &amp;quot;no&amp;quot;", "err", [("M Ps", [(20, 90, 40, 20)])]),
        ],
    ),
    "f07-001": ("061", [("Tom & Jane's", "ok", [("Tom", [(25, 40, 30, 20)]), ("&", [])])]),
    "r06-022": ("550", [("no components", "ok", [("no", []), ("components", [])])]),
}


def picture(path: Path, width: int = 40, height: int = 20) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (width, height), 255).save(path)


def escaped(text: str) -> str:
    """Quote the value of an attribute; existing escapes are escaped again."""
    return text if "&amp;" in text else quoteattr(text)[1:-1]


def form_xml(name: str) -> str:
    writer, lines = FORMS[name]
    rows = []
    for index, (text, segmentation, words) in enumerate(lines):
        parts = []
        for number, (word, components) in enumerate(words):
            boxes = "".join(
                f'<cmp x="{x}" y="{y}" width="{w}" height="{h}"/>' for x, y, w, h in components
            )
            identity = f"{name}-{index:02d}-{number:02d}"
            parts.append(f'<word id="{identity}" tag="NN" text="{escaped(word)}">{boxes}</word>')
        rows.append(
            f'<line id="{name}-{index:02d}" text="{escaped(text)}" segmentation="{segmentation}" '
            f'threshold="154" asx="1" asy="2" dsx="3" dsy="4">{"".join(parts)}</line>'
        )
    return (
        '<?xml version="1.0" encoding="ISO-8859-1"?>'
        f'<form created="2002-07-14" height="{HEIGHT}" id="{name}" width="{WIDTH}" '
        f'writer-id="{writer}"><machine-printed-part><machine-print-line text="A MOVE"/>'
        f"</machine-printed-part><handwritten-part>{''.join(rows)}</handwritten-part></form>"
    )


@pytest.fixture()
def iam(tmp_path):
    """A small copy of the folder tree of IAM."""
    folders = {"a": "formsA-D", "f": "formsE-H", "r": "forms"}
    (tmp_path / "xml").mkdir()
    for name, (_, lines) in FORMS.items():
        (tmp_path / "xml" / f"{name}.xml").write_text(form_xml(name), encoding="latin-1")
        picture(tmp_path / folders[name[0]] / f"{name}.png", WIDTH, HEIGHT)
        start = name.split("-")[0]
        for index, (_, _, words) in enumerate(lines):
            line = f"{name}-{index:02d}"
            picture(tmp_path / "lines" / start / name / f"{line}.png")
            for number in range(len(words)):
                picture(tmp_path / "words" / start / name / f"{line}-{number:02d}.png")
    return tmp_path


def test_forms_have_lines_and_words_with_boxes(iam):
    dataset = data.load("iam", iam)
    page = dataset[0]
    assert (page.source, page.writer, page.image.parent.name) == ("a01-000u", "000", "formsA-D")
    assert page.text == 'A MOVE to stop\nM Ps said "no"'
    first, second = page.lines
    assert first.line.box == Box(20, 50, 130, 75)
    assert [(word.text, word.box) for word in first.words][1] == ("MOVE", Box(40, 50, 72, 75))
    assert page.paragraph == Box(20, 50, 130, 110)
    assert (first.tags, first.id) == ((), "a01-000u-00")
    assert (second.tags, second.words) == (("segmentation-err",), ())


def test_ampersands_and_lines_without_components(iam):
    _, other, last = data.load("iam", iam)
    assert other.text == "Tom & Jane's"
    assert [word.text for word in other.lines[0].words] == ["Tom"]
    assert (last.text, last.lines[0].line, last.paragraph) == ("no components", None, None)


def test_lines_have_their_own_pictures(iam):
    dataset = data.load("iam", iam, level="lines")
    assert [(line.source, line.page, line.writer) for line in dataset.lines][:2] == [
        ("a01-000u-00", "a01-000u", "000"),
        ("a01-000u-01", "a01-000u", "000"),
    ]
    assert dataset[1].text == 'M Ps said "no"'
    assert dataset[1].load_image().shape == (20, 40)


def test_line_pictures_say_whether_their_segmentation_is_wrong(iam):
    dataset = data.load("iam", iam, level="lines")
    assert [line.tags for line in dataset] == [(), ("segmentation-err",), (), ()]


def test_words_of_well_segmented_lines_have_their_own_pictures(iam):
    (iam / "words" / "a01" / "a01-000u" / "a01-000u-00-02.png").write_bytes(b"")
    dataset = data.load("iam", iam, level="words")
    assert [line.text for line in dataset] == ["A", "MOVE", "stop", "Tom", "&", "no", "components"]
    assert dataset.report().skipped == {
        "unreadable image": 1,
        "word of a line that is wrongly segmented": 1,
    }


def test_a_split_lists_lines_or_forms(iam):
    split = iam / "testset.txt"
    split.write_text("# task\na01-000u-01 \nf07-001\nz99-999\n")
    lines = data.load("iam", iam, level="lines", split=split)
    assert [line.source for line in lines] == ["a01-000u-01", "f07-001-00"]
    assert {line.split for line in lines} == {"testset"}
    assert lines.report().skipped == {"id of the split list is not in xml/": 1}
    forms = data.load("iam", iam, split=split)
    assert [(form.source, len(form.lines)) for form in forms.pages] == [
        ("a01-000u", 2),
        ("f07-001", 1),
    ]
    assert forms.report().mended["form that the split lists in part"] == 1


@pytest.mark.parametrize(
    ("text", "message"), [("a01-000u\nsome text\n", "line 2: .*some"), ("\n", "found none")]
)
def test_a_list_of_something_else_is_refused(iam, text, message):
    split = iam / "list.txt"
    split.write_text(text)
    with pytest.raises(AnnotationError, match=message):
        data.load("iam", iam, split=split)


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(
        DatasetError, match=r"xml/\*\.xml and forms/ or formsA-D/.*training-data\.md"
    ):
        data.load("iam", tmp_path)
    with pytest.raises(ConfigError, match="forms, lines, words"):
        data.load("iam", tmp_path, level="letters")


def test_missing_and_rescaled_forms_are_reported(iam):
    (iam / "formsA-D" / "a01-000u.png").unlink()
    picture(iam / "formsE-H" / "f07-001.png", 30, 20)
    assert data.load("iam", iam).report().skipped == {
        "missing image": 1,
        "image of another size than annotated": 1,
    }


def test_an_xml_file_of_another_form_is_named(iam):
    (iam / "xml" / "b01-000.xml").write_text("<form/>")
    with pytest.raises(AnnotationError, match=r"b01-000\.xml.*'id'"):
        data.load("iam", iam)
