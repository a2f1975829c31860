"""Pages about the server itself: test page, OpenAPI description, metrics."""

from __future__ import annotations

from collections import Counter
from http import HTTPStatus
from typing import Any, Dict, List, Mapping, Optional, Tuple

from htrlib._version import __version__
from htrlib.serving.config import ServingConfig
from htrlib.serving.forms import FORM
from htrlib.serving.protocol import (
    CONTENT_TYPES,
    CUSTOM_ATTRIBUTES,
    JSON,
    TEXT,
    answer_formats,
    option_schemas,
)
from htrlib.serving.replies import Reply, json_reply

HTML = "text/html; charset=utf-8"
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"

SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of the histogram of answer times."""

_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"
)

_INDEX = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>htrlib</title>
<style>body{font:1rem/1.5 sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}
pre{white-space:pre-wrap;border:1px solid #999;padding:1rem;min-height:3rem}</style>
<h1>htrlib VERSION</h1>
<p>This server reads handwriting. <a href="ping">Health</a>, <a href="metrics">metrics</a>,
<a href="openapi.json">the routes as OpenAPI</a>.</p>
BODY
</html>
"""

_FORM = """<p><label>Try a picture: <input id="picture" type="file" accept="image/*"></label></p>
<pre id="text" aria-live="polite"></pre>
<script>
const text = document.getElementById("text");
document.getElementById("picture").addEventListener("change", async (event) => {
  const file = event.target.files[0];
  if (!file) return;
  text.textContent = "Reading " + file.name + " ...";
  try {
    const answer = await fetch("invocations", {
      method: "POST", body: file,
      headers: {"Content-Type": file.type || "image/png", "Accept": "text/plain"},
    });
    const body = await answer.text();
    text.textContent = answer.ok ? body || "No handwriting found." : JSON.parse(body).message;
  } catch (error) {
    text.textContent = "The server does not answer: " + error.message;
  }
});
</script>"""

_SEVERAL = """<p>It serves several models: <a href="models">those that are loaded</a>. Send a
picture to <code>models/NAME/invoke</code>.</p>"""


def index(config: ServingConfig) -> Reply:
    """Return the test page for browsers."""
    form = _FORM if config.models is None else _SEVERAL
    page = _INDEX.replace("VERSION", __version__).replace("BODY", form)
    headers = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"}
    return Reply(int(HTTPStatus.OK), page.encode("utf-8"), HTML, headers)


def openapi(config: ServingConfig) -> Reply:
    """Describe the server's routes as OpenAPI 3.0."""
    paths: Dict[str, Any] = {
        "/": _page("A web page to try a picture"),
        "/openapi.json": _page("This description"),
        "/ping": _page("Whether pages are read", {"200": "yes", "503": "no"}),
        "/execution-parameters": _page("What batch transform may send"),
        "/metrics": _page("Counts and times for Prometheus"),
    }
    if config.jobs is not None:
        paths.update(_job_paths())
    if config.models is None:
        paths["/invocations"] = {"post": _reading()}
    else:
        name = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
        load = _operation(
            "Load a model",
            {
                "200": "loaded",
                "400": "no model that can be loaded",
                "404": "there is no such directory",
                "409": "it is loaded",
                "507": "no room",
            },
        )
        missing = {"200": "OK", "404": "it is not loaded"}
        load["requestBody"] = {"content": {JSON: {"schema": {"type": "object"}}}, "required": True}
        paths["/models"] = {"get": _operation("The loaded models"), "post": load}
        paths["/models/{name}"] = {
            "parameters": [name],
            "get": _operation("A loaded model", missing),
            "delete": _operation("Unload a model", missing),
        }
        paths["/models/{name}/invoke"] = {"parameters": [name], "post": _reading()}
    info = {"title": "htrlib", "version": __version__, "description": "Reads handwriting."}
    return json_reply({"openapi": "3.0.3", "info": info, "paths": paths})


def _job_paths() -> Dict[str, Any]:
    """The routes of requests that are answered later."""
    accepted = _reading("Read a picture later")
    del accepted["responses"]["200"]
    accepted["responses"].update(
        {
            "202": {"description": "accepted: Location says where to look"},
            "507": {"description": "the disk is full"},
        }
    )
    missing = {"404": "no such job, or its time is over"}
    id = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    return {
        "/jobs": {"post": accepted},
        "/jobs/{id}": {
            "parameters": [id],
            "get": _operation(
                "Its status: waiting, reading, done or failed", {"200": "OK", **missing}
            ),
            "delete": _operation("Forget a job", {"200": "deleted", **missing}),
        },
        "/jobs/{id}/answer": {
            "parameters": [id],
            "get": _operation(
                "What /invocations would have answered",
                {"200": "the text and its places", "404": "no such job, or it is not done"},
            ),
        },
    }


def _page(summary: str, answers: Optional[Mapping[str, str]] = None) -> Dict[str, Any]:
    """Describe a path that answers GET and HEAD."""
    return {method: _operation(summary, answers) for method in ("get", "head")}


def _operation(summary: str, answers: Optional[Mapping[str, str]] = None) -> Dict[str, Any]:
    responses = answers or {"200": "OK"}
    return {
        "summary": summary,
        "responses": {status: {"description": text} for status, text in responses.items()},
    }


def _reading(summary: str = "Read a picture") -> Dict[str, Any]:
    """Describe the operation that reads a picture."""
    binary = {"schema": {"type": "string", "format": "binary"}}
    operation = _operation(
        summary,
        {
            "200": "the text and its places",
            "400": "no picture that can be read, or a wrong option",
            "406": "no answer of a type that Accept names",
            "408": "the body did not arrive in time",
            "413": "the body or a page is too large",
            "415": "another content type",
            "500": "reading failed",
            "503": "too much to do; send it again after Retry-After seconds",
            "504": "reading took too long",
        },
    )
    form = {"schema": {"type": "object", "properties": {"file": binary["schema"]}}}
    operation["requestBody"] = {
        "required": True,
        "content": {**dict.fromkeys((*CONTENT_TYPES, "image/*"), binary), FORM: form},
    }
    operation["responses"]["200"]["content"] = {
        JSON: {"schema": {"type": "object"}},
        **{kind: {"schema": {"type": "string"}} for kind in (TEXT, *answer_formats())},
    }
    attributes = "options, as: beam_width=25; stage=lines; language_model=off"
    operation["parameters"] = [
        _parameter(CUSTOM_ATTRIBUTES, "header", {"type": "string"}, attributes),
        *(_parameter(name, "query", schema) for name, schema in option_schemas().items()),
    ]
    return operation


def _parameter(
    name: str, place: str, schema: Mapping[str, Any], description: str = "as in the header"
) -> Dict[str, Any]:
    return {"name": name, "in": place, "description": description, "schema": schema}


class Metrics:
    """Counts answers, for Prometheus.

    Labels are the paths of routes, never the paths that clients send, each of which would create a
    new series.
    """

    def __init__(self) -> None:
        self._answers: Counter[Tuple[str, int]] = Counter()
        self._times: Counter[float] = Counter()
        self._seconds = 0.0

    def add(self, path: str, status: int, seconds: float) -> None:
        """Count an answer, with the time since the request's headers."""
        self._answers[_route(path), status] += 1
        if _route(path) in ("/invocations", "/models/{name}/invoke"):
            self._times[next((limit for limit in SECONDS if seconds <= limit), float("inf"))] += 1
            self._seconds += seconds

    def reply(
        self, *, healthy: bool, under_way: int, config: ServingConfig, jobs: Mapping[str, int]
    ) -> Reply:
        """Return the counts so far and the current state.

        Args:
            jobs: how many are waiting and being read.
        """
        rows = _metric("htrlib_info", "gauge", "What runs.", {f'version="{__version__}"': 1})
        rows += _metric("htrlib_healthy", "gauge", "Whether pages are read.", {"": int(healthy)})
        rows += _metric("htrlib_workers", "gauge", "Reading processes.", {"": config.workers})
        rows += _metric("htrlib_requests_open", "gauge", "Under way.", {"": under_way})
        if jobs:
            states = {f'state="{state}"': count for state, count in jobs.items()}
            rows += _metric("htrlib_jobs", "gauge", "Requests that are answered later.", states)
        answers = {
            f'path="{path}",status="{status}"': count
            for (path, status), count in sorted(self._answers.items())
        }
        rows += _metric("htrlib_requests_total", "counter", "Answered requests.", answers)
        name = "htrlib_reading_seconds"
        rows += [f"# HELP {name} From a picture to its answer.", f"# TYPE {name} histogram"]
        total = 0
        for limit in (*SECONDS, float("inf")):
            total += self._times[limit]
            label = "+Inf" if limit == float("inf") else f"{limit:g}"
            rows.append(f'{name}_bucket{{le="{label}"}} {total}')
        rows += [f"{name}_sum {self._seconds:.3f}", f"{name}_count {total}"]
        return Reply(int(HTTPStatus.OK), ("\n".join(rows) + "\n").encode(), PROMETHEUS)


def _metric(name: str, kind: str, text: str, values: Mapping[str, int]) -> List[str]:
    rows = [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
    for labels, value in values.items():
        rows.append(f"{name}{{{labels}}} {value}" if labels else f"{name} {value}")
    return rows


def _route(path: str) -> str:
    parts = path.split("/")[1:]
    if parts[:1] == ["models"] and len(parts) > 1:
        return "/models/{name}/invoke" if parts[2:] == ["invoke"] else "/models/{name}"
    if parts[:1] == ["jobs"] and len(parts) > 1:
        return "/jobs/{id}/answer" if parts[2:] == ["answer"] else "/jobs/{id}"
    known = ("/", "/ping", "/execution-parameters", "/invocations", "/models", "/metrics", "/jobs")
    return path if path in (*known, "/openapi.json") else "other"
