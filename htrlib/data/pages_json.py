"""Read ``pages.json``: one JSON object that maps page file names to size, writer, split and lines.

A line is an object with ``text`` and, if known, ``box`` (left, top, right, bottom), ``polygon`` and
``baseline`` (x, y, x, y, ...) in page pixels; the value of ``type``, and other keys that are true,
become its tags. Alternatively it is a string, with the boxes in ``line_boxes`` next to ``lines``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, Optional, Union

from htrlib.data.annotation_text import read_text
from htrlib.data.collector import Collector, points_of
from htrlib.data.pictures import spelled
from htrlib.data.samples import Dataset, LabeledLine
from htrlib.data.splitting import of_split
from htrlib.document.geometry import Size
from htrlib.errors import AnnotationError

PLACE_KEYS = ("text", "id", "box", "polygon", "baseline", "type")


def load(
    path: Union[str, Path],
    *,
    images: Optional[Union[str, Path]] = None,
    split: Optional[str] = None,
) -> Dataset:
    """Load the pages of a pages.json file.

    Args:
        path: the file.
        images: folder of the pictures; by default ``pages`` next to the file, or the file's folder.
        split: load only the pages of this split.
    Raises:
        AnnotationError: the file is not JSON of this form.
        DatasetError: no page can be used.
    """
    path = Path(path)
    if images is None:
        images = path.parent / "pages" if (path.parent / "pages").is_dir() else path.parent
    collector = Collector()
    pages = _read(path)
    if split is not None:
        splits = {name: str(page["split"]) for name, page in pages.items() if "split" in page}
        pages = {name: pages[name] for name in of_split(splits, split)}
    for name, page in pages.items():
        try:
            image = spelled(name, Path(images)) or Path(images) / name
            _add_page(collector, image, name, page)
        except (KeyError, TypeError, ValueError) as error:
            found = error if isinstance(error, ValueError) else f"a value is wrong ({error})"
            raise AnnotationError(
                f"page {name!r} does not have the form in docs/training-data.md: {found}",
                path,
            ) from error
    return collector.dataset(path)


def _read(path: Path) -> Dict[str, Dict[str, Any]]:
    text = read_text(path)
    try:
        pages = json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        raise AnnotationError(f"not JSON: {error.msg}", path, error.lineno) from None
    except ValueError as error:
        raise AnnotationError(str(error), path) from None
    if not isinstance(pages, dict) or not all(isinstance(page, dict) for page in pages.values()):
        raise AnnotationError("expected an object that maps page names to objects", path)
    return pages


def _unique(pairs: List[Any]) -> Dict[str, Any]:
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        twice = sorted({key for key in keys if keys.count(key) > 1})
        raise ValueError(f"keys of an object must be unique, found {twice} twice")
    return dict(pairs)


def _add_page(collector: Collector, image: Path, name: str, page: Dict[str, Any]) -> None:
    stated = _size(page["size"]) if "size" in page else None
    size = collector.picture(image, name, stated)
    if size is None:
        return
    rows = page.get("lines")
    if not isinstance(rows, list):
        raise ValueError(f'"lines" must be a list, found {rows!r:.80}')
    boxes = page.get("line_boxes") or [None] * len(rows)
    if len(boxes) != len(rows):
        raise ValueError(f"expected {len(rows)} line_boxes, one per line; found {len(boxes)}")
    lines = [
        _line(
            collector,
            size,
            f"{name}#{index}",
            row if isinstance(row, dict) else {"text": row, "box": box},
        )
        for index, (row, box) in enumerate(zip(rows, boxes))
    ]
    collector.add_page(image, size, name, lines, writer=page.get("writer"), split=page.get("split"))


def _size(value: Any) -> Size:
    if not isinstance(value, list) or not all(isinstance(side, int) for side in value):
        raise ValueError(f'"size" must be [width, height] in pixels, found {value!r:.80}')
    return Size(*value)


def _line(
    collector: Collector, size: Size, source: str, row: Dict[str, Any]
) -> Optional[LabeledLine]:
    place = collector.text_line(
        size,
        source,
        box=row.get("box"),
        polygon=points_of(row.get("polygon") or ()),
        baseline=points_of(row.get("baseline") or ()),
    )
    if not isinstance(row.get("text"), str):
        raise ValueError(f'"text" of a line must be a string, found {row.get("text")!r:.80}')
    tags = [key for key, value in row.items() if key not in PLACE_KEYS and value is True]
    tags += [row["type"]] if "type" in row else []
    return collector.line(row["text"], source, place, tags=tags, id=row.get("id", ""))
