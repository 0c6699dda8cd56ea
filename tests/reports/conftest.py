"""One real night for all tests of the reports."""

import pytest

from cobranca.partitions.manifest import Manifest
from cobranca.settings import Settings
from reports.batches import approve, build_night, company, feedback


@pytest.fixture(scope="session")
def finance_night(tmp_path_factory) -> tuple[Settings, Manifest]:
    """A night with history, contacts, promises and an agreement, approved; its reports are not
    written yet.
    """
    folder = tmp_path_factory.mktemp("finance")
    settings, batch = build_night(folder, feedback=feedback(), **company())
    approve(settings, batch)
    return settings, batch
