"""What a payer was told, promised and agreed before a night, in Portuguese sentences."""

from collections.abc import Iterator

from cobranca.explain.night_rows import PastContact
from cobranca.explain.nights import Night
from cobranca.explain.sentence_parts import channel_name, counted, day
from cobranca.labels import contact_state
from cobranca.money import format_money

# Contacts shown with a night; the ledger holds all of them.
CONTACTS_SHOWN = 6
PROMISES = {
    "open": "ainda no prazo",
    "kept": "cumprida",
    "partial": "cumprida em parte",
    "broken": "não cumprida",
}
AGREEMENTS = {"open": "em dia", "kept": "cumprido", "broken": "não cumprido"}


def history(night: Night) -> Iterator[str]:
    """The newest contacts, then every promise and agreement."""
    if night.contacts:
        yield f"Contatos até a véspera: {len(night.contacts)}"
        for row in night.contacts[:CONTACTS_SHOWN]:
            yield (
                f"- {day(row['contacted_on'])} {channel_name(row['channel'])}, {row['step']}: "
                f"{_contact(row)}"
            )
        if len(night.contacts) > CONTACTS_SHOWN:
            yield f"- e mais {len(night.contacts) - CONTACTS_SHOWN} antes"
    else:
        yield "Contatos até a véspera: nenhum"
    yield from _commitments(night)


def _commitments(night: Night) -> Iterator[str]:
    """One line for each promise and each agreement, the newest of each first."""
    for promise in night.promises:
        amount = format_money(promise["amount"], promise["currency"])
        paid = format_money(promise["paid_amount"], promise["currency"])
        yield (
            f"Promessa de {day(promise['made_on'])}: {amount} até {day(promise['promised_on'])}, "
            f"{PROMISES[promise['state']]} (pagos {paid})"
        )
    for agreement in night.agreements:
        amount = format_money(agreement["amount"], agreement["currency"])
        paid = format_money(agreement["paid_amount"], agreement["currency"])
        parts = counted(agreement["installments"], "parcela", "parcelas")
        yield (
            f"Acordo de {day(agreement['agreed_on'])}: {amount} em {parts}, "
            f"{AGREEMENTS[agreement['state']]} (pagos {paid})"
        )


def _contact(row: PastContact) -> str:
    """``atendido, PROMESSA``."""
    answer = f", {row['outcome_code']}" if row.get("outcome_code") else ""
    return contact_state(row["channel"], row["state"]) + answer
