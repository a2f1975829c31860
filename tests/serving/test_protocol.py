from __future__ import annotations

import json
from http import HTTPStatus
from typing import Optional

import pytest

from htrlib.reading.options import ReadingOptions
from htrlib.serving.protocol import (
    _OPTIONS,
    OCTETS,
    Answer,
    RefusedError,
    answer_formats,
    answer_of,
    attributes_of,
    content_type_of,
    error_body,
    option_schemas,
    options_of,
)

JSON, TEXT = "application/json", "text/plain"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, Answer(JSON)),
        ("", Answer(JSON)),
        ("*/*", Answer(JSON)),
        ("text/plain", Answer(TEXT)),
        ("TEXT/Plain; Charset=utf-8", Answer(TEXT)),
        ("text/*", Answer(TEXT)),
        ("text/plain;q=0.4, application/json;q=0.5", Answer(JSON)),
        ("text/plain;q=0.5, application/*;q=0.4", Answer(TEXT)),
        ("application/json;q=0, */*", Answer(TEXT)),
        ("application/json; form=aws", Answer(JSON, "aws")),
        ('application/json; form="htrlib"; q=0.9', Answer(JSON, "htrlib")),
        ("application/json; form=other, text/plain;q=0.1", Answer(TEXT)),
        ("application/alto+xml", Answer("application/alto+xml")),
        ("text/markdown, text/plain;q=0.9", Answer("text/markdown")),
        ("text/markdown;q=0.2, text/*;q=0.9", Answer(TEXT)),
        ("image/png, text/plain;q=nonsense, application/json;q=0.001", Answer(JSON)),
    ],
)
def test_accept(accept: Optional[str], expected: Answer) -> None:
    assert answer_of(accept) == expected


def test_where_all_is_accepted_the_default_counts() -> None:
    assert answer_of("*/*", default=TEXT) == Answer(TEXT)
    assert answer_of("application/json, */*;q=0.1", default=TEXT) == Answer(JSON)


@pytest.mark.parametrize(
    "accept", ["image/png", "application/zip", "application/json;q=0", ";", "text/html, a"]
)
def test_what_there_is_not_is_406(accept: str) -> None:
    with pytest.raises(RefusedError) as error:
        answer_of(accept)
    assert error.value.status == HTTPStatus.NOT_ACCEPTABLE
    assert "application/vnd.prima.page+xml" in error.value.message


def test_an_accept_header_that_takes_long_to_compare_is_refused() -> None:
    assert answer_of("a/b," * 2000 + TEXT) == Answer(TEXT)
    with pytest.raises(RefusedError, match="at most 8,192 characters, found 16,010") as error:
        answer_of("a/b," * 4000 + TEXT)
    assert error.value.status == HTTPStatus.BAD_REQUEST


def test_parameters_of_a_content_type_do_not_count() -> None:
    assert content_type_of(" Application/JSON ; charset=utf-8") == JSON
    with pytest.raises(RefusedError, match="found 'text/csv'"):
        content_type_of("text/csv")


@pytest.mark.parametrize(
    "kind",
    [None, "", "application/octet-stream", "application/x-image", "image/*", "image/webp",
     "application/x-www-form-urlencoded"],
)  # fmt: skip
def test_bodies_of_other_kinds_say_themselves_what_they_are(kind: Optional[str]) -> None:
    assert content_type_of(kind) == OCTETS


def test_attributes_of_other_names_pass() -> None:
    assert options_of("trace=1-2; whatever; stage=lines") == ReadingOptions(stage="lines")


@pytest.mark.parametrize("name", ["beam_widht", "beam-width", "Stage", "language_modell", "kind"])
def test_a_misspelled_option_is_refused(name: str) -> None:
    with pytest.raises(RefusedError, match=f"no option '{name}'; did you mean") as error:
        options_of(f"trace=1; {name}=lines")
    assert error.value.status == HTTPStatus.BAD_REQUEST


def test_fields_are_options_of_these_names_only() -> None:
    expected = ReadingOptions(stage="lines", beam_width=7)
    assert options_of("stage=lines", [("beam_width", " 7\n")]) == expected
    with pytest.raises(RefusedError, match="no option 'trace'; there are stage, kinds"):
        options_of("stage=lines", [("trace", "1")])
    with pytest.raises(RefusedError, match="stage is given twice"):
        options_of("stage=lines", [("stage", "text")])


def test_the_options_that_are_described_are_those_that_are_taken() -> None:
    for name, schema in option_schemas().items():
        for value in schema.get("enum", [schema.get("maximum", "printed")]):
            options_of(f"{name}={value}")
        with pytest.raises(RefusedError, match=name):
            options_of(f"{name}=nonsense")
    assert {*option_schemas()} == {*_OPTIONS}


def test_options() -> None:
    assert options_of(None) == options_of(" ; ") == ReadingOptions()
    expected = ReadingOptions(stage="lines", beam_width=7, language_model=None)
    assert options_of("beam_width = 7;stage=lines; language_model=off;") == expected


def test_what_the_gateway_passes_on_means_the_same() -> None:
    for options in (
        ReadingOptions(),
        ReadingOptions("lines", ("printed",), "as-given", beam_width=7, language_model=None),
        ReadingOptions(what="line"),
    ):
        assert options_of(attributes_of(options)) == options
    for answer in (Answer(JSON), Answer(JSON, "aws"), Answer(TEXT), *map(Answer, answer_formats())):
        assert answer_of(answer.header) == answer


def test_an_error_may_quote_what_is_no_text() -> None:
    body = error_body(HTTPStatus.BAD_REQUEST, "found \ud800")
    assert json.loads(body)["message"] == "found \ud800"


@pytest.mark.parametrize("text", ["beam_width=٣", "beam_width=201", "beam_width=+1", "stage=Text"])
def test_options_that_are_not_quite_right(text: str) -> None:
    with pytest.raises(RefusedError, match="X-Amzn-SageMaker-Custom-Attributes"):
        options_of(text)
