"""The health check of a container."""

import io
import json

import pytest

from cobranca.orchestration import health
from cobranca.orchestration.health import is_healthy

ANSWER = {
    "metadatabase": {"status": "healthy"},
    "scheduler": {"status": "unhealthy"},
    "dag_processor": {"status": "healthy"},
    "triggerer": {"status": None},
}


def test_a_component_is_not_healthy_when_no_server_answers():
    assert not is_healthy("scheduler", "http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("component", "healthy"),
    [("api-server", True), ("scheduler", False), ("dag-processor", True), ("triggerer", False)],
)
def test_each_component_has_its_own_health(monkeypatch, component, healthy):
    answer = json.dumps(ANSWER).encode()
    monkeypatch.setattr(health, "urlopen", lambda url, timeout: io.BytesIO(answer))
    assert is_healthy(component, "http://localhost:8080") is healthy
