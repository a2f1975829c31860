"""Read the JSON export of Label Studio projects in which lines are marked and transcribed.

A task has the address of a picture, and annotations. Results of an annotation with the same id
describe one region: its shape in percent of the picture, its transcription, its labels.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Union
from urllib.parse import parse_qs, unquote, urlsplit

from htrlib.data.annotation_text import read_text
from htrlib.data.collector import Collector, is_rectangle
from htrlib.data.pictures import find_picture
from htrlib.data.samples import Dataset, LabeledLine
from htrlib.document.geometry import Point, Size
from htrlib.document.kinds import HANDWRITTEN, PRINTED, TYPEWRITTEN
from htrlib.errors import AnnotationError
from htrlib.images.suffixes import PICTURE_SUFFIXES

_KINDS = {
    "handwriting": HANDWRITTEN,
    "handwritten": HANDWRITTEN,
    "typewritten": TYPEWRITTEN,
    "typescript": TYPEWRITTEN,
    "print": PRINTED,
    "printed": PRINTED,
}
# Corners of a rectangle, relative to its upper left one, in widths and heights.
_CORNERS = ((0, 0), (1, 0), (1, 1), (0, 1))
_UPLOAD_PREFIX = re.compile(r"^[0-9a-f]{8}-")  # Label Studio's prefix of uploads
_MALFORMED = (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError)

Json = Mapping[str, Any]


def load(path: Union[str, Path], *, images: Optional[Union[str, Path]] = None) -> Dataset:
    """Load the pages of an export in the format "JSON"; regions become lines, in order of creation.

    Of several annotations of a task, the one marked as ground truth is used, or else the last.
    Canceled annotations and predictions are ignored.

    Args:
        path: the export.
        images: folder in which pictures are looked up by as much of their path as exists there;
            uploads are found with and without the prefix that Label Studio adds. By default the
            export's folder, and `images` in it.
    Raises:
        AnnotationError: the file is not such an export, or none of its tasks has this form. Tasks
            of another form among others are reported, and the others are read.
        DatasetError: no page can be used.
    """
    path = Path(path)
    folders = [path.parent, path.parent / "images"] if images is None else [Path(images)]
    collector = Collector()
    tasks = _tasks(path, collector)
    pictures = {task.reference: _picture(task.reference, folders) for task in tasks}
    shared = Counter(pictures.values())
    for task in tasks:
        picture = pictures[task.reference]
        if shared[picture] > 1:  # two uploads with the same name, found without their prefixes
            reason = "picture of several tasks"
            collector.note(reason, task.reference, str(picture), skipped="page")
        else:
            _add_page(collector, task, picture)
    return collector.dataset(path)


@dataclass
class _Region:
    """A region: the combined results of one id."""

    shape: Optional[Json] = None
    texts: List[str] = field(default_factory=list)
    labels: List[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Task:
    """A picture and its annotations.

    Attributes:
        reference: address of the picture.
        annotations: usable annotations.
        regions: regions of the annotation that is used, by id.
        size: size of the picture according to the annotation.
        turned: True if the picture was rotated in Label Studio, so that its coordinates do not fit.
    """

    reference: str
    annotations: int
    regions: Mapping[str, _Region]
    size: Optional[Size]
    turned: bool

    @classmethod
    def of(cls, task: Json) -> _Task:
        usable = [given for given in task["annotations"] if not given.get("was_cancelled")]
        chosen: Json = {}
        if usable:
            truths = [given for given in usable if given.get("ground_truth")]
            chosen = truths[-1] if truths else usable[-1]
        results = list(chosen.get("result", ()))
        sizes = [result for result in results if result.get("original_width")]
        size = None
        if sizes:
            size = Size(int(sizes[0]["original_width"]), int(sizes[0]["original_height"]))
        turned = any(result.get("image_rotation") for result in results)
        return cls(_reference(task["data"]), len(usable), _regions(results), size, turned)


def _tasks(path: Path, collector: Collector) -> List[_Task]:
    """Return the tasks of an export; report those of another form.

    Raises:
        AnnotationError: there is nothing but such tasks.
    """
    tasks, errors = [], []
    for number, data in enumerate(_read(path)):
        try:
            tasks.append(_Task.of(data))
        except _MALFORMED as error:
            detail = (
                f"task {data.get('id', number)!r} does not have the form in docs/training-data.md: "
                f"{error if isinstance(error, ValueError) else repr(error)}"
            )
            errors.append(AnnotationError(detail, path))
    if errors and not tasks:
        raise errors[0]
    for wrong in errors:
        collector.note("task that cannot be read", path.name, str(wrong), skipped="page")
    return tasks


def _read(path: Path) -> List[Dict[str, Any]]:
    text = read_text(path)
    try:
        tasks = json.loads(text)
    except json.JSONDecodeError as error:
        raise AnnotationError(f"not JSON: {error.msg}", path, error.lineno) from None
    except (ValueError, RecursionError) as error:
        raise AnnotationError(str(error), path) from None
    is_export = isinstance(tasks, list) and all(
        isinstance(task, dict) and isinstance(task.get("data"), dict) and "annotations" in task
        for task in tasks
    )
    if not is_export:
        raise AnnotationError(
            'expected a list of tasks with "data" and "annotations"; export the project in the '
            'format "JSON", not "JSON-MIN"',
            path,
        )
    return list(tasks)


def _reference(values: Json) -> str:
    """Return the address of a task's picture: the first value that names one."""
    texts = [value for value in values.values() if isinstance(value, str)]
    for text in texts:
        if PurePosixPath(_path_in(text)).suffix.lower() in PICTURE_SUFFIXES:
            return text
    raise ValueError(f'no value of its "data" names a picture; found {texts!r:.200}')


def _regions(results: Sequence[Json]) -> Dict[str, _Region]:
    regions: Dict[str, _Region] = {}
    for result in results:
        value = result.get("value", {})
        name = result.get("id")
        if name is None or result.get("type") in ("relation", "choices", "rating", "number"):
            continue  # a result about the page, or about two regions
        region = regions.setdefault(str(name), _Region())
        for key, entries in value.items():
            if key == "text":
                region.texts += [entries] if isinstance(entries, str) else map(str, entries)
            elif key.endswith("labels"):
                region.labels += [
                    str(entry) for entry in entries if str(entry) not in region.labels
                ]
        if _has_place(value) or (region.shape is None and result.get("type") != "textarea"):
            region.shape = value
    return regions


def _has_place(value: Json) -> bool:
    return "points" in value or "x" in value


def _path_in(reference: str) -> str:
    """Return the path in an address: a URL, S3, an upload, or `local-files/?d=PATH`."""
    text = reference.replace("\\", "/")
    # Only in a URL does # begin a fragment; elsewhere it is part of a file's name.
    address = urlsplit(text, allow_fragments=text.lower().startswith(("http:", "https:")))
    local = parse_qs(address.query).get("d")
    return local[0] if local else unquote(address.path)


def _picture(reference: str, folders: Sequence[Path]) -> Path:
    """Find the picture of an address: the file below the folders that shares most of its path."""
    parts = [part for part in PurePosixPath(_path_in(reference)).parts if part != "/"]
    for start in range(len(parts)):
        names = ["/".join(parts[start:])]
        names += [_UPLOAD_PREFIX.sub("", names[0])] if start == len(parts) - 1 else []
        for name in names:
            found = find_picture(name, "", folders)
            if found is not None:
                return found
    return folders[0] / parts[-1]


def _add_page(collector: Collector, task: _Task, picture: Path) -> None:
    if not task.annotations:
        collector.note("not labeled", task.reference, skipped="page")
        return
    if task.turned:
        reason, detail = "picture turned in Label Studio", "turn it back there, and export again"
        collector.note(reason, task.reference, detail, skipped="page")
        return
    size = collector.picture(picture, task.reference, task.size)
    if size is None:
        return
    if task.annotations > 1:
        detail = f"{task.annotations}; the one marked as ground truth is taken, or the last"
        collector.note("several annotations", task.reference, detail)
    lines = [
        _line(collector, size, f"{task.reference}#{name}", name, region)
        for name, region in task.regions.items()
    ]
    collector.add_page(picture, size, task.reference, lines)


def _line(
    collector: Collector, size: Size, source: str, name: str, region: _Region
) -> Optional[LabeledLine]:
    text = "\n".join(region.texts).strip()
    if len(text.splitlines()) > 1:
        detail = f"{len(text.splitlines())} lines of text: mark each line by itself"
        collector.note("region of several lines", source, detail, skipped="line")
        return None
    outline: Sequence[Point] = ()
    if region.shape is not None:
        shape = region.shape
        outline = collector.points(source, lambda: list(_outline(shape, size)))
    kinds = [_KINDS[label.lower()] for label in region.labels if label.lower() in _KINDS]
    kind = kinds[0] if kinds else None
    if is_rectangle(outline):
        (left, top), (right, bottom) = min(outline), max(outline)
        place = collector.text_line(size, source, box=(left, top, right, bottom), kind=kind)
    else:
        place = collector.text_line(size, source, polygon=outline, kind=kind)
    return collector.line(text, source, place, tags=region.labels, id=name)


def _outline(shape: Json, size: Size) -> Iterator[Point]:
    """Return the corners of a shape in pixels.

    Raises:
        ValueError: it is neither a rectangle nor a polygon, or its numbers are invalid.
    """
    width, height = size.width / 100, size.height / 100
    try:
        if "points" in shape:
            for x, y in shape["points"]:
                yield float(x) * width, float(y) * height
            return
        x, y = float(shape["x"]) * width, float(shape["y"]) * height
        across, down = float(shape["width"]) * width, float(shape["height"]) * height
        turn = math.radians(float(shape.get("rotation", 0)))
    except KeyError as error:
        raise ValueError(f"expected a rectangle or polygon; this shape has no {error}") from None
    except TypeError as error:
        raise ValueError(str(error)) from None
    for right, below in _CORNERS:  # rotated clockwise around the upper left corner
        moved = right * across, below * down
        yield (
            x + moved[0] * math.cos(turn) - moved[1] * math.sin(turn),
            y + moved[0] * math.sin(turn) + moved[1] * math.cos(turn),
        )
