"""Is tonight's number of messages unusual? Then a person decides whether they leave."""

from datetime import date
from decimal import Decimal
from statistics import median

import sqlalchemy as sa

from cobranca.ledger import open_ledger
from cobranca.ledger.contacts import ContactLedger
from cobranca.ledger.tables import contacts, runs
from cobranca.policy import load_policy
from cobranca.settings import Settings

# What a person let pass, as a stage of the ledger's ``runs``: one batch, whatever else is planned for its date later.
APPROVED = "volume_approved"
_WAITING = ("planned", "claimed")
_LEFT = ("sending", "sent", "unknown", "delivered", "undelivered", "bounced", "rejected")


def unusual_volume(settings: Settings, business_date: date) -> str | None:
    """A sentence for the person who decides, in Portuguese; ``None`` when the number is usual, nothing is left to send, or a
    person has already let this very plan pass.

    Messages of the date that already left count too, so that a second run is held to the same limit. The median is
    taken over the latest earlier nights on which any message left; the first night has none and knows only the maximum.

    Raises:
        ConfigError: the limits cannot be read.
    """
    limits = load_policy(settings.config, business_date).limits.volume
    engine = open_ledger(settings.ledger)
    try:
        newest_plan = ContactLedger(engine).newest_plan(business_date)
        with engine.connect() as ledger:
            waiting = _count(ledger, business_date, _WAITING)
            tonight = waiting + _count(ledger, business_date, _LEFT)
            earlier = _earlier_nights(ledger, business_date, limits.nights)
            is_approved = _is_approved(ledger, newest_plan)
    finally:
        engine.dispose()
    if not waiting or is_approved:
        return None
    day = f"{business_date:%d/%m/%Y}"
    if tonight > limits.maximum_messages:
        return f"Há {tonight} mensagens planejadas para {day}; o máximo de uma noite é {limits.maximum_messages}. Enviar?"
    usual = Decimal(median(earlier)) if earlier else None
    if usual is not None and tonight > limits.times_median * usual:
        return (
            f"Há {tonight} mensagens planejadas para {day}; a mediana das últimas {len(earlier)} noites com envio é "
            f"{_number(usual)}, e o limite é {_number(limits.times_median)} vezes a mediana. Enviar?"
        )
    return None


def _is_approved(ledger: sa.Connection, batch_id: str | None) -> bool:
    query = sa.select(sa.func.count()).where(runs.c.stage == APPROVED, runs.c.batch_id == batch_id)
    return bool(ledger.scalar(query))


def _number(value: Decimal) -> str:
    return f"{value:g}".replace(".", ",")


def _count(ledger: sa.Connection, business_date: date, states: tuple[str, ...]) -> int:
    query = sa.select(sa.func.count()).where(contacts.c.business_date == business_date, contacts.c.state.in_(states))
    return ledger.scalar(query)


def _earlier_nights(ledger: sa.Connection, business_date: date, nights: int) -> list[int]:
    query = (
        sa.select(sa.func.count())
        .where(contacts.c.business_date < business_date, contacts.c.state.in_(_LEFT))
        .group_by(contacts.c.business_date)
        .order_by(contacts.c.business_date.desc())
        .limit(nights)
    )
    return list(ledger.scalars(query))
