"""Portuguese labels for the codes that SQL writes.

Pages, workbooks, messages and ``cobranca why`` read them here.
"""

import re
from collections.abc import Iterator

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
REASONS = {
    "step_due": "Passo da régua previsto para hoje",
    "carried_by_other": "Vai junto com o título mais antigo do cliente",
    "not_due": "Ainda não venceu",
    "within_grace": "Pagamento pode estar em compensação",
    "waiting_next_step": "Aguarda o próximo passo da régua",
    "within_tolerance": "Resto dentro da tolerância",
    "superseded": "Dispensado: o contato de hoje é sobre o que já venceu",
    "waiting_interval": "Intervalo mínimo entre contatos",
    "frequency_cap": "Limite de contatos do período atingido",
    "preventive_not_needed": (
        "Lembrete antes do vencimento não previsto para esta classe de pagador"
    ),
    "below_minimum": "Abaixo do valor mínimo",
    "no_contact_day": "Fim de semana ou feriado",
    "awaiting_delivery": "Aguarda confirmação da última mensagem",
    "delivery_unknown": "Entrega da última mensagem não confirmada",
    "regua_changed": "Mudou de régua depois de contatado: uma pessoa decide",
    "no_regua": "Fora da régua por decisão de uma pessoa",
    "escalated": "Vai com o título mais antigo para a decisão de uma pessoa",
    "end_of_regua": "Fim da régua: uma pessoa decide",
    "prescribed": "Prescrita: o prazo de cobrança passou, e ninguém é contatado por ela",
    "agreement_broken": "Acordo não cumprido: a dívida original voltou, e uma pessoa decide",
    "agreement_kept": "Acordo cumprido: nada mais é pedido, e uma pessoa lança o desconto",
    "in_credit": "Um crédito do cliente cobre o valor: nada é pedido, e uma pessoa o apropria",
    "holdout": "Grupo de controle",
    "opted_out": "Cliente pediu para não ser contatado",
    "no_contact_data": "Sem e-mail ou telefone a que se possa recorrer",
    "no_email": "Sem e-mail",
    "no_phone": "Sem telefone: segue por e-mail",
    "calls_declined": "Não aceita ligações: segue por e-mail",
    "no_opt_in": "Não escolheu este canal: segue por e-mail",
    "failed_text": "Última mensagem ao telefone não foi entregue: segue por e-mail",
    "invalid_email": "E-mail inválido",
    "refused_email": "Último e-mail não pôde ser enviado",
    "hold_dispute": "Contestação em análise",
    "hold_promise": "Promessa de pagamento em aberto",
    "hold_agreement": "Acordo em andamento",
    "hold_legal": "Cobrança judicial ou suspensão legal",
    "hold_deceased": "Cliente falecido",
    "hold_hardship": "Dificuldade reconhecida",
    "hold_opt_out": "Cliente pediu para não ser contatado",
    "hold_paid_claim": "Cliente informou que já pagou: em verificação",
    "hold_refused": "Recusou-se a pagar: pausa antes de novo contato",
    "hold_scheduled": "Retorno agendado",
    "hold_erased": "Dados pessoais apagados a pedido do titular (LGPD, art. 18)",
    "hold_reversal": (
        "Estorno maior do que o pagamento conhecido: uma pessoa confere antes de qualquer contato"
    ),
}

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
