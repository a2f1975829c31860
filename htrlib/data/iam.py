"""Read the IAM Handwriting Database (Marti and Bunke, 2002), unpacked as distributed.

It may not be redistributed, so nothing is downloaded: register at
https://fki.tic.heia-fr.ch/databases/iam-handwriting-database, agree to its terms, and unpack the
archives side by side into one folder::

    forms/a01-000u.png                      or formsA-D/, formsE-H/, formsI-Z/
    lines/a01/a01-000u/a01-000u-00.png
    words/a01/a01-000u/a01-000u-00-00.png
    xml/a01-000u.xml

Texts are taken from the XML, because some tokens in ``ascii/`` contain spaces, which separate
columns there.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Iterator, List, Optional, Sequence, Set, Tuple, Union
from xml.etree.ElementTree import Element

from htrlib.data.annotation_text import read_text
from htrlib.data.collector import Collector
from htrlib.data.samples import Dataset, LabeledLine, LabeledWord
from htrlib.data.xml import parse
from htrlib.document.geometry import Box, Size, union_of
from htrlib.errors import AnnotationError, ConfigError, DatasetError

FORM_FOLDERS = ("forms", "formsA-D", "formsE-H", "formsI-Z")
PICTURES = {"forms": FORM_FOLDERS, "lines": ("lines",), "words": ("words",)}
WRONG_SEGMENTATION = "segmentation-err"
"""Tag of lines whose division into words is wrong; their text and outline are right."""

_ID = re.compile(r"[a-z]\d{2}-\d{3}[a-z]*(-\d{2})?$")
_ENTITIES = {"&quot;": '"', "&apos;": "'", "&lt;": "<", "&gt;": ">", "&amp;": "&"}
_ENTITY = re.compile("|".join(_ENTITIES))


def load(
    path: Union[str, Path],
    *,
    level: str = "forms",
    split: Optional[Union[str, Path]] = None,
) -> Dataset:
    """Load the forms, lines or words of the database.

    Args:
        path: folder that contains ``xml`` and the pictures.
        level: "forms" gives pages with lines and words; "lines" and "words" give line samples with
            the pictures of these folders. Words of lines with a wrong segmentation have no box, and
            give no sample.
        split: file with the ids of forms or lines to use, one per row: ``trainset.txt``,
            ``validationset1.txt``, ``validationset2.txt`` and ``testset.txt`` of the official
            writer-independent task, or the lists from Aachen. Its stem becomes the samples' split.
    Raises:
        ConfigError: the level does not exist.
        DatasetError: a folder is missing, or no sample can be used.
        AnnotationError: an XML file or the list is malformed.
    """
    path = Path(path)
    if level not in PICTURES:
        raise ConfigError(f"level must be one of {', '.join(PICTURES)}; found {level!r}")
    _check_layout(path, level)
    reader = _Reader(path, level, None if split is None else Path(split))
    for file in sorted((path / "xml").glob("*.xml")):
        if not reader.may_want(file.stem):
            continue
        form = parse(file)
        try:
            reader.read(form)
        except (KeyError, ValueError) as error:
            raise AnnotationError(f"not XML of the IAM database: {error!r}", file) from error
    reader.report_unknown_ids()
    return reader.collector.dataset(path)


def _check_layout(path: Path, level: str) -> None:
    missing = [] if any((path / "xml").glob("*.xml")) else ["xml/*.xml"]
    if not any((path / folder).is_dir() for folder in PICTURES[level]):
        missing.append(" or ".join(f"{folder}/" for folder in PICTURES[level]))
    if missing:
        raise DatasetError(
            f"{path} lacks {' and '.join(missing)}; unpack the archives of the IAM database there, "
            "see docs/training-data.md"
        )


class _Reader:
    """Reads the forms of one folder into samples of one level."""

    def __init__(self, path: Path, level: str, split: Optional[Path]) -> None:
        self.path = path
        self.level = level
        self.collector = Collector()
        self.split = None if split is None else split.stem
        self.wanted: Optional[Set[str]] = None if split is None else _read_ids(split)
        self.forms = None if self.wanted is None else {_form_of(name) for name in self.wanted}
        self.unseen = set(self.wanted or ())

    def may_want(self, form: str) -> bool:
        """Return whether the split lists a form or any of its lines."""
        return self.forms is None or form in self.forms

    def read(self, form: Element) -> None:
        name = form.attrib["id"]
        lines = [line for line in form.iterfind("handwritten-part/line") if self._is_wanted(line)]
        if not lines:
            return
        if self.level == "forms":
            self._add_form(form, lines)
            return
        writer = form.get("writer-id")
        for line in lines:
            for source, text in self._pictured(line):
                parts = source.split("-")
                folder = self.path / self.level / parts[0] / name
                image = folder / f"{source}.png"
                if self.collector.picture(image, source) is not None:
                    self.collector.add_line(
                        image,
                        text,
                        source,
                        page=name,
                        writer=writer,
                        split=self.split,
                        tags=_tags(line),
                    )

    def report_unknown_ids(self) -> None:
        """Report the ids in the split list that are missing in the XML."""
        for name in sorted(self.unseen):
            self.collector.note("id of the split list is not in xml/", name, skipped="line")

    def _is_wanted(self, line: Element) -> bool:
        """Return whether the split contains a line, by its own id or its form's."""
        if self.wanted is None:
            return True
        name = line.attrib["id"]
        names = {name, _form_of(name)} & self.wanted
        self.unseen -= names
        return bool(names)

    def _pictured(self, line: Element) -> Iterator[Tuple[str, str]]:
        """Return the id and text of a line, or of each of its words."""
        if self.level == "lines":
            yield line.attrib["id"], _text(line)
            return
        for word in line.iterfind("word"):
            if WRONG_SEGMENTATION in _tags(line):
                self.collector.note(
                    "word of a line that is wrongly segmented", word.attrib["id"], skipped="line"
                )
            else:
                yield word.attrib["id"], _text(word)

    def _add_form(self, form: Element, wanted: Sequence[Element]) -> None:
        name = form.attrib["id"]
        paths = [self.path / folder / f"{name}.png" for folder in FORM_FOLDERS]
        image = next((path for path in paths if path.is_file()), paths[0])
        stated = Size(int(form.attrib["width"]), int(form.attrib["height"]))
        size = self.collector.picture(image, name, stated)
        if size is None:
            return
        written = form.findall("handwritten-part/line")
        if len(wanted) < len(written):
            detail = f"{len(wanted)} of {len(written)} lines; all are taken, the form shows them"
            self.collector.note("form that the split lists in part", name, detail)
        self.collector.add_page(
            image,
            size,
            name,
            [self._line(size, line) for line in written],
            writer=form.get("writer-id"),
            split=self.split,
        )

    def _line(self, size: Size, line: Element) -> Optional[LabeledLine]:
        name = line.attrib["id"]
        box = _box(line)
        place = self.collector.text_line(size, name, box=None if box is None else box.as_tuple())
        tags = _tags(line)
        words: List[LabeledWord] = []
        for word in () if WRONG_SEGMENTATION in tags else line.iterfind("word"):
            part = _box(word)
            if part is not None:
                checked = self.collector.box(size, word.attrib["id"], part.as_tuple())
                words += [] if checked is None else [LabeledWord(_text(word), checked)]
        return self.collector.line(_text(line), name, place, words=words, tags=tags, id=name)


def _form_of(name: str) -> str:
    """Return the form id of a form or line id.

    >>> _form_of("a01-000u"), _form_of("a01-000u-00")
    ('a01-000u', 'a01-000u')
    """
    return "-".join(name.split("-")[:2])


def _tags(line: Element) -> Tuple[str, ...]:
    return (WRONG_SEGMENTATION,) if line.get("segmentation") == "err" else ()


def _text(element: Element) -> str:
    """Return the text of a line or word; some entities in it are escaped twice."""
    return _ENTITY.sub(lambda match: _ENTITIES[match.group()], element.attrib["text"])


def _box(element: Element) -> Optional[Box]:
    """Return the box around an element's connected components, or None without any."""
    boxes = []
    for component in element.iter("cmp"):
        x, y, width, height = (
            float(component.attrib[key]) for key in ("x", "y", "width", "height")
        )
        boxes.append(Box.from_xywh(x, y, max(width, 1.0), max(height, 1.0)))
    return union_of(boxes) if boxes else None


def _read_ids(path: Path) -> Set[str]:
    rows = read_text(path).splitlines()
    names = set()
    for number, row in enumerate(rows, start=1):
        name = row.partition(" ")[0].strip()
        if name and not name.startswith("#"):
            if not _ID.match(name):
                raise AnnotationError(
                    f"expected the id of a form or line, such as a01-000u-00; found {name!r}",
                    path,
                    number,
                )
            names.add(name)
    if not names:
        raise AnnotationError("expected ids, one per row; found none", path)
    return names
