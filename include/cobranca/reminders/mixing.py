"""One ledger is about people who were written to, or about files in the outbox, and never about both: a step that only lay in
the outbox would count as done for somebody who never heard of it.
"""

import sqlalchemy as sa

from cobranca.errors import DeliveryRefused
from cobranca.ledger.tables import contacts
from cobranca.reminders.channels.outbox import ID_PREFIX

_LIES_IN_THE_OUTBOX = contacts.c.provider_message_id.startswith(ID_PREFIX)


def refuse_mixing(engine: sa.Engine, *, is_real: bool) -> None:
    """Ask the ledger whether a channel that reaches people, or the outbox, may go on with it.

    A ledger in which both already stand is about people: it only takes what reaches them.

    Raises:
        DeliveryRefused: it may not; nothing was planned or sent.
    """
    with engine.connect() as connection:
        was_real = connection.scalar(sa.select(sa.exists().where(~_LIES_IN_THE_OUTBOX)))
        if is_real and not was_real and connection.scalar(sa.select(sa.exists().where(_LIES_IN_THE_OUTBOX))):
            raise DeliveryRefused(
                "the contacts in this ledger only lay in the outbox, so these people would count as written to already: nothing "
                "was sent. Go live with a new, empty ledger: set COBRANCA_LEDGER to another database and run the night again."
            )
    if was_real and not is_real:
        raise DeliveryRefused(
            "this ledger holds contacts that reached people, and a message in the outbox would count as one of them: nothing was "
            "written. Look at messages with a ledger of their own: set COBRANCA_LEDGER to another database."
        )
