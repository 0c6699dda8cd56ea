"""An installation after its first night, and a small company after two."""

import shutil

import pytest

from cobranca.connections import Connection
from cobranca.errors import DeliveryHalted
from cobranca.night import STAGES
from cobranca.reminders import deliver
from cobranca.reminders.channels.sendgrid import SendGrid
from cobranca.settings import PROJECT_ROOT
from faults.provider import StandInProvider
from nights.installation import FIRST, REFUSED, SECOND, Installation
from nights.situations import SITUATIONS
from nights.small_company import SmallCompany
from reminders.plans import noon


@pytest.fixture(scope="session")
def after_first_night(tmp_path_factory) -> Installation:
    """An installation after one good night; tests copy it before they change anything."""
    place = Installation(tmp_path_factory.mktemp("nights"))
    shutil.copytree(PROJECT_ROOT / "include" / "config", place.config)
    place.fill(FIRST)
    done = place.night_here(FIRST, "--until", "gate")
    assert done.returncode == 0, done.stdout + done.stderr
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AIRFLOW_CONN_ERP", "AIRFLOW_CONN_BILLING"):
            patch.setenv(name, place.environment[name])
        _refuse_some(place)
        for stage in ("reminders", "queues", "reports"):
            STAGES[stage](place.settings, FIRST)
    return place


def _refuse_some(place: Installation) -> None:
    """The provider refuses some messages for good, and then the credential.

    So nothing else leaves.
    """
    answers = iter(["400", "413"] * REFUSED)
    with StandInProvider(
        place.folder / "mails.jsonl", lambda number, key: next(answers, "401")
    ) as provider:
        connection = Connection("sendgrid", "http", host=provider.url, password="SG.key")
        with pytest.raises(DeliveryHalted):
            deliver(
                place.settings, FIRST, clock=noon(FIRST), channel=SendGrid(connection, threads=1)
            )
        assert provider.accepted() == []
    assert len(place.refused()) == 2 * REFUSED


@pytest.fixture
def installation(after_first_night, tmp_path) -> Installation:
    shutil.copytree(after_first_night.folder, tmp_path / "copy")
    return Installation(tmp_path / "copy")


@pytest.fixture(scope="session")
def company(tmp_path_factory) -> SmallCompany:
    """A small company after two nights; a payment is there only while the first one sends."""
    place = SmallCompany(tmp_path_factory.mktemp("company"), SECOND)
    for situation in SITUATIONS:
        situation(place)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in place.environment.items():
            patch.setenv(name, value)
        plan = ("feedback", "land", "build", "gate")
        for stage in plan:
            STAGES[stage](place.settings, FIRST)
        place.pays("seen_once", FIRST.isoformat(), "1000.00")
        for stage in ("reminders", "queues", "reports"):
            STAGES[stage](place.settings, FIRST)
        place.change("delete from payments where receivable_id = 'seen_once'")
        for stage in (*plan, "reminders"):
            STAGES[stage](place.settings, SECOND)
    return place
