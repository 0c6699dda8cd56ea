"""Refuse to use one ledger for both real channels and the outbox.

A step that was only written to the outbox would count as done, although the payer never received
the message.
"""

import sqlalchemy as sa

from cobranca.errors import DeliveryRefused
from cobranca.ledger.tables import contacts
from cobranca.reminders.channels.outbox import ID_PREFIX

_IS_IN_OUTBOX = contacts.c.provider_message_id.startswith(ID_PREFIX)


def refuse_mixing(engine: sa.Engine, *, is_real: bool) -> None:
    """Check that the ledger was used only with the same kind of channel.

    A ledger that already holds both kinds counts as real.

    Raises:
        DeliveryRefused: the ledger holds contacts of the other kind; nothing was planned or sent.
    """
    with engine.connect() as connection:
        was_real = connection.scalar(sa.select(sa.exists().where(~_IS_IN_OUTBOX)))
        if (
            is_real
            and not was_real
            and connection.scalar(sa.select(sa.exists().where(_IS_IN_OUTBOX)))
        ):
            raise DeliveryRefused(
                "the contacts in this ledger only lay in the outbox, so these people would count "
                "as written to already: nothing "
                "was sent. Go live with a new, empty ledger: set COBRANCA_LEDGER to another "
                "database and run the night again."
            )
    if was_real and not is_real:
        raise DeliveryRefused(
            "this ledger holds contacts that reached people, and a message in the outbox would "
            "count as one of them: nothing was "
            "written. Look at messages with a ledger of their own: set COBRANCA_LEDGER to another "
            "database."
        )
