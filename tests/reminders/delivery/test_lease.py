"""Lease of a sender: renewed after a third of it, and only its own contacts are released."""

from datetime import date
from types import SimpleNamespace

import pytest

from cobranca.reminders.delivery.lease import Lease

NIGHT = date(2026, 11, 18)


@pytest.mark.parametrize(("seconds", "renewals"), [(20, 0), (20.1, 1), (59, 1)])
def test_a_lease_of_a_minute_is_renewed_when_a_third_has_passed(monkeypatch, seconds, renewals):
    now, calls = [100.0], []
    monkeypatch.setattr(
        "cobranca.reminders.delivery.lease.time", SimpleNamespace(monotonic=lambda: now[0])
    )
    worker = SimpleNamespace(
        claim=lambda *_, **__: ["m1"], renew=lambda owner, seconds: calls.append((owner, seconds))
    )
    lease = Lease(worker, 60)
    lease.claim(NIGHT, "b1", limit=9, after="")
    now[0] += seconds
    for _ in range(2):
        lease.renew()
    assert calls == [(lease.owner, 60)] * renewals


def test_two_senders_have_different_owners():
    worker = SimpleNamespace()
    assert Lease(worker, 60).owner != Lease(worker, 60).owner
