"""Request options and answer types, for both the gateway and the workers.

This module looks only at headers. Bodies are decoded only by workers, so that the gateway never
decodes untrusted data.
"""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from http import HTTPStatus
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from htrlib.document.kinds import KINDS
from htrlib.errors import ConfigError
from htrlib.formats.saving import FORMATS, Format
from htrlib.reading.options import BUNDLED, CONTENTS, ORIENTATIONS, STAGES, ReadingOptions

JSON, TEXT, NPY = "application/json", "text/plain", "application/x-npy"
PDF = "application/pdf"
PICTURES = ("image/png", "image/jpeg", "image/tiff")
OCTETS = "application/octet-stream"
"""The content type of a body that says by its first bytes what it is."""

_logger = logging.getLogger(__name__)

CONTENT_TYPES = (*PICTURES, PDF, JSON, NPY, OCTETS)

_SNIFFED = re.compile(
    r"(application/(octet-stream|x-image|x-www-form-urlencoded)|image/[a-z0-9.+*-]+)?"
)
"""Content types that clients send with any picture, as batch transform, the AWS console, and
`curl --data-binary` without a header do."""

MAX_BEAM_WIDTH = 200
_LONGEST_ACCEPT = 8192  # characters, of all headers of that name; browsers send 150
_SIMILARITY = 0.84  # of an option and its misspelling; that of "usage" and "stage" is 0.8
_OPTIONS = ("stage", "kinds", "what", "orientation", "beam_width", "language_model")

CUSTOM_ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
ANSWERED = "X-Htrlib-Answer"  # set by the handler, not by the model server
DEADLINE = "X-Htrlib-Deadline"  # seconds since the epoch, set by the gateway
THOROUGH = "X-Htrlib-Thorough"  # set by the supervisor: run every network, even on an empty page

_LANGUAGE_MODELS = {"on": BUNDLED, "off": None}


class RefusedError(Exception):
    """The request is refused with a 4xx or 5xx status.

    Attributes:
        status: HTTP status.
        message: message for the client: what was found, what was expected, what to do.
        headers: additional headers of the answer.
    """

    def __init__(
        self, status: HTTPStatus, message: str, headers: Optional[Mapping[str, str]] = None
    ) -> None:
        self.status = status
        self.message = message
        self.headers = dict(headers or {})
        super().__init__(message)


@dataclass(frozen=True)
class Answer:
    """The form of an answer.

    Attributes:
        content_type: "application/json", "text/plain", or one of `answer_formats`.
        form: form of the JSON: "htrlib", "aws", or None if the request does not specify it.
    """

    content_type: str
    form: Optional[str] = None

    @property
    def header(self) -> str:
        """The Accept header that requests this answer."""
        return self.content_type if self.form is None else f"{self.content_type}; form={self.form}"


def error_body(status: HTTPStatus, message: str) -> bytes:
    """Return the JSON of an error, with the keys of Multi Model Server."""
    error = {"code": int(status), "type": status.phrase, "message": message}
    return json.dumps(error).encode("ascii")  # a message may quote bytes that are not text


def content_type_of(header: Optional[str]) -> str:
    """Return the content type of a request's body, without parameters such as `charset`.

    Other image types, `application/octet-stream` and a missing content type give `OCTETS`, for
    which the worker detects the type by the first bytes.

    Raises:
        RefusedError: 415 if the content type is not supported.
    """
    found = (header or "").split(";", 1)[0].strip().lower()
    if found in CONTENT_TYPES:
        return found
    if _SNIFFED.fullmatch(found):
        return OCTETS
    raise RefusedError(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        f"Content-Type is one of {', '.join(CONTENT_TYPES)}, image/*, or left out; found "
        f"{_shown(header)}",
    )


@cache
def answer_formats() -> Mapping[str, Format]:
    """Return the formats of answers by media type, except JSON and plain text.

    Of the formats that contain the page's picture, only PDF is included.
    """
    found: Dict[str, Format] = {}
    for name in FORMATS:
        try:
            form = FORMATS[name]
        except ConfigError as error:  # a broken package must not affect the other formats
            _logger.warning("no answers of the format %s: %s", name, error)
            continue
        if form.media_type == PDF or not (form.needs_picture or form.media_type in (JSON, TEXT)):
            found.setdefault(form.media_type, form)
    return found


def answer_of(accept: Optional[str], default: str = JSON) -> Answer:
    """Return the available answer that an Accept header prefers.

    Args:
        accept: value of the header; an empty one accepts everything.
        default: content type if all are equally acceptable.
    Raises:
        RefusedError: 406 if no available answer is acceptable; 400 if the header is too long.
    """
    if len(accept or "") > _LONGEST_ACCEPT:
        raise RefusedError(
            HTTPStatus.BAD_REQUEST,
            f"Accept has at most {_LONGEST_ACCEPT:,} characters, found {len(accept or ''):,}; name "
            "only the types that you can use",
        )
    offers = sorted(
        map(Answer, (JSON, TEXT, *answer_formats())),
        key=lambda offer: offer.content_type != default,
    )
    ranges = [_media_range(part) for part in (accept or "*/*").split(",") if part.strip()]
    best: Tuple[float, Answer] = (0.0, offers[0])
    for offer in offers:
        quality, form = _quality(offer, ranges)
        if quality > best[0]:
            best = quality, Answer(offer.content_type, form)
    if best[0] <= 0.0:
        raise RefusedError(
            HTTPStatus.NOT_ACCEPTABLE,
            f"answers are {JSON}, with the parameter form=aws if wanted, "
            f"{', '.join((TEXT, *answer_formats()))}; Accept asks for {_shown(accept)}",
        )
    return best[1]


def attributes_of(options: ReadingOptions) -> str:
    """Return the custom attributes that are options."""
    model = "on" if options.language_model == BUNDLED else "off"
    parts = [
        f"stage={options.stage}",
        f"what={options.what}",
        f"orientation={options.orientation}",
        f"beam_width={options.beam_width}",
        f"language_model={model}",
    ]
    if options.kinds is not None:
        parts.append(f"kinds={','.join(options.kinds)}")
    return "; ".join(parts)


def options_of(attributes: Optional[str], fields: Sequence[Tuple[str, str]] = ()) -> ReadingOptions:
    """Parse the options in a request's custom attributes: `beam_width=25; stage=lines`.

    Attributes of other names are ignored unless they look like misspelled options: SageMaker's
    clients pass trace ids and the like in this header.

    Args:
        fields: names and values of further options, none of which may have another name.
    Raises:
        RefusedError: 400 if an option is unknown, given twice or has an invalid value.
    """
    parts = [part.partition("=") for part in (attributes or "").split(";") if part.strip()]
    given = [(name.strip(), value.strip()) for name, _, value in parts]
    named = [(name, value) for name, value in given if name in _OPTIONS or _similar(name)]
    found: Dict[str, Any] = {}
    for name, value in (*named, *fields):
        if name not in _OPTIONS:
            similar = _similar(name)
            advice = f"did you mean {similar}?" if similar else f"there are {', '.join(_OPTIONS)}"
            raise _bad_option(f"there is no option {_shown(name)}; {advice}")
        if name in found:
            raise _bad_option(f"{name} is given twice")
        found[name] = _option(name, value.strip())
    return ReadingOptions(**found)


def _similar(name: str) -> Optional[str]:
    """Return the option that a name may be a misspelling of."""
    spelled = name.lower().replace("-", "_")
    return next(iter(get_close_matches(spelled, _OPTIONS, 1, _SIMILARITY)), None)


def option_schemas() -> Dict[str, Dict[str, Any]]:
    """Describe the options, by name, as JSON schemas."""
    return {
        "stage": {"type": "string", "enum": list(STAGES)},
        "kinds": {"type": "string", "description": f"any of {', '.join(KINDS)}, with commas"},
        "what": {"type": "string", "enum": list(CONTENTS)},
        "orientation": {"type": "string", "enum": list(ORIENTATIONS)},
        "beam_width": {"type": "integer", "minimum": 1, "maximum": MAX_BEAM_WIDTH},
        "language_model": {"type": "string", "enum": list(_LANGUAGE_MODELS)},
    }


def header(headers: Mapping[str, str], name: str) -> Optional[str]:
    """Return a header by its name, ignoring case."""
    wanted = name.lower()
    return next((value for key, value in headers.items() if key.lower() == wanted), None)


def _option(name: str, value: str) -> Any:
    if name == "stage":
        if value in STAGES:
            return value
        raise _bad_option(f"stage is one of {', '.join(STAGES)}, found {_shown(value)}")
    if name == "what":
        if value in CONTENTS:
            return value
        raise _bad_option(f"what is one of {', '.join(CONTENTS)}, found {_shown(value)}")
    if name == "orientation":
        if value in ORIENTATIONS:
            return value
        raise _bad_option(f"orientation is one of {', '.join(ORIENTATIONS)}, found {_shown(value)}")
    if name == "kinds":
        kinds = tuple(kind.strip() for kind in value.split(","))
        if set(kinds) <= set(KINDS):
            return kinds
        raise _bad_option(f"kinds are {', '.join(KINDS)}, with commas; found {_shown(value)}")
    if name == "language_model":
        if value in _LANGUAGE_MODELS:
            return _LANGUAGE_MODELS[value]
        raise _bad_option(f"language_model is on or off, found {_shown(value)}")
    # isdecimal alone would accept the digits of other scripts
    if value.isascii() and value.isdecimal() and 1 <= int(value[:9]) <= MAX_BEAM_WIDTH:
        return int(value[:9])
    raise _bad_option(f"beam_width is 1 to {MAX_BEAM_WIDTH}, found {_shown(value)}")


def _bad_option(reason: str) -> RefusedError:
    return RefusedError(
        HTTPStatus.BAD_REQUEST,
        f"{reason} (options: {CUSTOM_ATTRIBUTES}, the query, or fields of a form)",
    )


@dataclass(frozen=True)
class _MediaRange:
    kind: str
    form: Optional[str]
    quality: float


def _media_range(text: str) -> _MediaRange:
    kind, *parameters = (part.strip() for part in text.split(";"))
    quality, form = 1.0, None
    for parameter in parameters:
        name, _, value = (piece.strip().strip('"') for piece in parameter.partition("="))
        if name.lower() == "q":
            quality = _quality_value(value)
        elif name.lower() == "form":
            form = value.lower()
    if form not in (None, "aws", "htrlib"):
        quality = 0.0  # an unknown form
    return _MediaRange(kind.lower(), form, quality)


def _quality_value(text: str) -> float:
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 0.0


def _quality(offer: Answer, ranges: List[_MediaRange]) -> Tuple[float, Optional[str]]:
    """Return the quality that the most specific range gives an offer, and the form it names."""
    group = offer.content_type.split("/")[0]
    for kind in (offer.content_type, f"{group}/*", "*/*"):
        # `form` is a parameter of JSON only; text/plain with one is still text/plain.
        named = [entry for entry in ranges if entry.kind == kind]
        if named:
            best = max(named, key=lambda entry: entry.quality)
            return best.quality, best.form if offer.content_type == JSON else None
    return 0.0, None


def _shown(value: Optional[str]) -> str:
    """Shorten and escape untrusted text for a message."""
    return "none" if not value else ascii(value[:80])
