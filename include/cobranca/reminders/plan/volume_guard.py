"""Volume guard: an unusual number of messages is sent only after approval by a person."""

from datetime import date
from decimal import Decimal
from statistics import median

import sqlalchemy as sa

from cobranca.ledger import open_ledger
from cobranca.ledger.contact_lookups import ContactLookups
from cobranca.ledger.tables import contacts, runs
from cobranca.policy import load_policy
from cobranca.settings import Settings

# The stage of an approval in the ledger's ``runs``. It holds for one batch, not for a later plan of
# the same date.
APPROVED = "volume_approved"
_WAITING = ("planned", "claimed")
_SENT = ("sending", "sent", "unknown", "delivered", "undelivered", "bounced", "rejected")


def unusual_volume(settings: Settings, business_date: date) -> str | None:
    """Check the number of messages; returns the question for the approver, in Portuguese.

    Returns ``None`` when the number is usual, nothing is left to send, or this plan is approved.

    Messages of the date that were already sent count too, so that a second run has the same limit.
    The median is of the latest earlier nights with any message sent. The first night has no median,
    only the maximum.

    Raises:
        ConfigError: the limits cannot be read.
    """
    limits = load_policy(settings.config, business_date).limits.volume
    engine = open_ledger(settings.ledger)
    try:
        newest_plan = ContactLookups(engine).newest_plan(business_date)
        with engine.connect() as ledger:
            waiting = _count(ledger, business_date, _WAITING)
            tonight = waiting + _count(ledger, business_date, _SENT)
            earlier = _earlier_nights(ledger, business_date, limits.nights)
            is_approved = _is_approved(ledger, newest_plan)
    finally:
        engine.dispose()
    if not waiting or is_approved:
        return None
    day = f"{business_date:%d/%m/%Y}"
    if tonight > limits.maximum_messages:
        return (
            f"Há {tonight} mensagens planejadas para {day}; o máximo de uma noite é "
            f"{limits.maximum_messages}. Enviar?"
        )
    usual = Decimal(median(earlier)) if earlier else None
    if usual is not None and tonight > limits.times_median * usual:
        return (
            f"Há {tonight} mensagens planejadas para {day}; a mediana das últimas {len(earlier)} "
            f"noites com envio é {_number(usual)}, e o limite é {_number(limits.times_median)} "
            "vezes a mediana. Enviar?"
        )
    return None


def _is_approved(ledger: sa.Connection, batch_id: str | None) -> bool:
    query = sa.select(sa.func.count()).where(runs.c.stage == APPROVED, runs.c.batch_id == batch_id)
    return bool(ledger.scalar(query))


def _number(value: Decimal) -> str:
    return f"{value:g}".replace(".", ",")


def _count(ledger: sa.Connection, business_date: date, states: tuple[str, ...]) -> int:
    query = sa.select(sa.func.count()).where(
        contacts.c.business_date == business_date, contacts.c.state.in_(states)
    )
    return ledger.scalar(query) or 0


def _earlier_nights(ledger: sa.Connection, business_date: date, nights: int) -> list[int]:
    query = (
        sa.select(sa.func.count())
        .where(contacts.c.business_date < business_date, contacts.c.state.in_(_SENT))
        .group_by(contacts.c.business_date)
        .order_by(contacts.c.business_date.desc())
        .limit(nights)
    )
    return list(ledger.scalars(query))
