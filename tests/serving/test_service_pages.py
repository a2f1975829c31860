from __future__ import annotations

import json
from pathlib import Path

from htrlib.serving.config import ServingConfig
from htrlib.serving.service_pages import Metrics, index, openapi

ONE, SEVERAL = ServingConfig(), ServingConfig(models=Path("/models"))


def rows(metrics: Metrics) -> list:
    reply = metrics.reply(healthy=True, under_way=2, config=ONE, jobs={})
    assert reply.content_type.startswith("text/plain; version=0.0.4")
    return reply.body.decode().splitlines()


def test_answers_are_counted_by_route_and_status():
    metrics = Metrics()
    for path in ("/invocations", "/invocations", "/models/anna/invoke", "/anything"):
        metrics.add(path, 200, 0.3)
    found = rows(metrics)
    assert 'htrlib_requests_total{path="/invocations",status="200"} 2' in found
    assert 'htrlib_requests_total{path="/models/{name}/invoke",status="200"} 1' in found
    assert 'htrlib_requests_total{path="other",status="200"} 1' in found
    assert "htrlib_requests_open 2" in found
    assert "htrlib_healthy 1" in found


def test_times_make_a_histogram_of_what_was_read():
    metrics = Metrics()
    for path, seconds in (("/ping", 9.0), ("/invocations", 0.2), ("/invocations", 99.0)):
        metrics.add(path, 200, seconds)
    found = rows(metrics)
    assert 'htrlib_reading_seconds_bucket{le="0.1"} 0' in found
    assert 'htrlib_reading_seconds_bucket{le="60"} 1' in found
    assert 'htrlib_reading_seconds_bucket{le="+Inf"} 2' in found
    assert "htrlib_reading_seconds_count 2" in found


def test_the_routes_are_those_of_the_server():
    one, several = (json.loads(openapi(config).body) for config in (ONE, SEVERAL))
    assert one["openapi"].startswith("3.")
    assert "/invocations" in one["paths"] and "/models" not in one["paths"]
    assert "/models/{name}/invoke" in several["paths"] and "/invocations" not in several["paths"]
    reading = one["paths"]["/invocations"]["post"]
    assert "image/png" in reading["requestBody"]["content"]


def test_jobs_are_described_and_counted_where_there_are_any():
    later = json.loads(openapi(ServingConfig(jobs=Path("/jobs"))).body)["paths"]
    assert "202" in later["/jobs"]["post"]["responses"]
    assert {"get", "delete"} <= set(later["/jobs/{id}"])
    assert "get" in later["/jobs/{id}/answer"]
    assert not any("jobs" in path for path in json.loads(openapi(ONE).body)["paths"])
    metrics = Metrics()
    metrics.add("/jobs/0123/answer", 200, 0.1)
    reply = metrics.reply(healthy=True, under_way=0, config=ONE, jobs={"waiting": 3, "reading": 1})
    found = reply.body.decode().splitlines()
    assert 'htrlib_jobs{state="waiting"} 3' in found
    assert 'htrlib_requests_total{path="/jobs/{id}/answer",status="200"} 1' in found


def test_a_browser_gets_a_page_to_try():
    page = index(ONE)
    assert b'type="file"' in page.body
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert b'type="file"' not in index(SEVERAL).body
