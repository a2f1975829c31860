"""The deployment examples parse, and name existing images, ports and paths."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "examples" / "deploy"
yaml = pytest.importorskip("yaml")


def test_kubernetes_probes_and_routes_are_those_of_the_server():
    deployment, service = yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert service["spec"]["selector"] == deployment["spec"]["selector"]["matchLabels"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["path"] == "/ping"


def test_compose_mounts_what_lies_beside_it():
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    for mount in services["proxy"]["volumes"]:
        source = mount.split(":")[0]
        assert not source.startswith(".") or (DEPLOY / source).is_file()
    assert "reverse_proxy htrlib:8080" in (DEPLOY / "Caddyfile").read_text()
