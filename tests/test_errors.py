"""The error tree is the one drawn in the module's docstring."""

from __future__ import annotations

import inspect
import pickle
import re
from pathlib import Path
from typing import Dict, List, NamedTuple, Tuple, Type

import pytest

from htrlib import errors
from htrlib.errors import (
    AnnotationError,
    AwsAccessError,
    AwsJobError,
    BundleMismatchError,
    BundleNotFoundError,
    HtrError,
    NonFiniteLossError,
    UnknownCharacterError,
)


class Drawn(NamedTuple):
    bases: Tuple[str, ...]
    attributes: Tuple[str, ...]


EXAMPLES = (
    UnknownCharacterError("ŧ", 3),
    AnnotationError("no text", Path("page.xml"), 7),
    BundleNotFoundError("no bundle 'x'"),
    BundleMismatchError("classes", 97, 96),
    NonFiniteLossError(2, 30),
    AwsAccessError("s3:PutObject", "arn:aws:s3:::pages/a.png"),
    AwsJobError("training job hands", "no channel 'training'"),
)


def drawn_tree() -> Dict[str, Drawn]:
    """Class name -> what the docstring says of it."""
    row = re.compile(r"^(?P<indent>(?:  )+)(?P<name>\w+Error)(?:\((?P<base>\w+)\))?(?P<rest>.*)$")
    tree: Dict[str, Drawn] = {}
    above: List[str] = []
    for text in (errors.__doc__ or "").splitlines():
        match = row.match(text)
        if match is None:
            continue
        depth = len(match["indent"]) // 2 - 2
        above = above[:depth]
        bases = (*above[-1:], *([match["base"]] if match["base"] else []))
        tree[match["name"]] = Drawn(bases, tuple(re.findall(r"\.(\w+)", match["rest"])))
        above.append(match["name"])
    return tree


def real_classes() -> Dict[str, Type[BaseException]]:
    return {
        name: value
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, BaseException)
    }


def test_the_drawn_tree_is_the_real_one() -> None:
    real = {name: tuple(b.__name__ for b in cls.__bases__) for name, cls in real_classes().items()}
    drawn = {name: entry.bases for name, entry in drawn_tree().items()}
    assert real.pop("HtrError") == ("Exception",)
    assert drawn.pop("HtrError") == ()
    assert drawn == real


def test_every_error_is_an_htr_error_and_says_when_it_is_raised() -> None:
    for cls in real_classes().values():
        assert issubclass(cls, HtrError)
        assert cls.__doc__


def test_the_drawn_attributes_are_there() -> None:
    drawn = {name: entry.attributes for name, entry in drawn_tree().items() if entry.attributes}
    examples = {type(example).__name__: example for example in EXAMPLES}
    assert drawn
    for name, attributes in drawn.items():
        assert set(attributes) == set(vars(examples[name])), name


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (EXAMPLES[0], "character 'ŧ' (U+0167) at position 3 is not in the charset"),
        (EXAMPLES[1], "page.xml, line 7: no text"),
        (AnnotationError("no text", Path("page.xml")), "page.xml: no text"),
        (EXAMPLES[2], "no bundle 'x'"),
        (BundleNotFoundError(), ""),
        (EXAMPLES[3], "classes: expected 97, found 96"),
        (EXAMPLES[4], "the loss is not finite in epoch 2, batch 30"),
        (EXAMPLES[5], "no permission for s3:PutObject on arn:aws:s3:::pages/a.png"),
        (EXAMPLES[6], "training job hands: no channel 'training'"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_messages_say_what_where_and_what_was_found(error: HtrError, message: str) -> None:
    assert str(error).startswith(message)


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_errors_pass_between_processes(error: HtrError) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)
