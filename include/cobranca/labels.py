"""Portuguese labels for the codes that SQL writes.

Pages, workbooks, messages and ``cobranca why`` read them here.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DECISIONS = {
    "remind": "Mensagem",
    "call": "Ligação",
    "escalate": "Decisão de uma pessoa",
    "none": "Sem contato",
}
CHANNELS = {"email": "E-mail", "phone": "Telefone", "sms": "SMS", "whatsapp": "WhatsApp"}
CLASSES = {
    "pontual": "Pontual",
    "viciado": "Atraso habitual",
    "irregular": "Irregular",
    "critico": "Crítico",
    "novo": "Novo",
}
RESPONSIBLE = {
    "agente": "Agente",
    "supervisao": "Supervisão",
    "financeiro": "Financeiro",
    "juridico": "Jurídico",
    "cadastro": "Cadastro",
}


@dataclass(frozen=True)
class Reason:
    """One line of ``reasons.csv``: why a receivable is or is not contacted, and who goes on.

    ``ends_with`` is what ends the wait of an overdue receivable that is not contacted: ``person``,
    ``step`` or ``itself``. ``responsible`` and ``may_do`` are empty where no person is asked.
    """

    code: str
    ends_with: str
    responsible: str
    label: str
    may_do: str


def _read_reasons() -> dict[str, Reason]:
    text = (Path(__file__).parent / "reasons.csv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    rows = csv.reader(lines[1:], delimiter=";")
    return {code: Reason(code, *rest) for code, *rest in rows}


# The first of a payer's reasons is the one that stands first here.
REASON_CATALOGUE = _read_reasons()
REASONS = {code: found.label for code, found in REASON_CATALOGUE.items()}

CONTACT_STATES = {
    "planned": "planejado",
    "claimed": "em envio",
    "sending": "em envio",
    "sent": "enviado",
    "rejected": "recusado",
    "unknown": "sem confirmação",
    "delivered": "entregue",
    "undelivered": "não entregue",
    "bounced": "devolvido",
    "complained": "marcado como indesejado",
    "unanswered": "sem resposta",
    "suppressed": "não enviado",
    "cancelled_paid": "não enviado (pago)",
    "cancelled": "não enviado",
    "superseded": "não enviado",
    "expired": "não enviado",
}
CALL_STATES = {"delivered": "atendido", "unanswered": "sem resposta"}


def reason(code: str | None) -> str:
    """The reason of a decision in Portuguese.

    A code without words stays readable, and a missing one is shown as missing.
    """
    if not code:
        return "(sem motivo)"
    return REASONS.get(code) or code.removeprefix("hold_").replace("_", " ").capitalize()


def may_do(code: str) -> str:
    """What the person in charge may do about a case of this reason.

    A code that is not in the catalogue asks for a look.
    """
    found = REASON_CATALOGUE.get(code)
    return (found and found.may_do) or "Conferir o caso e decidir"


def in_sentence(text: str) -> str:
    """The same words within a sentence.

    The capital at the start goes, unless it begins an abbreviation.
    """
    return text if text[:2].isupper() else text[:1].lower() + text[1:]


def contact_state(channel: str, state: str) -> str:
    """What became of a contact; a call is answered where a message is delivered."""
    return (CALL_STATES.get(state) if channel == "phone" else None) or CONTACT_STATES.get(
        state, state
    )


# What the agent reads in the column that says why to call: the payer's class, and why a message
# was not possible.
CLASS_REMARKS = {
    "viciado": "costuma atrasar poucos dias",
    "irregular": "pagador irregular",
    "critico": "histórico crítico",
    "novo": "cliente novo",
    "pontual": "bom pagador",
}
CALL_REMARKS = {
    "invalid_email": "e-mail inválido",
    "refused_email": "último e-mail não pôde ser enviado",
    "no_email": "sem e-mail",
    "opted_out": "não aceita e-mail",
    "delivery_unknown": "e-mail sem confirmação de entrega",
}
POINT_REASONS = {
    "late_points": "pelo risco de atraso",
    "over_7_points": "pelo de passar de uma semana",
    "over_30_points": "pelo de passar de um mês",
    "overdue_points": "pelo que está vencido",
    "promise_points": "por promessas não cumpridas",
}
_CODES = re.compile(r"[a-z]\w*(:\S.*)?(; [a-z]\w*(:\S.*)?)*")


def read_codes(text: str) -> dict[str, str]:
    """The pairs of a column such as ``late:3; short_history``: a code and its value.

    ``told`` stands last and keeps all the rest, because it holds a text that the provider wrote.
    A text that is no such list gives nothing: batches held sentences before there were codes.
    """
    head, marker, told = text.partition("told:")
    head = head.removesuffix("; ")
    if not _CODES.fullmatch(head):
        return {}
    pairs = (part.partition(":") for part in head.split("; "))
    return {code: value for code, _, value in pairs} | ({"told": told} if marker else {})


def priority_sentence(text: str | None) -> str | None:
    """Why a payer stands in its place of the call queue.

    A text that holds no codes is given back.
    """
    codes = read_codes(text or "")
    if "days_past_due" not in codes:
        return text
    remarks = [
        (
            f"atraso de {codes['days_past_due']} dias, recuperação esperada de "
            f"{codes['recovery_percent']}%"
        ),
        CLASS_REMARKS[codes["payer_class"]],
        *(
            CALL_REMARKS[code] + (f": {codes['told']}" if "told" in codes else "")
            for code in codes
            if code in CALL_REMARKS
        ),
        *(["promessa não cumprida"] if "broken_promise" in codes else []),
        *(
            [f"crédito já abatido: {codes['credit'].replace('.', ',')}"]
            if "credit" in codes
            else []
        ),
    ]
    return "; ".join(remarks)


def score_sentence(text: str | None) -> str | None:
    """Why a payer has its score: what was seen, then what each thing costs.

    A text that holds no codes is given back.
    """
    codes = read_codes(text or "")
    if "observed" not in codes:
        return text
    points = [f"{codes[code]} {why}" for code, why in POINT_REASONS.items() if code in codes]
    lost = f"Pontos perdidos: {', '.join(points)}." if points else "Nada a descontar."
    short = " Histórico curto: pesa a média do segmento." if "short_history" in codes else ""
    return f"{'; '.join(_seen(codes))}. {lost}{short}"


def _seen(codes: dict[str, str]) -> Iterator[str]:
    yield _observed(int(codes["observed"]), int(codes.get("late", 0)))
    most = codes.get("most_days_late")
    if "weighted_days_late" in codes:
        days = codes["weighted_days_late"].replace(".", ",")
        yield (
            f"os pagos, em média {days} dias depois do vencimento (ponderado pelo valor), no "
            f"máximo {most}"
        )
    elif most:
        yield f"os pagos, no máximo {most} {'dia' if most == '1' else 'dias'} depois do vencimento"
    if overdue := codes.get("open_days_past_due"):
        yield f"hoje há título vencido há {overdue} {'dia' if overdue == '1' else 'dias'}"
    if broken := codes.get("broken_promises"):
        yield f"{broken} {'promessa não cumprida' if broken == '1' else 'promessas não cumpridas'}"


def _observed(observed: int, late: int) -> str:
    if observed == 0:
        return "Nenhum título pago ou vencido até agora"
    if observed == 1:
        return f"1 título observado, {'com atraso' if late else 'em dia'}"
    told = {0: "todos em dia", observed: "todos com atraso"}.get(late, f"{late} com atraso")
    return f"{observed} títulos observados, {told}"
