"""What a payer promised and agreed, and how it was kept, in Portuguese sentences."""

from collections.abc import Iterator

from cobranca.explain.nights import Night
from cobranca.explain.sentence_parts import counted, day
from cobranca.money import format_money

PROMISES = {
    "open": "ainda no prazo",
    "kept": "cumprida",
    "partial": "cumprida em parte",
    "broken": "não cumprida",
}
AGREEMENTS = {"open": "em dia", "kept": "cumprido", "broken": "não cumprido"}


def commitments(night: Night) -> Iterator[str]:
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
