"""The compiled decision path, once for every test that plays nights in memory."""

import pytest

from cobranca.simulation.decision_path import DecisionPath


@pytest.fixture(scope="session")
def decision_path(tmp_path_factory) -> DecisionPath:
    return DecisionPath.compile(tmp_path_factory.mktemp("decision_path"))
